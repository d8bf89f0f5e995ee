"""Ways to spoil a message: blind ones for bytes, and ones that know JSON, lines and lengths."""

import copy
import json
import random
import struct
from typing import Any

LENGTHS = (
    0,
    1,
    2,
    7,
    63,
    64,
    255,
    256,
    65_535,
    65_536,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63,
    2**64 - 1,
)
"""Counts and lengths that a reader may trip over."""

DEEP = "\x00deep\x00"
"""Stands for a value nested a hundred thousand times; written in by `spelled`."""

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**53 - 1,
    2**53,
    2**63,
    -(2**63) - 1,
    10**40,
    1.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "a" * 300,
    "a" * 20_000,
    "all",
    "../../etc/passwd",
    "\u202e\u2066",
    "e\u0301",
    "\ud800",
    "\x00",
    "\n",
    "1e999",
    "0" * 64,
    "f" * 64,
    "F" * 64,
    [],
    {},
    [[]],
    [None],
    {"": 1},
    {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}},
    DEEP,
)


def spoil_bytes(rng: random.Random, data: bytes, others: tuple[bytes, ...] = ()) -> bytes:
    """Return `data` after one to three blind mutations; `others` are there to be spliced in."""
    mutant = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        kind = rng.randrange(9)
        end = max(1, len(mutant))
        place = rng.randrange(min(end, 200) if rng.random() < 0.5 else end)
        if kind == 0 and mutant:
            for _ in range(rng.randint(1, 4)):
                mutant[rng.randrange(len(mutant))] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del mutant[place:]
        elif kind == 2:
            mutant[place:place] = rng.randbytes(rng.randint(1, 40))
        elif kind == 3:
            del mutant[place : place + rng.randint(1, 40)]
        elif kind == 4:
            length = rng.randint(1, 2_000)
            mutant[place:place] = mutant[place : place + length]
        elif kind == 5:
            number = rng.choice(LENGTHS)
            form = rng.choice((">B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
            size = struct.calcsize(form)
            mutant[place : place + size] = struct.pack(form, number % (1 << 8 * size))
        elif kind == 6 and others:
            other = rng.choice(others)
            cut = rng.randrange(max(1, len(other)))
            mutant[place:] = other[cut:]
        elif kind == 7:
            mutant = mutant * rng.choice((2, 3, 10))
        else:
            mutant[place : place + 1] = rng.choice(
                (b"\n", b"\n\n", b"\0", b"\r\n", b"\xe2\x80\x94", b"\xff", b'"', b"{", b"]", b"+")
            )
    return bytes(mutant[: 2**20])


def spoil_lines(rng: random.Random, data: bytes) -> bytes:
    """Return a text after one mutation of its lines, or a blind one."""
    lines = data.split(b"\n")
    kind = rng.randrange(6)
    place = rng.randrange(len(lines))
    if kind == 0:
        lines.insert(place, lines[rng.randrange(len(lines))])
    elif kind == 1:
        del lines[place]
    elif kind == 2:
        lines[place] = lines[place][::-1]
    elif kind == 3:
        rng.shuffle(lines)
    elif kind == 4:
        lines[place] = str(rng.choice(ODD)).encode("utf-8", "surrogatepass")
    else:
        return spoil_bytes(rng, data)
    return b"\n".join(lines)


def spoil_value(rng: random.Random, value: Any) -> Any:
    """Return a JSON value after one to three mutations of its tree."""
    spoiled = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(spoiled))
        if not places:
            return rng.choice(ODD)
        holder, key = rng.choice(places)
        _spoil_place(rng, holder, key)
    return spoiled


def _places(value: Any) -> Any:
    """Yield every (container, key) of a tree."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield value, key
            yield from _places(item)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield value, position
            yield from _places(item)


def _spoil_place(rng: random.Random, holder: Any, key: Any) -> None:
    kind = rng.randrange(8)
    item = holder[key]
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice(("surplus", "", "a" * 70, "é", "Party", "__class__"))] = item
    elif kind == 1:
        holder.insert(key, item)
    elif kind == 2 and isinstance(item, str) and item:
        cut = rng.randrange(len(item))
        holder[key] = item[:cut] + rng.choice(("", "x", "\u202e", " ", "0", "\n")) + item[cut + 1 :]
    elif kind == 3 and isinstance(item, int):
        holder[key] = rng.choice((item + 1, item - 1, -item, item * 10**9, str(item), float(item)))
    elif kind == 4 and isinstance(item, list):
        holder[key] = rng.choice((item[::-1], item * 2, item[:1] * 300, item[1:], [item]))
    elif kind == 5:
        holder[key] = rng.choice(([item], {"value": item}, str(item)))
    else:
        holder[key] = copy.deepcopy(rng.choice(ODD))


def spelled(rng: random.Random, value: Any) -> bytes:
    """Write a JSON value, as it should be written or in a way that means nearly the same."""
    kind = rng.randrange(8)
    settings: dict[str, Any] = {"separators": (",", ":"), "sort_keys": True, "ensure_ascii": False}
    if kind == 0:
        settings["separators"] = (", ", ": ")
    elif kind == 1:
        settings["ensure_ascii"] = True
    elif kind == 2:
        settings["sort_keys"] = False
    text = json.dumps(value, **settings).encode("utf-8", "surrogatepass")
    deep = b"[" * 100_000 + b"]" * 100_000
    text = text.replace(b'"\\u0000deep\\u0000"', deep)
    if kind == 3:
        text = text.replace(b"}", b',"a":1,"a":1}', 1)
    elif kind == 4:
        text = b"\xef\xbb\xbf" + text
    return text
