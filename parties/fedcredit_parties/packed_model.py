"""A saved model inside a task: its JSON, compressed, as one line of text.

A model of a hundred trees is some megabytes of repetitive JSON; packed it fits a task's document.
Whoever unpacks reads foreign bytes: at most as many as a model may have, and one text exactly.
"""

import base64
import binascii
import zlib
from functools import lru_cache

from fedcredit_models.saved_model import SavedModel, read_model
from fedcredit_models.strict_json import MAX_BYTES

MAX_PACKED = 900_000
"""Longest packed model, in characters."""


def pack_model(text: str) -> str:
    """Return a model's JSON, packed.

    Raises
    ------
    ValueError
        When it is too large for a task.
    """
    packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    if len(packed) > MAX_PACKED:
        raise ValueError(f"the model is too large for a task: {len(packed)} characters, packed")
    return packed


@lru_cache(maxsize=8)
def unpack_model(packed: str) -> SavedModel:
    """Read a packed model.

    Raises
    ------
    ValueError
        When it is not exactly one packed model of a known format.
    """
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(base64.b64decode(packed, validate=True), MAX_BYTES + 1)
        text = raw.decode()
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        raise ValueError("not a packed model") from None
    if not inflater.eof or inflater.unused_data:
        raise ValueError("not exactly one packed model, or too large a one")
    return read_model(text)
