"""An authorization: which words it may use, what its basis demands, and one hash over many of them.

An authorization over a whole table is a ``grant-issued`` entry. Authorizations of single subjects
are too many for that, and their times would tell a story: their holder keeps them, each in the form
that the data of a ``grant-issued`` entry has, and seals a set of them with one root. Both kinds
meet in a contribution: its ``grants_root`` is that over exactly the authorizations that were used.

The tree is that of RFC 6962 over leaf hashes *in ascending order*, so that a holder can show of one
authorization that it was under a root, and also that it was not.

References
----------
RFC 6962, section 2.1. The articles 23, 24 and 29 of the Personal Information Protection Law (PIPL):
consent of its own to the provision to others, to automated decisions, to sensitive information.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fedcredit_ledger.canonical import encode
from fedcredit_ledger.errors import InvalidEvidenceError
from fedcredit_ledger.merkle import Tree, leaf_hash, verify_inclusion

PURPOSES = (
    "loan_origination",
    "post_loan",
    "modelling",
    "blacklist_check",
    "fraud_intervention",
    "evidence",
)
"""The closed list of purposes."""

BASES = ("consent", "contract", "statute", "court_order", "police_order")
SUBJECT_TYPES = ("person", "enterprise", "household")
CATEGORIES = (
    "loans",
    "cashflow",
    "electricity",
    "rural_assets",
    "tax",
    "telecom",
    "judicial",
)
"""Kinds of data; a table is of one of them."""

EVERY = "all"
"""In place of categories: whatever the named tables hold."""

SEPARATE_CONSENTS = ("pipl-23", "pipl-24", "pipl-29")
"""Consents that a person gives one by one: provision, automated decision, sensitive information."""

_DECIDES = ("loan_origination", "blacklist_check", "fraud_intervention")
_SENSITIVE = ("cashflow", "telecom", EVERY)


def separate_consents_needed(terms: Mapping[str, Any], *, issuer: str) -> tuple[str, ...]:
    """Return which consents of its own a person's consent must name.

    Provision to others when the grantee is not the issuer; automated decision when the purpose
    decides about the person; sensitive information for accounts, whereabouts, or every category.

    Parameters
    ----------
    terms : mapping
        Data of a ``grant-issued`` entry.
    issuer : str
        The holder.
    """
    if terms["basis"] != "consent" or terms.get("subject_type") != "person":
        return ()
    sensitive = any(name in _SENSITIVE for name in terms.get("categories", ()))
    needed = {
        "pipl-23": terms["grantee"] != issuer,
        "pipl-24": terms["purpose"] in _DECIDES,
        "pipl-29": sensitive,
    }
    return tuple(name for name, is_needed in needed.items() if is_needed)


def lacking(terms: Mapping[str, Any], *, issuer: str) -> str:
    """Return what the basis of an authorization demands and its terms lack; "" when nothing.

    Parameters
    ----------
    terms : mapping
        Data of a ``grant-issued`` entry, already of its form.
    issuer : str
        The holder.
    """
    basis, commits = terms["basis"], terms.get("commits", {})
    consents = set(terms.get("separate_consents", ()))
    if basis == "consent" and "subject" not in commits:
        return "a consent is one subject's: it commits to the subject, or is sealed in a batch"
    if basis == "statute" and "statute" not in terms:
        return "a statute is named by its law and article"
    if basis in ("court_order", "police_order") and "order_no" not in commits:
        return f"a {basis} commits to the order's number"
    if consents and terms.get("subject_type") != "person":
        return "separate consents are given by a person"
    missing = [x for x in separate_consents_needed(terms, issuer=issuer) if x not in consents]
    if missing:
        return f"a person's consent to these terms also names {', '.join(missing)}"
    return ""


def grant_leaf(entry_id: str) -> bytes:
    """Return the leaf hash of an authorization that is an entry of the ledger."""
    return leaf_hash(bytes.fromhex(entry_id))


def sealed_leaf(terms: Mapping[str, Any]) -> bytes:
    """Return the leaf hash of an authorization that its holder keeps: over its canonical form."""
    return leaf_hash(encode(dict(terms)))


def root_over(leaves: Iterable[bytes]) -> str:
    """Return the root (hex) over leaf hashes, whatever their order.

    Raises
    ------
    ValueError
        When there is none, or one stands twice.
    """
    return _tree(sorted(leaves)).root.hex()


def _tree(ordered: list[bytes]) -> Tree:
    if not ordered or len(set(ordered)) != len(ordered):
        raise ValueError("a root is over at least one authorization, each once")
    return Tree(ordered)


def prove(leaves: Iterable[bytes], leaf: bytes) -> dict[str, Any]:
    """Return the proof that a leaf is, or is not, under the root over `leaves`.

    Returns
    -------
    dict
        ``size`` and ``shown``: the leaf itself, or its one or two neighbours, each with its
        ``index``, ``hash`` and ``proof``.

    Disclosure
    ----------
    Whoever sees it learns how many authorizations there were, and hashes of others, which nobody
    can guess behind: every authorization of a subject holds a salted commitment.
    """
    ordered = sorted(leaves)
    tree = _tree(ordered)
    if leaf in ordered:
        places = [ordered.index(leaf)]
    else:
        above = sum(1 for other in ordered if other < leaf)
        places = [place for place in (above - 1, above) if 0 <= place < len(ordered)]
    return {
        "size": len(ordered),
        "shown": [
            {
                "index": place,
                "hash": ordered[place].hex(),
                "proof": [x.hex() for x in tree.inclusion_proof(place, len(ordered))],
            }
            for place in places
        ],
    }


def is_under(proof: Mapping[str, Any], *, leaf: bytes, root: str) -> bool:
    """Tell whether a leaf is under a root, by a proof from `prove`.

    Raises
    ------
    InvalidEvidenceError
        When the proof shows neither that it is nor that it is not.
    """
    try:
        size = proof["size"]
        shown = [
            (int(x["index"]), bytes.fromhex(x["hash"]), [bytes.fromhex(y) for y in x["proof"]])
            for x in proof["shown"]
        ]
        for index, value, hashes in shown:
            verify_inclusion(value, index=index, size=size, proof=hashes, root=bytes.fromhex(root))
    except (KeyError, TypeError, ValueError):
        raise InvalidEvidenceError("the proof about an authorization is not of its form") from None
    places = [(index, value) for index, value, _ in shown]
    if len(places) == 1:
        index, value = places[0]
        if value == leaf:
            return True
        if (index == 0 and leaf < value) or (index == size - 1 and value < leaf):
            return False
    elif len(places) == 2:
        (first, low), (second, high) = places
        if second == first + 1 and low < leaf < high:
            return False
    raise InvalidEvidenceError(
        "the proof shows neither the authorization nor the gap where it would stand",
        remedy="ask the holder for the proof of this very authorization and root",
    )
