"""What the key holder keeps of an opened sum until the next opening of its run, as bytes.

Only one thing needs it: a tree's level is summed over the smaller child of each split, and the
other child's sum is the parent's less that (ADR 14). It is encrypted at rest like the run's key.
"""

import numpy as np

from fedcredit_ledger.canonical import decode, encode
from fedcredit_parties.procedure import Memory

_LENGTH_BYTES = 4


def pack(memory: Memory) -> bytes:
    """Return the arrays as one string of bytes: a header, then the numbers."""
    names = sorted(memory)
    header = encode([[name, list(memory[name].shape)] for name in names])
    numbers = b"".join(memory[name].astype("<i8").tobytes() for name in names)
    return len(header).to_bytes(_LENGTH_BYTES, "big") + header + numbers


def unpack(packed: bytes) -> Memory:
    """Return the arrays that `pack` was given."""
    begin = _LENGTH_BYTES + int.from_bytes(packed[:_LENGTH_BYTES], "big")
    found: Memory = {}
    for name, shape in decode(packed[_LENGTH_BYTES:begin]):
        n_bytes = 8 * int(np.prod(shape, dtype=np.int64))
        numbers = np.frombuffer(packed[begin : begin + n_bytes], dtype="<i8")
        found[name] = numbers.astype(np.int64).reshape(shape)
        begin += n_bytes
    return found
