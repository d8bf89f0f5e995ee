"""Several byte strings in one body: each with its length before it, nothing between or after.

Leaves, notes and receipts travel like this on the front. There is nothing to parse but lengths,
and a reader knows before it copies how much there can be.
"""

import struct
from collections.abc import Iterable

from fedcredit_parties.errors import MalformedMessageError

_LENGTH = struct.Struct(">I")


def pack(items: Iterable[bytes]) -> bytes:
    """Return the items as one byte string."""
    parts: list[bytes] = []
    for item in items:
        parts += (_LENGTH.pack(len(item)), item)
    return b"".join(parts)


def unpack(data: bytes, *, most: int) -> list[bytes]:
    """Read what `pack` wrote.

    Parameters
    ----------
    data : bytes
        The whole body.
    most : int
        Largest number of items.

    Raises
    ------
    MalformedMessageError
        When there are more, or the lengths do not add up to the body.
    """
    items: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + _LENGTH.size
        if len(items) == most or start > len(data):
            raise _malformed(most)
        (length,) = _LENGTH.unpack_from(data, position)
        position = start + length
        if position > len(data):
            raise _malformed(most)
        items.append(data[start:position])
    return items


def _malformed(most: int) -> MalformedMessageError:
    return MalformedMessageError(
        "a body on the front is not a row of byte strings",
        expected=f"at most {most} items whose lengths add up",
        found="other bytes",
    )
