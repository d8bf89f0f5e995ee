"""The terms of an authorization, and whether they can be meant, before they are signed or sealed.

The ledger would take a grant that ended yesterday or names no column of the table; nobody could use
it, and why would be found out in the middle of a run. Pure: the clock is an argument.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from fedcredit_ledger.authorization import (
    BASES,
    CATEGORIES,
    EVERY,
    PURPOSES,
    SEPARATE_CONSENTS,
    SUBJECT_TYPES,
    lacking,
)
from fedcredit_ledger.entry import MAX_ENTRY_BYTES, format_time
from fedcredit_parties.errors import ExpiredGrantError, GrantError

DEFAULT_DAYS = 30
OPERATIONS = ("sum", "train", "match", "lookup")

_EXAMPLE = "datetime.now(UTC) + timedelta(days=7)"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a holder allows, on which basis, and until when.

    Attributes
    ----------
    grantee, purpose : str
        Whom; the one purpose that is allowed, of the federation's list.
    assets : sequence of str
        Tables.
    basis : {"consent", "contract", "statute", "court_order", "police_order"}
        What it rests on.
    statute : tuple of str
        Law and article.
    order_no, application_no : str
        Number of the order; of the one application that a consent is bound to. Both are committed
        to, not written.
    subject : str
        Token of the one subject it is about; empty for every row of the tables. Never written.
    subject_type : {"person", "enterprise", "household"}
        What the subject is.
    separate_consents : sequence of str
        ``pipl-23``, ``pipl-24``, ``pipl-29``: what a person has consented to one by one.
    document : str
        SHA-256 (hex) of the document behind it; committed to, not written.
    operations, categories, features, holders : sequence of str
        What may be done; which kinds of data; which columns (every one when empty); who may be
        asked (the issuer when empty).
    data_from, data_to : date
        First and last day of the rows that may be used.
    valid_from, valid_until : datetime
        From now, for thirty days, when absent.
    max_uses, max_rounds, epsilon_micro : int
        Runs and contributions under it, and privacy budget in millionths. One subject's
        authorization is for one use when nothing is said.
    """

    grantee: str
    purpose: str
    assets: Collection[str]
    basis: str = "contract"
    statute: tuple[str, str] | None = None
    order_no: str = ""
    application_no: str = ""
    subject: str = ""
    subject_type: str = ""
    separate_consents: Collection[str] = ()
    document: str = ""
    operations: Collection[str] = ("sum",)
    categories: Collection[str] = (EVERY,)
    features: Collection[str] = ()
    holders: Collection[str] = ()
    data_from: date | None = None
    data_to: date | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    max_uses: int | None = None
    max_rounds: int | None = None
    epsilon_micro: int | None = None

    def data(self, *, holder: str, now: datetime) -> dict[str, Any]:
        """Return what a ``grant-issued`` entry says of them, without its id and commitments."""
        found: dict[str, Any] = {
            "basis": self.basis,
            "grantee": self.grantee,
            "purpose": self.purpose,
            "categories": sorted(set(self.categories)),
            "holders": sorted(set(self.holders)) or [holder],
            "assets": sorted(self.assets),
            "operations": sorted(set(self.operations)),
            "valid_from": format_time(self.valid_from or now),
            "valid_until": format_time(self.valid_until or now + timedelta(days=DEFAULT_DAYS)),
        }
        limits = {name: getattr(self, name) for name in ("max_rounds", "epsilon_micro")}
        limits["max_uses"] = 1 if self.subject and self.max_uses is None else self.max_uses
        found |= {name: limit for name, limit in limits.items() if limit is not None}
        for name in ("data_from", "data_to"):
            day = getattr(self, name)
            if day is not None:
                found[name] = f"{day:%Y-%m-%d}"
        if self.features:
            found["columns"] = sorted(set(self.features))
        if self.statute is not None:
            found["statute"] = {"law": self.statute[0], "article": self.statute[1]}
        if self.subject_type:
            found["subject_type"] = self.subject_type
        if self.separate_consents:
            found["separate_consents"] = sorted(set(self.separate_consents))
        return found

    @property
    def committed(self) -> dict[str, str]:
        """What is committed to and stays with the holder, by field."""
        names = ("subject", "document", "application_no", "order_no")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


def check_terms(
    terms: Terms, *, holder: str, columns: Collection[str] | None, now: datetime
) -> None:
    """Refuse terms that nobody can have meant, and those that lack what their basis demands.

    Parameters
    ----------
    terms : Terms
        What is to be signed or sealed.
    holder : str
        Who allows.
    columns : collection of str or None
        Columns of the holder's tables; None when they are not known here.
    now : datetime
        In UTC.

    Raises
    ------
    ExpiredGrantError
        When the period is over already.
    GrantError
        For every other term that cannot be meant.
    """
    _check_words(terms, holder)
    _check_columns(terms, holder, columns)
    _check_numbers(terms, holder)
    check_period(terms.valid_from, terms.valid_until, holder=holder, now=now)
    if terms.data_from and terms.data_to and terms.data_from > terms.data_to:
        raise _wrong(
            holder,
            "the data window would end before it begins",
            expected="data_from on or before data_to",
            found=f"{terms.data_from} and {terms.data_to}",
            remedy="exchange the two",
        )
    told = terms.data(holder=holder, now=now) | {"commits": terms.committed}
    wanting = lacking(told, issuer=holder)
    if wanting:
        raise _wrong(
            holder,
            wanting,
            expected=f"what the basis {terms.basis} demands",
            found="terms without it",
            remedy="add it, or name another basis; docs/how-to/issue-and-revoke-grants.md lists "
            "what each basis needs",
        )


