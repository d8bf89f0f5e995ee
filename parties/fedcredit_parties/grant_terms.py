"""Whether the terms of a grant can be meant, before it is signed.

The ledger would take a grant that ended yesterday or names no column of the table; nobody could use
it, and why would be found out in the middle of a run. Pure: the clock is an argument.
"""

from collections.abc import Collection
from datetime import datetime
from difflib import get_close_matches

from fedcredit_ledger.authorization import PURPOSES
from fedcredit_ledger.entry import MAX_ENTRY_BYTES
from fedcredit_parties.errors import ExpiredGrantError, GrantError

_EXAMPLE = "datetime.now(UTC) + timedelta(days=7)"


def check_terms(
    *,
    holder: str,
    purpose: str,
    features: Collection[str],
    columns: Collection[str] | None,
    now: datetime,
    valid_from: datetime | None,
    valid_until: datetime | None,
    max_uses: int | None,
) -> None:
    """Refuse terms that nobody can have meant.

    Parameters
    ----------
    holder : str
        Who allows.
    purpose : str
        The one purpose.
    features : collection of str
        Columns that are allowed; empty for all.
    columns : collection of str or None
        Columns of the holder's tables; None when they are not known here.
    now : datetime
        In UTC.
    valid_from, valid_until : datetime or None
        The period.
    max_uses : int or None
        Runs that may use it.

    Raises
    ------
    ExpiredGrantError
        When the period is over already.
    GrantError
        For every other term that cannot be meant.
    """

    def wrong(problem: str, *, expected: str, found: str, remedy: str) -> GrantError:
        return GrantError(problem, party=holder, expected=expected, found=found, remedy=remedy)

    if purpose not in PURPOSES:
        raise wrong(
            "a grant is for one of the federation's purposes",
            expected=", ".join(PURPOSES),
            found=repr(purpose)[:80],
            remedy="name one of the purposes, such as modelling",
        )
    if isinstance(features, str):
        raise wrong(
            "the columns of a grant are a list",
            expected="a list of names",
            found="one text",
            remedy=f"features=[{features!r}]",
        )
    strange = [name for name in features if columns is not None and name not in columns]
    if strange and columns is not None:
        known = [str(name) for name in columns]
        near = [m for name in strange for m in get_close_matches(str(name), known, n=1)]
        raise wrong(
            f"the table of {holder} has no column {', '.join(map(str, strange))}",
            expected=f"some of {', '.join(known)}",
            found=", ".join(map(str, strange)),
            remedy=f"did you mean {', '.join(near)}?" if near else "correct the names",
        )
    if sum(len(str(name).encode()) + 3 for name in features) > MAX_ENTRY_BYTES // 2:
        raise wrong(
            "a grant names more columns than the ledger takes",
            expected=f"names of {MAX_ENTRY_BYTES // 2} bytes in all",
            found=f"{len(features)} columns",
            remedy="allow every column: leave features out",
        )
    if max_uses is not None and (type(max_uses) is not int or max_uses < 1):
        raise wrong(
            "the number of uses of a grant is a whole number from 1 on",
            expected="1 or more, or None for no limit",
            found=repr(max_uses)[:80],
            remedy="a grant for nothing is no grant: revoke it instead",
        )
    for name, moment in (("valid_from", valid_from), ("valid_until", valid_until)):
        if moment is None:
            continue
        if not isinstance(moment, datetime) or moment.utcoffset() is None:
            raise wrong(
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
        raise wrong(
            "the grant would end before it begins",
            expected="valid_until after valid_from",
            found="before or at it",
            remedy="exchange the two, or leave valid_from out: it then begins now",
        )
