"""Check an evidence package of FedCredit with nothing but Python 3.8 and this file.

    python3 -I -S verify.py PACKAGE.zip [--founding ID] [--policy FILE]

Every byte of the archive is accounted for; every entry is signed by the keys that counted at its
place, stands in the tree under the checkpoint, was received when the witnesses' checkpoints around
it say, and everything it refers to is in the package too. The checkpoint carries the quorum.
Without --founding (the entry id that the ledger begins with) or --policy (lines of a
c2sp.org/tlog-policy), learned elsewhere, all of this holds only among the keys in the package.
Formats: ledger/SPEC.md.
"""

from __future__ import annotations

import argparse
import base64
import calendar
import functools
import hashlib
import json
import re
import struct
import sys
import time
import unicodedata
import zlib
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

if TYPE_CHECKING:  # written as Python 3.9 and later do, read by 3.8 too
    from collections.abc import Callable, Sequence

    Files = dict[str, bytes]
    Line = tuple[str, bytes, bytes]
    Point = tuple[int, int, int, int]

FORMAT = "fedcredit-evidence/v1"
MAX_FILES, MAX_BYTES, DRIFT_S, YEAR_10000 = 50_000, 1 << 30, 600, 253_402_300_800
ENDORSED_S = 30 * 86_400
_FOR_READING = (
    "for reading only, not compared by this program: statement.html, README.txt, flow.txt, keys/"
)
_NUMBER = r"(?:0|[1-9][0-9]{0,14})"
_NAMES = re.compile(
    r"README\.txt|SHA256SUMS|checkpoint|flow\.txt|policy|statement\.html|verify\.py|"
    rf"entries/{_NUMBER}\.(?:leaf|tlog-proof)|brackets/{_NUMBER}\.(?:checkpoint|consistency)|"
    r"(?:attachments|anchors)/[A-Za-z0-9][A-Za-z0-9._-]{0,98}|"
    rf"openings/{_NUMBER}\.json|keys/(?:history\.txt|[A-Za-z0-9._-]{{1,99}}\.pem)"
)
_SIGNATURE = re.compile(r"\u2014 ([^\s+\x00-\x1f\x7f]{1,255}) ([A-Za-z0-9+/]+={0,2})")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufeff"
    + "".join(chr(n + 0xFFFE) + chr(n + 0xFFFF) for n in range(0, 0x110000, 0x10000))
    + "]"
)
_BODY = set(
    "author author_prev author_seq data ledger readers seen_root seen_size time type".split()
)
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, struct.error)
T = TypeVar("T")


class Refused(Exception):
    """What is wrong, and in which file of the package."""

    def __init__(self, where: str, sentence: str, expected: str = "", found: str = "") -> None:
        super().__init__(sentence)
        self.where, self.sentence, self.expected, self.found = where, sentence, expected, found


def _of_file(reader: Callable[..., T]) -> Callable[..., T]:
    """Let a reader, whose last argument is a file's name, refuse malformed bytes by `Refused`."""

    @functools.wraps(reader)
    def guarded(*arguments: Any) -> T:
        try:
            return reader(*arguments)
        except _MALFORMED as error:
            raise Refused(str(arguments[-1]), f"malformed ({type(error).__name__})") from error

    return guarded


class Key(NamedTuple):
    """A named Ed25519 key; kind 1 signs notes, kind 4 co-signs checkpoints."""

    vkey: str
    name: str
    id: bytes
    kind: int
    public: bytes


class Leaf(NamedTuple):
    """One entry with its place in the ledger; nothing of it is verified yet."""

    place: int
    hash: bytes
    prev: str
    received: str
    id: str
    type: str
    author: str
    data: dict[str, Any]
    body: dict[str, Any]
    text: bytes
    lines: list[Line]


def _sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