def _wrong(holder: str, problem: str, *, expected: str, found: str, remedy: str) -> GrantError:
    return GrantError(problem, party=holder, expected=expected, found=found, remedy=remedy)


def _check_words(terms: Terms, holder: str) -> None:
    if terms.purpose not in PURPOSES:
        raise _wrong(
            holder,
            "a grant is for one of the federation's purposes",
            expected=", ".join(PURPOSES),
            found=repr(terms.purpose)[:80],
            remedy="name one of the purposes, such as modelling",
        )
    lists: tuple[tuple[str, Collection[str], tuple[str, ...]], ...] = (
        ("basis", (terms.basis,), BASES),
        ("subject_type", (terms.subject_type,) if terms.subject_type else (), SUBJECT_TYPES),
        ("categories", terms.categories, (*CATEGORIES, EVERY)),
        ("operations", terms.operations, OPERATIONS),
        ("separate_consents", terms.separate_consents, SEPARATE_CONSENTS),
    )
    for name, given, known in lists:
        strange = [given] if isinstance(given, str) else [x for x in given if x not in known]
        if strange or (name in ("categories", "operations") and not given):
            raise _wrong(
                holder,
                f"the {name} of a grant is of a closed list",
                expected=f"some of {', '.join(known)}",
                found=repr(strange[0])[:80] if strange else "none",
                remedy="correct the word",
            )
    if terms.document and not _DIGEST.fullmatch(terms.document):
        raise _wrong(
            holder,
            "the document behind a grant is committed to by its digest",
            expected="64 hex digits, as sha256sum prints them",
            found=f"{len(terms.document)} characters",
            remedy="give the digest, or --document FILE",
        )


def _check_columns(terms: Terms, holder: str, columns: Collection[str] | None) -> None:
    features = terms.features
    if isinstance(features, str):
        raise _wrong(
            holder,
            "the columns of a grant are a list",
            expected="a list of names",
            found="one text",
            remedy=f"features=[{features!r}]",
        )
    strange = [name for name in features if columns is not None and name not in columns]
    if strange and columns is not None:
        known = [str(name) for name in columns]
        near = [m for name in strange for m in get_close_matches(str(name), known, n=1)]
        raise _wrong(
            holder,
            f"the table of {holder} has no column {', '.join(map(str, strange))}",
            expected=f"some of {', '.join(known)}",
            found=", ".join(map(str, strange)),
            remedy=f"did you mean {', '.join(near)}?" if near else "correct the names",
        )
    if sum(len(str(name).encode()) + 3 for name in features) > MAX_ENTRY_BYTES // 2:
        raise _wrong(
            holder,
            "a grant names more columns than the ledger takes",
            expected=f"names of {MAX_ENTRY_BYTES // 2} bytes in all",
            found=f"{len(features)} columns",
            remedy="allow every column: leave features out",
        )


def _check_numbers(terms: Terms, holder: str) -> None:
    for name, what in (("max_uses", "uses"), ("max_rounds", "rounds"), ("epsilon_micro", "budget")):
        limit = getattr(terms, name)
        if limit is not None and (type(limit) is not int or limit < 1):
            raise _wrong(
                holder,
                f"the number of {what} of a grant is a whole number from 1 on",
                expected="1 or more, or None for no limit",
                found=repr(limit)[:80],
                remedy="a grant for nothing is no grant: revoke it instead",
            )


def check_period(
    valid_from: datetime | None, valid_until: datetime | None, *, holder: str, now: datetime
) -> None:
    """Refuse a period that nobody could use.

    Raises
    ------
    ExpiredGrantError
        When it is over already.
    GrantError
        When it ends before it begins, or a moment has no time zone.
    """
    for name, moment in (("valid_from", valid_from), ("valid_until", valid_until)):
        if moment is None:
            continue
        if not isinstance(moment, datetime) or moment.utcoffset() is None:
            raise _wrong(
                holder,
                f"{name} does not say a moment",
                expected="a datetime with a time zone",
                found="one without" if isinstance(moment, datetime) else type(moment).__name__,
                remedy=f"{name}={_EXAMPLE}",
            )
    start = now if valid_from is None else valid_from
    if valid_until is not None and valid_until <= now:
        raise ExpiredGrantError(
            "the grant would be over before anybody could use it",
            party=holder,
            expected=f"valid_until after {now:%Y-%m-%d %H:%M} UTC",
            found=f"{valid_until:%Y-%m-%d %H:%M %Z}",
            remedy=f"valid_until={_EXAMPLE}",
        )
    if valid_until is not None and valid_until <= start:
        raise _wrong(
            holder,
            "the grant would end before it begins",
            expected="valid_until after valid_from",
            found="before or at it",
            remedy="exchange the two, or leave valid_from out: it then begins now",
        )
