"""Sealed releases: what the key holder hands to the rostered parties and the requester.

A release travels as bytes that only its recipient opens, in its letter or, when it is large, as a
blob beside it; the ledger's ``round-opened`` carries the salted commitment to it. A
recipient believes a document only when it opens that commitment, so everybody evaluates the next
round at the same, released point, or not at all (lock C).
"""

import base64
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fedcredit_ledger.canonical import decode, encode
from fedcredit_ledger.entry import open_commitment
from fedcredit_ledger.errors import LedgerError
from fedcredit_ledger.rules import Act, RunState
from fedcredit_parties.course import Course
from fedcredit_parties.errors import InputNotReleasedError, MalformedMessageError
from fedcredit_parties.mailbox import Letter
from fedcredit_parties.member import Member
from fedcredit_parties.sealing import seal, unseal

RELEASE = "release"
"""Kind of the letter that brings a sealed release, or names the blob that is one."""

MOST_IN_A_LETTER = 24_000
"""Bytes of a sealed release that travels in its letter; a larger one is a blob beside it."""


def _context(run_id: str, opened: str, recipient: str) -> bytes:
    return encode(["fedcredit-release/v1", run_id, opened, recipient])


def seal_release(
    document: dict[str, Any], salt: str, *, run_id: str, opened: str, recipient: str, mask_key: str
) -> bytes:
    """Return the release sealed to one recipient.

    Disclosure
    ----------
    The recipient learns the document; whoever relays it learns its size.
    """
    content = encode({"document": document, "salt": salt})
    return seal(mask_key, content, context=_context(run_id, opened, recipient))


def open_release(
    blob: bytes, *, run_id: str, opened: str, recipient: str, key: X25519PrivateKey, commitment: str
) -> dict[str, Any]:
    """Unseal a release and check it against the commitment in the ledger.

    Raises
    ------
    EncryptionError
        When it was not sealed for this recipient, run and opening.
    InputNotReleasedError
        When the document is not what ``round-opened`` commits to.
    """
    document, _ = _opening(
        blob, run_id=run_id, opened=opened, recipient=recipient, key=key, commitment=commitment
    )
    return document


def _opening(
    blob: bytes, *, run_id: str, opened: str, recipient: str, key: X25519PrivateKey, commitment: str
) -> tuple[dict[str, Any], str]:
    """Return the document of a release and the salt with which it opens the commitment."""
    try:
        content = decode(unseal(key, blob, context=_context(run_id, opened, recipient)))
    except LedgerError as error:
        raise MalformedMessageError("a sealed release that is not canonical JSON") from error
    if not isinstance(content, dict) or set(content) != {"document", "salt"}:
        raise MalformedMessageError("a sealed release with other fields")
    document, salt = content["document"], content["salt"]
    if not open_commitment(commitment, salt, "result", document):
        raise InputNotReleasedError(
            "a release does not open the commitment in the ledger",
            expected="the document that round-opened commits to",
            found="another document",
            remedy="stop the run and compare ledgers: the key holder sent different documents",
        )
    return dict(document), salt


def catch_up(member: Member, run: RunState, course: Course[Any], *, deadline: float) -> None:
    """Absorb every opened round of `run` that `course` has not seen yet.

    Raises
    ------
    InputNotReleasedError
        When a release has not arrived by `deadline` (monotonic seconds) or is not the one that
        the ledger commits to.
    """
    for opened in run.opened[len(course.history) :]:
        letter = member.mailbox.wait(_names(member, opened), deadline=deadline)
        if letter is None:
            raise InputNotReleasedError(
                "the release of the previous round has not arrived",
                party=member.name,
                expected="a sealed release from the key holder",
                found="none before the deadline",
                remedy="check that the key holder runs, then run the job again",
            )
        _absorb(member, run, course, opened, letter)


def absorb_arrived(member: Member, run: RunState, course: Course[Any]) -> bool:
    """Absorb the opened rounds whose releases are here; say whether no release is outstanding.

    Raises
    ------
    InputNotReleasedError
        When a release is not the one that the ledger commits to.
    """
    for opened in run.opened[len(course.history) :]:
        letters = member.mailbox.all(_names(member, opened))
        if not letters:
            return False
        _absorb(member, run, course, opened, letters[0])
    return True


def _names(member: Member, opened: Act) -> Callable[[Letter], bool]:
    """Return a test for the key holder's letter about one opening."""
    key_holder = member.role("key-holder")

    def is_it(letter: Letter) -> bool:
        about = (letter.sender, letter.kind, letter.body.get("opened"))
        return about == (key_holder, RELEASE, opened.entry_id)

    return is_it


def packed(member: Member, blob: bytes) -> dict[str, str]:
    """Return the part of a letter that carries a sealed release, or names the blob that does."""
    if len(blob) <= MOST_IN_A_LETTER:
        return {"sealed": base64.b64encode(blob).decode()}
    return {"blob": member.front.put_blob(blob)}


def _unpacked(member: Member, letter: Letter) -> bytes:
    sealed = letter.body.get("sealed")
    if sealed is None:
        return member.front.get_blob(str(letter.body.get("blob")))
    try:
        return base64.b64decode(str(sealed), validate=True)
    except ValueError:
        raise MalformedMessageError("a sealed release that is not base64") from None


def _absorb(
    member: Member, run: RunState, course: Course[Any], opened: Act, letter: Letter
) -> None:
    document, salt = _opening(
        _unpacked(member, letter),
        run_id=run.run_id,
        opened=opened.entry_id,
        recipient=member.name,
        key=member.identity.mask_key,
        commitment=opened.data["commits"]["result"],
    )
    course.absorb(document)
    course.openings[opened.index] = [salt, "result", document]