# Ed25519, RFC 8032 section 5.1; points in extended coordinates.
_P, _L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
_D, _I = -121665 * pow(121666, _P - 2, _P) % _P, pow(2, (_P - 1) // 4, _P)


@functools.lru_cache(maxsize=1024)
def _point(raw: bytes) -> Point | None:
    y, sign = int.from_bytes(raw, "little") & ((1 << 255) - 1), raw[31] >> 7
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    x = x if (x * x - square) % _P == 0 else x * _I % _P
    if y >= _P or (x * x - square) % _P or (x == 0 and sign):
        return None
    x = x if x & 1 == sign else _P - x
    return x, y, 1, x * y % _P


def _add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(p: Point) -> Point:
    a, b, c = p[0] * p[0] % _P, p[1] * p[1] % _P, 2 * p[2] * p[2] % _P
    e, g = (p[0] + p[1]) * (p[0] + p[1]) - a - b, b - a
    f, h = g - c, -a - b
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether `signature` (64 bytes) is by `public` (32 bytes) over `message`."""
    a, b = _point(public), _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or b is None or s >= _L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    minus = (_P - a[0], a[1], 1, _P - a[3])
    table, total = ((0, 1, 1, 0), b, minus, _add(b, minus)), (0, 1, 1, 0)
    for bit in range(252, -1, -1):  # s B - h A, both at once
        total, term = _double(total), (s >> bit & 1) | (h >> bit & 1) << 1
        total = _add(total, table[term]) if term else total
    inverse = pow(total[2], _P - 2, _P)
    x, y = total[0] * inverse % _P, total[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


@_of_file
def parse_key(vkey: str, kind: int, where: str) -> Key:
    """Read a key written ``name+hash+base64``."""
    name, claimed, raw = vkey.split("+", 2)
    value = base64.b64decode(raw, validate=True)
    if len(value) != 33 or value[0] != kind or base64.b64encode(value).decode() != raw:
        raise Refused(where, f"a key is not Ed25519 of kind {kind}", found=vkey)
    if _sha(name.encode(), b"\n", value)[:4].hex() != claimed:
        raise Refused(where, "a key's hash is not that of its name and key", found=vkey)
    return Key(vkey, name, bytes.fromhex(claimed), kind, value[1:])


@_of_file
def parse_note(raw: bytes, where: str) -> tuple[bytes, list[Line]]:
    """Split a signed note (c2sp.org/signed-note) into its text and (name, key id, signature)."""
    text, _, tail = raw.rpartition(b"\n\n")
    lines = tail.decode().split("\n")
    if not text or lines.pop() or not 1 <= len(lines) <= 64:
        raise Refused(where, "a note is text, an empty line and 1 to 64 signature lines")
    found = []
    for line in lines:
        match = _SIGNATURE.fullmatch(line)
        value = base64.b64decode(match[2], validate=True) if match else b""
        if not match or len(value) < 5 or base64.b64encode(value).decode() != match[2]:
            raise Refused(where, "a signature line is a dash, a name and base64", found=line[:80])
        found.append((match[1], value[:4], value[4:]))
    return text + b"\n", found


def _signed(text: bytes, line: Line, key: Key, where: str) -> int:
    """Verify one signature line; return the time that a co-signature states."""
    seconds, value = 0, line[2]
    if key.kind == 4:
        seconds, value = int.from_bytes(value[:8], "big"), value[8:]
        text = b"cosignature/v1\ntime %d\n" % seconds + text
    if line[:2] != (key.name, key.id):
        raise Refused(where, "signed by another key", f"{key.name} {key.id.hex()}", line[0])
    if not ed25519(key.public, text, value):
        raise Refused(where, f"a signature of {key.name} does not verify")
    return seconds


def _spell(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@_of_file
def canonical(raw: bytes, where: str) -> Any:
    """Read JSON that has one spelling only (ledger/SPEC.md, Canonical JSON)."""

    def refuse(text: str) -> NoReturn:
        raise Refused(where, "a canonical number is an integer", found=text[:40])

    def check(value: Any, depth: int) -> None:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in items:
            good = isinstance(name, int) or bool(re.fullmatch("[a-z][a-z0-9_]{0,63}", name))
            if isinstance(item, (dict, list)):
                check(item, depth + 1)
            elif isinstance(item, str):
                normal = unicodedata.normalize("NFC", item) == item
                good = good and normal and not _CONTROLS.search(item)
            else:
                good = good and isinstance(item, int) and -(2**53) < item < 2**53
            if not good or depth > 8:
                raise Refused(where, "the JSON is outside the canonical subset")

    value = json.loads(raw.decode(), parse_float=refuse, parse_constant=refuse)
    check([value], 0)
    if _spell(value).encode() != raw:
        raise Refused(where, "the JSON is not in its one spelling")
    return value


class Policy:
    """Whose co-signatures are enough (c2sp.org/tlog-policy)."""

    def __init__(self, lines: Sequence[str], where: str) -> None:
        self.logs: list[Key] = []
        self.witnesses: dict[str, Key] = {}
        self.groups: dict[str, tuple[int, list[str]]] = {}
        self.quorum = ""
        for words in (line.split() for line in lines if line.strip() and line.strip()[0] != "#"):
            kind, name, rest = words[0], words[1], words[2:]
            free = name not in {"none", *self.witnesses, *self.groups}
            if kind == "log":
                self.logs.append(parse_key(name, 1, where))
            elif kind == "witness" and free:
                self.witnesses[name] = parse_key(rest[0], 4, where)
            elif kind == "group" and free and len(rest) > 1:
                count = {"all": len(rest) - 1, "any": 1}.get(rest[0]) or int(rest[0])
                known = {*self.witnesses, *self.groups} - {
                    m for g in self.groups.values() for m in g[1]
                }
                if not set(rest[1:]) <= known or not 1 <= count <= len(set(rest[1:])):
                    raise Refused(where, f"the group {name} is not well formed")
                self.groups[name] = (count, rest[1:])
            elif kind == "quorum" and not self.quorum and (not free):
                self.quorum = name
            else:
                raise Refused(where, "a policy line is none of the four", found=" ".join(words))

    def holds(self, signers: dict[str, int], name: str = "") -> bool:
        """Tell whether these witnesses are enough."""
        name = name or self.quorum
        if name not in self.groups:
            return name in signers or name == "none"
        count, members = self.groups[name]
        return sum(self.holds(signers, member) for member in members) >= count


def pack(files: Files) -> bytes:
    """Return the one ZIP of these files: stored, in this order, with nothing that varies."""
    body, central, at = [], [], 0
    for name, data in files.items():
        sizes = (zlib.crc32(data), len(data), len(data), len(name), 0)
        head = struct.pack("<5H3I2H", 20, 0, 0, 0, 33, *sizes)
        body += [b"PK\3\4", head, name.encode("ascii"), data]
        central.append(b"PK\1\2" + struct.pack("<2B", 20, 3) + head)
        central += [struct.pack("<3H2I", 0, 0, 0, 0o100644 << 16, at), name.encode("ascii")]
        at += 30 + len(name) + len(data)
    listed, n = b"".join(central), len(files)
    end = b"PK\5\6" + struct.pack("<4H2IH", 0, 0, n, n, len(listed), at, 0)
    return b"".join(body) + listed + end


@_of_file
def unpack(raw: bytes, where: str) -> Files:
    """Return the files of a package whose archive is exactly what `pack` writes."""
    files: Files = {}
    at = 0
    while raw[at : at + 4] == b"PK\3\4" and at + 30 <= len(raw):
        size, n_name = struct.unpack_from("<IH", raw, at + 22)
        name = raw[at + 30 : at + 30 + n_name].decode("latin-1")
        if not _NAMES.fullmatch(name) or name in files or len(files) >= MAX_FILES:
            raise Refused(where, "a name is not a package's, or stands twice", found=name[:99])
        at += 30 + n_name + size
        files[name] = raw[at - size : at]
    if len(raw) > MAX_BYTES or pack(files) != raw:
        raise Refused(where, "the archive is damaged, or not in its one form")
    if list(files) != [*sorted(set(files) - {"SHA256SUMS"}), "SHA256SUMS"]:
        raise Refused(where, "the files are not in order, with SHA256SUMS at the end")
    lines = [f"{hashlib.sha256(files[n]).hexdigest()}  {n}" for n in files if n != "SHA256SUMS"]
    for line, found in zip_longest(lines, files["SHA256SUMS"].decode().split("\n")[:-1]):
        if line != found:
            raise Refused((line or found)[66:], "SHA256SUMS says another digest", found, line)
    return files


def is_included(value: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether `value` is leaf `index` of the tree with this root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or {len(h) for h in (value, root, *proof)} != {32}:
        return False
    fn, sn = index, size - 1
    for sibling in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            value = _sha(b"\1", sibling, value)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            value = _sha(b"\1", value, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and value == root


def is_consistent(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Tell whether the tree of `old` leaves is the start of that of `new` (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new or {len(h) for h in (old_root, new_root, *proof)} != {32}:
        return False
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = path[0] if path else b""
    for sibling in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first, second = _sha(b"\1", sibling, first), _sha(b"\1", sibling, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = _sha(b"\1", second, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and first == old_root and second == new_root


def _seconds(text: str) -> int:
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))


def parse_text(raw: bytes, where: str) -> list[str]:
    """Return the lines of a text, each ended by a newline, without what moves a cursor."""
    lines = raw.decode().split("\n")
    if lines.pop() or any(map(_CONTROLS.search, lines)):
        raise Refused(where, "the last line does not end, or a line is no plain text")
    return lines


@_of_file
def parse_leaf(raw: bytes, where: str) -> Leaf:
    """Read entries/INDEX.leaf: the sequencer's four lines, then the author's note."""
    header, number, prev, received, note = raw.split(b"\n", 4)
    text, lines = parse_note(note, where)
    first, _, rest = text.partition(b"\n")
    body = canonical(rest[:-1], where)
    where_it_belongs = f"entries/{number.decode()}.leaf"
    good = (
        header == b"fedcredit-ledger-leaf/v1"
        and first == b"fedcredit-ledger-entry/v1"
        and re.fullmatch(b"[0-9a-f]{64}", prev)
        and _TIME.fullmatch(received.decode())
        and len(raw) <= (61_000 if number == b"0" else 17_000)
        and set(body) == _BODY
        and isinstance(body["data"], dict)
        and isinstance(body["author"], str)
        and isinstance(body["type"], str)
        and type(body["author_seq"]) is int
    )
    if not good or where != where_it_belongs:
        raise Refused(where, "not a leaf, or not the leaf of this index", where, where_it_belongs)
    _seconds(received.decode())
    return Leaf(
        int(number), _sha(b"\0", raw), prev.decode(), received.decode(), _sha(text).hex(),
        body["type"], body["author"], body["data"], body, text, lines,
    )  # fmt: skip


def names(leaf: Leaf) -> list[str]:
    """Return by what other entries refer to this one."""
    data, found = leaf.data, [leaf.id]
    for kind, word, field in (
        ("run-proposed", "run", "run_id"),
        ("he-context-published", "context", "run_id"),
        ("grant-issued", "grant", "grant_id"),
        ("grants-sealed", "grant", "batch_id"),
        ("data-asset-registered", "asset", "asset"),
        ("query-made", "query", "query_id"),
        ("action-taken", "action", "action_id"),
        ("dispute-filed", "dispute", "dispute_id"),
    ):
        if leaf.type == kind:
            found.append(f"{word} {data[field]}")
    if leaf.type == "grants-sealed":
        found.append(f"batch {leaf.author} {data['root']}")
    elif leaf.type == "risk-list-published":
        found.append(f"list {leaf.author} {data['list_digest']}")
    elif leaf.type == "model-registered":
        found.append(f"model {data['model_id']} {data['version']}")
    elif leaf.type == "round-attempted":
        found.append(f"attempt {data['run_id']} {data['round']} {data['attempt']}")
    return found


def references(leaf: Leaf) -> list[str]:
    """Return what must stand in the package, earlier, for this entry to mean something."""
    data, kind = leaf.data, leaf.type
    found = [data[name] for name in ("proposal", "aggregated", "about") if name in data]
    for field in ("approvals", "contributions", "endorsements"):
        found += data.get(field, [])
    found += [f"grant {name}" for name in data.get("grant_ids", [])]
    if "grants_root" in data and "grant_ids" not in data:
        found.append(f"batch {leaf.author} {data['grants_root']}")
    if kind in ("grant-issued", "grants-sealed"):
        found += [f"asset {name}" for name in data["assets"]]
    elif "grant_id" in data:
        found.append(f"grant {data['grant_id']}")
    if kind == "run-proposed":
        found.append(f"context {data['run_id']}")
    elif "run_id" in data and kind != "he-context-published":
        found.append(f"run {data['run_id']}")
    if "query_id" in data and kind != "query-made":
        found.append(f"query {data['query_id']}")
    for word in ("dispute-resolved", "action-lifted"):
        if kind == word:
            noun = word.split("-")[0]
            found.append(f"{noun} {data[noun + '_id']}")
    if kind == "commitment-erased":
        found.append(data["entry_id"])
    elif kind == "lookups-served":
        found.append(f"list {leaf.author} {data['list_digest']}")
    elif kind == "model-retired":
        found.append(f"model {data['model_id']} {data['version']}")
    elif kind == "data-asset-retired":
        found.append(f"asset {data['asset']}")
    if "attempt" in data and kind != "round-attempted":
        found.append(f"attempt {data['run_id']} {data['round']} {data['attempt']}")
    return found


class Period(NamedTuple):
    """A key, and from and up to which entry it signs (for the log and witnesses: size of head)."""

    party: str
    use: str
    key: Key
    since: int
    until: int
    leaf: int


class HeadRule(NamedTuple):
    """What a head is judged by, from a size on."""

    since: int
    log: Key
    lines: list[str]
    policy: Policy


def rule_at(rules: Sequence[HeadRule], size: int) -> HeadRule:
    """Return what a head of this size is judged by."""
    return [rule for rule in rules if rule.since <= size][-1]


FOUNDING, ROTATED, REVOKED = "federation-created", "party-key-rotated", "party-key-revoked"
KEY_TYPES = (
    "party-joined", "party-left", ROTATED, REVOKED, "policy-changed", "log-key-rotated",
)  # fmt: skip
ALWAYS = 1 << 62


class Members:
    """Who is a party and which keys count: read entry by entry, in the ledger's order."""

    def __init__(self) -> None:
        self.roles: dict[str, list[str]] = {}
        self.keys: dict[tuple[str, str], Key] = {}
        self.history: list[Period] = []
        self.heads: list[HeadRule] = []
        self.endorsed: dict[str, Leaf] = {}

    def signers(self, leaf: Leaf, where: str) -> list[Key | None]:
        """Return whose signatures the entry must carry, in order; None for a key that is not."""
        data, own = leaf.data, self.keys.get((leaf.author, "signing"))
        if leaf.type == FOUNDING:
            rows = {row["party"]: row["signing_vkey"] for row in data["founders"]}
            vkeys = [rows.pop(leaf.author, ""), *rows.values()]
            return [parse_key(vkey, 1, where) if vkey else None for vkey in vkeys]
        if leaf.type == "party-joined":
            return [own, parse_key(data["signing_vkey"], 1, where)]
        if leaf.type == "log-key-rotated":
            return [own, parse_key(data["new_vkey"], 1, where)]
        if leaf.type == REVOKED and data["party"] == leaf.author:
            return [self.keys.get((leaf.author, "recovery"))]
        if leaf.type != ROTATED:
            return [own]
        if data["use"] == "signing":
            return [own, parse_key(data["new_vkey"], 1, where)]
        old = self.keys.get((leaf.author, "witness"))
        return [own, *([old] if old else []), parse_key(data["new_vkey"], 4, where)]

    def take(self, leaf: Leaf, where: str) -> None:
        """Let an entry, whose signatures are checked, take effect."""
        data, here = leaf.data, leaf.place + 1
        party = str(data.get("party", ""))
        if leaf.type == "endorsement-given":
            self.endorsed[leaf.id] = leaf
        elif leaf.type == FOUNDING:
            for row in data["founders"]:
                self._enter(row, 0, leaf.place, where)
            self._judge(0, data["log_vkey"], data["witness_policy"], leaf.place, where)
        elif leaf.type == ROTATED:
            if party != leaf.author or data["use"] not in ("signing", "witness"):
                raise Refused(where, "a party rotates its own keys", leaf.author, party)
            newest = [p.key.vkey for p in self.history if p[:2] == (party, data["use"])][-1:]
            if newest != [data["old_vkey"]]:
                raise Refused(where, f"the old key is not the newest of {party}", str(newest))
            kind = 4 if data["use"] == "witness" else 1
            self._end(party, data["use"], here)
            self._begin(party, data["use"], data["new_vkey"], kind, here, leaf.place, where)
            if kind == 4:
                self._swap(data["old_vkey"], data["new_vkey"], leaf.place, where)
        elif leaf.type in KEY_TYPES:
            if leaf.author != party or leaf.type == "party-joined":
                self._demand_quorum(leaf, party, where)
            if leaf.type == "party-joined":
                if {"coordinator", "key-holder"} & set(data["roles"]):
                    raise Refused(where, "nobody joins as coordinator or key holder", found=party)
                self._enter(data, here, leaf.place, where)
            elif leaf.type == "party-left":
                self.roles.pop(party, None)
                for use in ("signing", "witness", "recovery"):
                    self._end(party, use, here)
            elif leaf.type == REVOKED:
                for (name, use), key in list(self.keys.items()):
                    if (name, key.vkey) == (party, data["vkey"]):
                        self._end(name, use, here)
                        if use == "signing":  # a thief may have endorsed
                            words = self.endorsed.items()
                            self.endorsed = {i: x for i, x in words if x.author != party}
            elif leaf.type == "log-key-rotated":
                self._swap(self.heads[-1].log.vkey, data["new_vkey"], leaf.place, where)
            elif data["policy"] == "witness":
                log = self.heads[-1].log.vkey
                self._judge(here, log, data["lines"], leaf.place, where)
            rule = self.heads[-1]
            if set(rule.policy.witnesses.values()) & self._ended():
                self._judge(here, rule.log.vkey, rule.lines, leaf.place, where)

    def _ended(self) -> set[Key]:
        """Return witness keys that were revoked or replaced, or whose party has left."""
        return {p.key for p in self.history if p.use == "witness" and p.until != ALWAYS}

    def _enter(self, row: dict[str, Any], since: int, leaf: int, where: str) -> None:
        self.roles[row["party"]] = row["roles"]
        for use, kind in (("signing", 1), ("witness", 4), ("recovery", 1)):
            self._end(row["party"], use, since)
            if f"{use}_vkey" in row:
                self._begin(row["party"], use, row[f"{use}_vkey"], kind, since, leaf, where)

    def _begin(
        self, party: str, use: str, vkey: str, kind: int, since: int, leaf: int, where: str
    ) -> None:
        key = parse_key(vkey, kind, where)
        if key.name != party:
            raise Refused(where, "a key is not named after its party", party, key.name)
        self.keys[party, use] = key
        self.history.append(Period(party, use, key, since, ALWAYS, leaf))

    def _end(self, party: str, use: str, here: int) -> None:
        self.keys.pop((party, use), None)
        self.history = [
            period._replace(until=here)
            if period[:2] == (party, use) and period.until == ALWAYS
            else period
            for period in self.history
        ]

    def _swap(self, old: str, new: str, leaf: int, where: str) -> None:
        """Go on with the same policy, one key in the place of another."""
        rule = self.heads[-1]
        whole_word = re.compile(rf"(?<![^ \t]){re.escape(old)}(?![^ \t])")
        lines = [whole_word.sub(lambda _: new, x) for x in rule.lines]
        self._judge(leaf + 1, new if rule.log.vkey == old else rule.log.vkey, lines, leaf, where)

    def _judge(self, since: int, log: str, lines: list[str], leaf: int, where: str) -> None:
        key, policy = parse_key(log, 1, where), Policy(lines, where)
        if [x.vkey for x in policy.logs] != [log]:
            raise Refused(where, "the policy is for another log", log)
        if not self.heads or self.heads[-1].log != key:
            self._end("log", "log", since)
            self.history.append(Period("log", "log", key, since, ALWAYS, leaf))
        ended = self._ended()  # the policy may name them still; they count for nothing
        policy.witnesses = {n: k for n, k in policy.witnesses.items() if k not in ended}
        named = list(policy.witnesses.values())
        self.history = [
            p._replace(until=since)
            if (p.use, p.until) == ("outside", ALWAYS) and p.key not in named
            else p
            for p in self.history
        ]
        known = {period.key for period in self.history if period.until == ALWAYS}
        for other in named:
            if other not in known:  # a witness that is no party
                self.history.append(Period(other.name, "outside", other, since, ALWAYS, leaf))
        self.heads.append(HeadRule(since, key, lines, policy))

    def _demand_quorum(self, leaf: Leaf, about: str, where: str) -> None:
        """Demand that the coordinator acts with n - (n-1)//3 of the parties, each by an entry.

        Whom the act is about is not asked, but counted in *n*.
        """
        bare = {name: value for name, value in leaf.data.items() if name != "endorsements"}
        act = _sha(_spell([leaf.type, bare]).encode()).hex()
        wanted = {"act_type": leaf.type, "act_digest": act, "decision": "approve"}
        voters = {
            name
            for name, roles in self.roles.items()
            if {"data-holder", "witness"} & set(roles) and "coordinator" not in roles
        }
        n = len(voters)
        voters -= {about}
        given = set()
        for name in leaf.data.get("endorsements", []):
            word = self.endorsed.pop(name, None)  # it carries one act
            if word and word.data == wanted and word.author in voters:
                age = _seconds(leaf.received) - _seconds(word.body["time"])
                given |= {word.author} if age <= ENDORSED_S else set()
        needed = max(1, min(n - (n - 1) // 3, len(voters)))
        if "coordinator" not in self.roles.get(leaf.author, []) or len(given) < needed:
            raise Refused(where, f"{leaf.type} is not what the parties decided", f"{needed}")


def _root(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return _sha(b"\1", _root(hashes[:half]), _root(hashes[half:]))


def _check_grants_root(leaf: Leaf, issued: dict[str, str], where: str) -> None:
    """Demand that a contribution names the root over exactly the grants that it cites."""
    entries = {issued.get(str(name), "") for name in leaf.data.get("grant_ids", [])}
    if leaf.type == "round-contributed" and entries:
        ordered = sorted(_sha(b"\0", bytes.fromhex(name)) for name in entries)
        if _root(ordered).hex() != leaf.data.get("grants_root"):
            raise Refused(where, "grants_root is not that over the grants cited")


def _check_flow(subject: str, leaves: Sequence[Leaf]) -> None:
    """Demand that references lead to earlier entries, and that no opening is left out."""
    known: dict[str, int] = {}
    issued: dict[str, str] = {}
    released: dict[str, str] = {}
    opened: dict[str, int] = {}
    slots: set[tuple[Any, ...]] = set()
    sums: dict[str, str] = {}
    for leaf in leaves:
        where, run = f"entries/{leaf.place}.leaf", str(leaf.data.get("run_id"))
        for name in references(leaf):
            if name not in known:
                raise Refused(where, f"{leaf.type} refers to what is not in the package", name)
        known.update((name, leaf.place) for name in names(leaf))
        if leaf.type == "grant-issued":
            issued[leaf.data["grant_id"]] = leaf.id
        _check_grants_root(leaf, issued, where)
        if leaf.type == "run-proposed":
            released[run] = leaf.data["initial_digest"]
        elif leaf.type == "round-aggregated":
            sums[leaf.id] = leaf.data["aggregate_digest"]
        elif leaf.type == "round-opened":
            slot = (run, leaf.data["round"], leaf.data["phase"], leaf.data["group"])
            if slot in slots or leaf.data["aggregate_digest"] != sums.get(leaf.data["aggregated"]):
                raise Refused(where, "opens a second time, or another sum than the one it names")
            slots.add(slot)
            released[run], opened[run] = leaf.data["commits"]["result"], opened.get(run, 0) + 1
        elif subject != f"run {run}":
            continue
        elif leaf.type == "round-attempted" and leaf.data["input_digest"] != released[run]:
            raise Refused(
                where, "an opening before this attempt is not in the package", released[run]
            )
        elif leaf.type == "run-finished" and leaf.data["n_rounds"] != opened.get(run, 0):
            n = str(leaf.data["n_rounds"])
            raise Refused(
                where, "openings of the run are not in the package", n, str(opened.get(run))
            )


def _check_leaves(leaves: Sequence[Leaf]) -> Members:
    """Check author, signatures and both chains of every entry; return the keys over time."""
    members, founding = Members(), leaves[0]
    authors: dict[str, Leaf] = {}
    before: Leaf | None = None
    for leaf in leaves:
        where = f"entries/{leaf.place}.leaf"
        if leaf.body["ledger"] != founding.body["ledger"] or (
            leaf.type == FOUNDING and leaf is not founding
        ):
            raise Refused(where, "a second founding entry, or an entry of another ledger")
        signers = members.signers(leaf, where)
        for position, line in enumerate(leaf.lines):
            key = signers[position] if position < len(signers) else None
            if key is None or len(leaf.lines) != len(signers):
                told = " ".join(key.name for key in signers if key)
                raise Refused(where, "not signed by exactly those who must", told or leaf.author)
            _signed(leaf.text, line, key, where)
        members.take(leaf, where)
        last = authors.get(leaf.author)
        steps = leaf.body["author_seq"] - (last.body["author_seq"] if last else -1)
        if steps < 1 or (
            steps == 1 and leaf.body["author_prev"] != (last.id if last else "0" * 64)
        ):
            raise Refused(where, f"does not continue the entries of {leaf.author}")
        authors[leaf.author] = leaf
        if before is None or leaf.place == before.place + 1:
            if leaf.prev != (before.hash.hex() if before else "0" * 64):
                raise Refused(where, "does not name the leaf before it", found=leaf.prev)
        if before is not None and leaf.received < before.received:
            raise Refused(where, "received before an earlier entry", before.received, leaf.received)
        drift = abs(_seconds(leaf.received) - _seconds(str(leaf.body["time"])))
        if leaf is not founding and drift > DRIFT_S:
            raise Refused(where, f"received {drift} s from when its author says it was written")
        before = leaf
    return members


def _read_head(raw: bytes, where: str) -> tuple[bytes, list[Line], str, int, bytes]:
    """Read a checkpoint; nothing of it is verified."""
    text, lines = parse_note(raw, where)
    origin, size, root = parse_text(text, where)
    if not re.fullmatch(_NUMBER, size) or len(base64.b64decode(root, validate=True)) != 32:
        raise Refused(where, "not a checkpoint", found=size)
    return text, lines, origin, int(size), base64.b64decode(root)


def _check_proofs(files: Files, leaves: Sequence[Leaf]) -> None:
    """Demand of every leaf its proof in the checkpoint, whose signatures are verified later."""
    _, _, _, size, root = _read_head(files["checkpoint"], "checkpoint")
    for leaf in leaves:
        name = f"entries/{leaf.place}.tlog-proof"
        text, head = files.get(name, b"").decode().split("\n\n", 1)
        header, index, *hashes = text.split("\n")
        proof = [base64.b64decode(line, validate=True) for line in hashes]
        exact = [base64.b64encode(value).decode() for value in proof] == hashes
        if header != "c2sp.org/tlog-proof@v1" or index != f"index {leaf.place}" or not exact:
            raise Refused(name, "not a tlog-proof of this leaf")
        if head.encode() != files["checkpoint"]:
            raise Refused(name, "a proof for another checkpoint")
        if not is_included(leaf.hash, leaf.place, size, proof, root):
            raise Refused(name, "the proof does not lead from the leaf to the root")
    proofs = {f"entries/{leaf.place}.tlog-proof" for leaf in leaves}
    if {n for n in files if n.endswith(".tlog-proof")} != proofs:
        raise Refused("entries", "a proof without its leaf")


def _open_head(
    raw: bytes, rules: Sequence[HeadRule], where: str
) -> tuple[int, bytes, dict[str, int]]:
    """Verify a checkpoint with its quorum; return size, root and who saw it when."""
    text, lines, origin, size, root = _read_head(raw, where)
    rule = rule_at(rules, size)
    _signed(text, lines[0], rule.log, where)
    older = {(old.log.name, old.log.id): old.log for old in rules}
    by_id = {(key.name, key.id): name for name, key in rule.policy.witnesses.items()}
    seen: dict[str, int] = {}
    for line in lines[1:]:
        name, log = by_id.get(line[:2], ""), older.get(line[:2])
        if log and log != rule.log:  # signed by a retired log key too, for a month
            _signed(text, line, log, where)
            continue
        if not name or name in seen:
            raise Refused(where, "a co-signature by no witness, or twice", found=line[0])
        seen[name] = _signed(text, line, rule.policy.witnesses[name], where)
        if seen[name] >= YEAR_10000:
            raise Refused(where, f"a co-signature of {name} states no time of ours")
    if not rule.policy.holds(seen):
        raise Refused(where, "too few witnesses co-signed", "the quorum", " ".join(seen) or "none")
    if origin != rule.log.name:
        raise Refused(where, "not a checkpoint of this ledger", rule.log.name, origin)
    return size, root, seen


def _check_openings(files: Files, leaves: dict[int, Leaf]) -> tuple[int, int, list[Any]]:
    """Check what is disclosed; return how many fields are, how many are not, and the values."""
    disclosed, values = 0, []
    for where, raw in files.items():
        if where.startswith("openings/"):
            commits = leaves[int(where[9:-5])].data["commits"]
            openings = [line.rstrip(",") for line in parse_text(raw, where)[1:-1]]
            if raw != b"[\n" + ",\n".join(openings).encode() + b"\n]\n" or not openings:
                raise Refused(where, "not an array with one opening a line")
            for opening in openings:
                salt, name, value = canonical(opening.encode(), where)
                digest = _sha(b"fedcredit-ledger-commit/v1\n", opening.encode()).hex()
                if len(base64.b64decode(salt, validate=True)) != 32 or commits[name] != digest:
                    raise Refused(
                        where, f"does not open the commitment {name}", commits[name], digest
                    )
                values.append(value)
            disclosed += len({canonical(o.encode(), where)[1] for o in openings})
    held = sum(len(x.data.get("commits", {})) for x in leaves.values()) - disclosed
    return disclosed, held, values


def texts(value: Any) -> list[str]:
    """Return every text in a value."""
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in texts(item)]


def _check_beside(files: Files, leaves: Sequence[Leaf], values: list[Any]) -> None:
    """Demand that the ledger knows every document and time stamp; a stamp is not read here."""
    known = {
        "attachments": set(texts(values)),
        "anchors": {x.data["token_digest"] for x in leaves if x.type == "anchor-recorded"},
    }
    for where, raw in files.items():
        folder = where.split("/")[0]
        if folder in known and _sha(raw).hex() not in known[folder]:
            told = {"attachments": "disclosed value", "anchors": "anchor-recorded entry"}[folder]
            raise Refused(where, f"its digest is in no {told} of the package")


class Proven(NamedTuple):
    """What a package proves."""

    subject: str
    origin: str
    founding_entry: str
    is_pinned: bool
    size: int
    root: str
    witnesses: dict[str, int]
    brackets: dict[int, tuple[int, int]]
    leaves: list[Leaf]
    keys: list[Period]
    policy: list[str]
    n_disclosed: int
    n_withheld: int
    missing: list[str]
    files: Files


def check(raw: bytes, founding_entry: str = "", policy: str = "") -> Proven:
    """Check a whole package.

    Raises
    ------
    Refused
        At the first thing that is wrong.
    """
    files = unpack(raw, "archive")
    for name in ("checkpoint", "entries/0.leaf", "flow.txt", "policy"):
        if name not in files:
            raise Refused(name, "the file is missing")
    return _check(files, founding_entry, policy, "package")


@_of_file
def _check(files: Files, founding_entry: str, pinned: str, where: str) -> Proven:
    places = sorted(int(n[8:-5]) for n in files if n.startswith("entries/") and n.endswith(".leaf"))
    leaves = [parse_leaf(files[f"entries/{i}.leaf"], f"entries/{i}.leaf") for i in places]
    founding, first = leaves[0], "entries/0.leaf"
    if founding.type != FOUNDING or founding_entry not in ("", founding.id):
        raise Refused(first, "another founding entry", founding_entry, founding.id)
    title, subject, *listed = parse_text(files["flow.txt"], "flow.txt")
    if title != FORMAT:
        raise Refused("flow.txt", "another format", FORMAT, title)
    _check_flow(subject, leaves)
    _check_proofs(files, leaves)
    members = _check_leaves(leaves)
    if members.heads[0].log.name != founding.body["ledger"]:
        raise Refused(first, "the log's key is not named after the ledger")
    size, root, seen = _open_head(files["checkpoint"], members.heads, "checkpoint")
    rule = rule_at(members.heads, size)
    if parse_text(files["policy"], "policy") != rule.lines:
        raise Refused("policy", "not the policy that the entries say for this checkpoint")
    if pinned:
        demanded = Policy(pinned.split("\n"), "pinned policy")
        signed = {rule.policy.witnesses[name].vkey for name in seen}
        theirs = {name: 0 for name, key in demanded.witnesses.items() if key.vkey in signed}
        if rule.log.vkey not in {key.vkey for key in demanded.logs} or not demanded.holds(theirs):
            raise Refused("checkpoint", "the pinned policy does not hold", found=" ".join(theirs))
    heads = {size: seen}
    for name in files:
        if name.startswith("brackets/") and name.endswith(".checkpoint"):
            old, old_root, heads[old] = _open_head(files[name], members.heads, name)
            text = files.get(f"brackets/{old}.consistency", b"").decode()
            proof = [base64.b64decode(line, validate=True) for line in text.split("\n")[:-1]]
            if name != f"brackets/{old}.checkpoint" or old >= size:
                raise Refused(name, "a checkpoint under another name, or too new")
            if not is_consistent(old, old_root, size, root, proof):
                raise Refused(name, "not a beginning of the ledger under the checkpoint")
    brackets = {}
    for leaf in leaves:
        after = [min(heads[n].values()) for n in sorted(heads) if n <= leaf.place and heads[n]]
        before = [max(heads[n].values()) for n in sorted(heads) if n > leaf.place and heads[n]]
        low, high = after[-1] if after else 0, before[0] if before else 1 << 62
        if not low - DRIFT_S <= _seconds(leaf.received) <= high + DRIFT_S:
            where = f"entries/{leaf.place}.leaf"
            raise Refused(where, "received outside the witnesses' times around it")
        brackets[leaf.place] = (low, high)
    disclosed, withheld, values = _check_openings(files, {leaf.place: leaf for leaf in leaves})
    _check_beside(files, leaves, values)
    missing = [line for line in listed if line.startswith("missing ")]
    is_pinned = bool(founding_entry or pinned)
    return Proven(
        subject, rule.log.name, founding.id, is_pinned, size, root.hex(), seen, brackets, leaves,
        members.history, rule.lines, disclosed, withheld, missing, files,
    )  # fmt: skip


def disputed(leaves: Sequence[Leaf]) -> list[str]:
    """Return what is signed by a key that was revoked later, from when it is suspected."""
    return [
        f"entry {leaf.place} is signed with a key of {party} that is suspected since {since}"
        for revoked in leaves
        if revoked.type == REVOKED
        for party, since in [(revoked.data["party"], str(revoked.data["suspected_since"]))]
        for leaf in leaves
        if leaf.place  # the founding entry is known by its id
        and leaf.received >= since
        and [x[:2] for x in leaf.lines if [x[0], x[1].hex()] == revoked.data["vkey"].split("+")[:2]]
    ]


def describe(proven: Proven) -> str:
    """Return what a package proves as lines for a terminal."""
    latest = max(proven.witnesses.values(), default=0)
    stated = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(latest)) if latest else "by nobody"
    authors = sorted({leaf.author for leaf in proven.leaves})
    beside = sorted(name for name in proven.files if name.startswith(("attachments/", "anchors/")))
    return "\n".join(
        [
            f"{proven.subject}: {len(proven.leaves)} entries of {proven.origin}",
            f"signed by {', '.join(authors)}",
            f"under a checkpoint of {proven.size} leaves, root {proven.root}",
            f"co-signed by {', '.join(sorted(proven.witnesses)) or 'nobody'}, the last {stated}",
            f"{proven.n_disclosed} committed values disclosed, {proven.n_withheld} withheld",
            *(f"beside it, as the entries say: {name}" for name in beside),
            *(f"not in the package: {line[8:]}" for line in proven.missing),
            *disputed(proven.leaves),
            f"founding entry {proven.founding_entry}"
            + (" (as pinned)" if proven.is_pinned else ": not pinned, so all of this is"),
            *([] if proven.is_pinned else ["consistent with the keys in the package only"]),
            "VALID: no findings",
        ]
    )


def main() -> int:
    """Run the command; return 0, or 59 when something is wrong."""
    parser = argparse.ArgumentParser(prog="verify.py", description=(__doc__ or "")[:77])
    parser.add_argument("package")
    parser.add_argument("--founding", default="", help="entry id that the ledger begins with")
    parser.add_argument("--policy", default="", help="file with the lines of a pinned tlog-policy")
    chosen = parser.parse_args()
    try:
        pinned = Path(chosen.policy).read_text(encoding="utf-8") if chosen.policy else ""
        if Path(chosen.package).stat().st_size > MAX_BYTES:
            raise Refused("archive", f"larger than {MAX_BYTES} bytes")
        told = describe(check(Path(chosen.package).read_bytes(), chosen.founding, pinned))
        print(f"{_FOR_READING}\n{told}")
    except Refused as error:
        told = f" (expected {error.expected}, found {error.found})" if error.expected else ""
        told = _CONTROLS.sub("?", f"{error.where} · {error.sentence}{told}")
        print(f"INVALID: {told}", file=sys.stderr)
        return 59
    except (OSError, UnicodeDecodeError) as error:
        print(f"the file cannot be read: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
