"""Evidence packages: what a ledger says about one matter, in a file that stands on its own.

A package is a ZIP that is made in one way only, so the same ledger gives the same bytes: entries,
their inclusion proofs in one co-signed checkpoint, the checkpoints that bracket their times, keys,
a readable statement, a checklist, and a verifier that needs nothing but Python. What the entries
only commit to is disclosed value by value, or not at all. SPEC.md, "Evidence package".
"""

import base64
import hashlib
import json
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fedcredit_ledger import evidence_verifier
from fedcredit_ledger.canonical import encode
from fedcredit_ledger.checkpoint import Checkpoint, TlogProof
from fedcredit_ledger.entry import open_commitment
from fedcredit_ledger.errors import (
    EvidenceError,
    InvalidEvidenceError,
    LedgerError,
    SignatureError,
)
from fedcredit_ledger.evidence_flow import checklist, choose, with_references
from fedcredit_ledger.evidence_source import Source, changed_meanwhile, pages
from fedcredit_ledger.evidence_verifier import (
    ALWAYS,
    KEY_TYPES,
    REVOKED,
    YEAR_10000,
    Key,
    Leaf,
    Members,
    Proven,
    Refused,
    disputed,
    pack,
    texts,
)
from fedcredit_ledger.head_rules import read_head_rules
from fedcredit_ledger.kept import KeptTree
from fedcredit_ledger.ledger_store import LedgerStore
from fedcredit_ledger.merkle import verify_consistency, verify_inclusion
from fedcredit_ledger.note import Note, Signature, VerifierKey
from fedcredit_ledger.package_readme import key_file, readme
from fedcredit_ledger.rules_beside import RulesBeside
from fedcredit_ledger.state_keys import HeadRule, rule_at
from fedcredit_ledger.statement import disclosed, statement
from fedcredit_ledger.verify import Level, verify

Openings = Mapping[int, Sequence[Sequence[Any]]]
"""Index of an entry -> its openings, each ``[salt, name, value]``."""

_NOTHING: Mapping[str, bytes] = {}
_SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")


@dataclass(frozen=True, kw_only=True)
class _Head:
    """A checkpoint with its quorum."""

    checkpoint: Checkpoint
    note: bytes
    witnesses: dict[str, int]


class Packer:
    """Packs evidence from one ledger, which is verified once for all packages.

    Parameters
    ----------
    store : Store
        A ledger; it is verified, and read again while packages are made.
    beside : RulesBeside, optional
        For many packages: replays the rules of the same file. Packages may be given away only after
        `confirm`. Chain, rules and heads are verified for the whole ledger then, and of the
        entries' signatures those of the entries that go into a package: they bring its keys and
        policies and what these rest on. Without it every signature is verified.

    Attributes
    ----------
    source : Source
        Every entry under the newest checkpoint with a quorum.

    Raises
    ------
    EvidenceError
        When the ledger does not verify, or has no checkpoint with the witnesses' quorum.
    """

    def __init__(self, store: LedgerStore, *, beside: RulesBeside | None = None) -> None:
        self._store, self._beside, n_replayed = store, beside, store.size
        if beside is not None:
            beside.start(n_replayed)  # after the size was read: it sees as many leaves, or more
        report = verify(store, level=Level.CHAIN if beside else Level.SIGNATURES)
        report.must_be_clean(EvidenceError)
        try:
            heads = _quorum_heads(store, read_head_rules(pages(store)))
        except SignatureError as error:
            raise EvidenceError(f"the ledger does not verify: {error}") from error
        self._heads = [head for head in heads if head.checkpoint.size <= n_replayed]
        if not self._heads:
            raise EvidenceError(
                "no checkpoint has the witnesses' quorum", remedy="start the witnesses"
            )
        self._sizes = [head.checkpoint.size for head in self._heads]
        self.source = Source(store, self._sizes[-1], self._heads[-1].checkpoint.root)
        self._changes = self.source.named(*(f"type {kind}" for kind in KEY_TYPES))
        self._signed: set[int] = set()

    def pack(
        self,
        subject: str,
        *,
        places: Collection[int] = (),
        openings: Openings | None = None,
        disclose: Collection[str] = (),
        attachments: Mapping[str, bytes] = _NOTHING,
        anchors: Mapping[str, bytes] = _NOTHING,
    ) -> bytes:
        """Return the package about `subject`.

        Parameters
        ----------
        subject : str
            ``run ID``, ``grant ID``, ``entries ID,ID`` or ``case NUMBER``.
        places : collection of int
            The entries that a case is about; the other subjects say it themselves.
        openings : mapping, optional
            What may be disclosed, by index of the entry.
        disclose : collection of str
            Names of the committed fields to disclose; everything else is withheld.
        attachments : mapping of str to bytes
            Documents by file name; those go in whose SHA-256 a disclosed value is.
        anchors : mapping of str to bytes
            Time stamps of heads by file name; the first that the ledger recorded of a head over all
            these entries goes in.

        Raises
        ------
        EvidenceError
            When the ledger holds nothing of that name under a quorum checkpoint, or an opening to
            be disclosed is missing or is not what was committed to.

        Disclosure
        ----------
        Whoever gets the package reads the entries in it and the values disclosed. Other entries
        appear as hashes.
        """
        leaves = choose(subject, self.source, places)
        stamp = self._stamp(leaves[-1].place, anchors)
        leaves += [leaf for leaf in stamp if leaf not in leaves]
        leaves.sort(key=lambda leaf: leaf.place)
        suspecting = [
            x.place for x in self._changes if x.type == REVOKED and disputed([*leaves, x])
        ]
        head = self._heads[bisect_right(self._sizes, max([leaves[-1].place, *suspecting]))]
        changes = [leaf for leaf in self._changes if leaf.place < head.checkpoint.size]
        if changes:
            leaves = with_references([*leaves, *changes], self.source)
        files = {"checkpoint": head.note}
        parsed = Note.parse(head.note)
        for leaf in leaves:
            hashes = self._proof(leaf, head)
            files[f"entries/{leaf.place}.leaf"] = self.source.raw(leaf.place)
            files[f"entries/{leaf.place}.tlog-proof"] = TlogProof(
                leaf.place, hashes, parsed
            ).encode()
        brackets = self._brackets(leaves, head, files)
        n_disclosed = _disclose(files, leaves, openings or {}, disclose)
        _attach(files, attachments)
        for leaf in stamp:
            files |= {
                f"anchors/{name}": raw
                for name, raw in anchors.items()
                if hashlib.sha256(raw).hexdigest() == leaf.data["token_digest"]
            }
        members = self._members(leaves)
        proven = Proven(
            subject=subject,
            origin=head.checkpoint.origin,
            founding_entry=self.source[0].id,
            is_pinned=False,
            size=head.checkpoint.size,
            root=head.checkpoint.root.hex(),
            witnesses=head.witnesses,
            brackets=brackets,
            leaves=leaves,
            keys=members.history,
            policy=evidence_verifier.rule_at(members.heads, head.checkpoint.size).lines,
            n_disclosed=n_disclosed,
            n_withheld=sum(len(leaf.data.get("commits", {})) for leaf in leaves) - n_disclosed,
            missing=[],
            files=files,
        )
        return pack(_whole(proven))

    def confirm(self) -> None:
        """Wait until every rule was replayed over the entries that packages were made from.

        Raises
        ------
        EvidenceError
            When one does not hold: no package made by this may be used.
        """
        if self._beside is None:
            return
        size, root = self._beside.report()
        head = self._heads[-1].checkpoint
        try:
            verify_consistency(
                old_size=head.size,
                old_root=head.root,
                new_size=size,
                new_root=root,
                proof=KeptTree(self._store.node, size).consistency_proof(head.size, size),
            )
        except (LedgerError, ValueError) as error:
            raise changed_meanwhile() from error

    def check_signatures(self, leaves: Sequence[Leaf]) -> None:
        """Verify the signatures of entries that no package holds, and those of their keys.

        Raises
        ------
        EvidenceError
            At the first that is not signed by exactly those who must.
        """
        self._members(with_references([*leaves, *self._changes], self.source))

    def _members(self, leaves: Sequence[Leaf]) -> Members:
        """Read keys and policies over time from entries, whose signatures are verified.

        With them stand all earlier changes of keys, so an entry has the same signers each time.
        """
        members = Members()
        for leaf in leaves:
            where = f"entries/{leaf.place}.leaf"
            try:
                if leaf.place not in self._signed:
                    _check_signatures(leaf, members.signers(leaf, where))
                    self._signed.add(leaf.place)
                members.take(leaf, where)
            except (LedgerError, Refused) as error:
                raise EvidenceError(
                    f"the ledger does not verify: entry {leaf.place}: {error}",
                    remedy="keep the file as it is; fedcredit ledger verify FILE --full lists "
                    "findings",
                ) from error
        return members

    def _proof(self, leaf: Leaf, head: _Head) -> tuple[bytes, ...]:
        """Return the proof of a leaf, which was read anew, under a head that was verified."""
        size, root = head.checkpoint.size, head.checkpoint.root
        hashes = tuple(self.source.tree.inclusion_proof(leaf.place, size))
        try:
            verify_inclusion(leaf.hash, index=leaf.place, size=size, proof=hashes, root=root)
        except InvalidEvidenceError as error:
            raise changed_meanwhile() from error
        return hashes

    def _stamp(self, place: int, anchors: Mapping[str, bytes]) -> list[Leaf]:
        """Return the entry about the first head over `place` whose time stamp is at hand."""
        if not anchors:
            return []
        digests = {hashlib.sha256(raw).hexdigest() for raw in anchors.values()}
        found = [
            leaf
            for leaf in self.source.named("type anchor-recorded")
            if leaf.data["token_digest"] in digests and leaf.data["checkpoint_size"] > place
        ]
        return sorted(found, key=lambda leaf: int(leaf.data["checkpoint_size"]))[:1]

    def _brackets(
        self, leaves: Sequence[Leaf], main: _Head, files: dict[str, bytes]
    ) -> dict[int, tuple[int, int]]:
        """Add the checkpoints around each entry to `files`; return each entry's times."""
        brackets = {}
        for leaf in leaves:
            position = bisect_right(self._sizes, leaf.place)
            after, before = self._heads[max(position - 1, 0) : position], self._heads[position]
            stamped = leaf.data["checkpoint_size"] if leaf.type == "anchor-recorded" else 0
            anchored = [head for head in self._heads if head.checkpoint.size == stamped]
            for head in (*after, before, *anchored):
                size = head.checkpoint.size
                if head is not main and f"brackets/{size}.checkpoint" not in files:
                    proof = self.source.tree.consistency_proof(size, main.checkpoint.size)
                    lines = "".join(base64.b64encode(value).decode() + "\n" for value in proof)
                    files[f"brackets/{size}.checkpoint"] = head.note
                    files[f"brackets/{size}.consistency"] = lines.encode()
            low = min(after[0].witnesses.values()) if after else 0
            brackets[leaf.place] = (low, max(before.witnesses.values()))
        return brackets


def pack_evidence(
    store: LedgerStore,
    subject: str,
    *,
    openings: Openings | None = None,
    disclose: Collection[str] = (),
    attachments: Mapping[str, bytes] = _NOTHING,
    anchors: Mapping[str, bytes] = _NOTHING,
) -> bytes:
    """Return one package; see `Packer` for parameters, errors and disclosure."""
    return Packer(store).pack(
        subject, openings=openings, disclose=disclose, attachments=attachments, anchors=anchors
    )


def verify_evidence(raw: bytes, *, founding_entry: str = "", policy: str = "") -> Proven:
    """Check a package, and that everything readable in it is what its entries say.

    Parameters
    ----------
    raw : bytes
        The ZIP.
    founding_entry : str
        Entry id that was learned elsewhere; empty for none.
    policy : str
        Lines of a pinned tlog-policy; empty for the package's own.

    Raises
    ------
    InvalidEvidenceError
        At the first thing that is wrong; the message begins with the file in the package.
    """
    try:
        proven = evidence_verifier.check(raw, founding_entry, policy)
    except Refused as error:
        raise InvalidEvidenceError(
            f"{error.where}: {error.sentence}",
            expected=error.expected,
            found=error.found,
            remedy="keep the file as it is, and ask its sender for the original",
        ) from error
    try:
        whole = _whole(proven)
    except (LedgerError, ValueError, LookupError, TypeError) as error:
        raise InvalidEvidenceError("package: its entries make no statement") from error
    for name in sorted({*whole, *proven.files}):
        if whole.get(name) != proven.files.get(name):
            raise InvalidEvidenceError(
                f"{name}: not what this version of FedCredit writes from the entries",
                remedy="do not rely on the file, and run no verify.py from such a package",
            )
    return proven


def _check_signatures(leaf: Leaf, signers: Sequence[Key | None]) -> None:
    """Demand of an entry the signatures of exactly its signers, in order."""
    keys = [VerifierKey.parse(key.vkey) for key in signers if key is not None]
    if len(keys) != len(signers) or len(keys) != len(leaf.lines):
        raise SignatureError("not signed by exactly those who must")
    for key, line in zip(keys, leaf.lines, strict=True):
        key.verify(leaf.text, Signature(*line))


def _quorum_heads(store: LedgerStore, rules: Sequence[HeadRule]) -> list[_Head]:
    """Return the checkpoints that carry the quorum, oldest first; signatures are verified."""
    found = []
    for size in store.checkpoint_sizes():
        policy = rule_at(rules, size).policy
        bare = store.checkpoint(size)
        assert bare is not None, "the store was verified a moment ago"
        note = Note.parse(bare)
        lines = [Signature.parse(line) for line in store.cosignatures(size)]
        times = policy.cosigned(note.text, lines)
        if times and policy.satisfied(times) and max(times.values()) < YEAR_10000:
            signatures = sorted(lines, key=lambda line: line.line())
            known = [line for line in signatures if policy.claimed([line])]
            whole = Note(note.text, (*note.signatures, *known)).encode()
            found.append(
                _Head(checkpoint=Checkpoint.parse(note.text), note=whole, witnesses=dict(times))
            )
    return found


def _disclose(
    files: dict[str, bytes], leaves: Sequence[Leaf], openings: Openings, names: Collection[str]
) -> int:
    """Add the openings of the named fields to `files`; return how many there are."""
    n_disclosed, unknown = 0, set(names)
    for leaf in leaves:
        commits = leaf.data.get("commits", {})
        chosen = []
        for salt, name, value in sorted(openings.get(leaf.place, ()), key=lambda o: str(o[1])):
            if name in names and name in commits:
                if not open_commitment(commits[name], salt, name, value):
                    raise EvidenceError(
                        f"the opening of {name} is not what entry {leaf.place} commits to",
                        remedy="find the opening that belongs to this entry; nothing was written",
                    )
                chosen.append(encode([salt, name, value]))
                unknown.discard(name)
        if chosen:
            n_disclosed += len(chosen)
            files[f"openings/{leaf.place}.json"] = b"[\n" + b",\n".join(chosen) + b"\n]\n"
    if unknown:
        raise EvidenceError(
            f"there is no opening of {', '.join(sorted(unknown))} to disclose",
            expected="an opening [salt, name, value] of an entry in the package",
            found="none",
            remedy="--openings names the folder that holds INDEX.json for each entry",
        )
    return n_disclosed


def _attach(files: dict[str, bytes], attachments: Mapping[str, bytes]) -> None:
    """Add the documents whose digests are disclosed to `files`."""
    if not attachments:
        return
    opened = disclosed(files).values()
    known = set(texts([opening[2] for openings in opened for opening in openings]))
    found = {
        f"attachments/{name}": raw
        for name, raw in attachments.items()
        if hashlib.sha256(raw).hexdigest() in known
    }
    if not found:
        raise EvidenceError(
            "no document of the folder is what a disclosed value is the digest of",
            expected="a file whose SHA-256 was committed to, and the field disclosed",
            found=f"{len(attachments)} other files",
            remedy="--disclose document opens the digest; the file must be the same to the byte",
        )
    files |= found


def _whole(proven: Proven) -> dict[str, bytes]:
    """Return every file of a package, in order, made from its entries, heads and openings."""
    kinds = ("entries/", "brackets/", "openings/", "attachments/", "anchors/", "checkpoint")
    files = {name: raw for name, raw in proven.files.items() if name.startswith(kinds)}
    listed = checklist(proven.subject, proven.leaves, disclosed(files))
    files["flow.txt"] = listed.encode()
    files["policy"] = "".join(f"{line}\n" for line in proven.policy).encode()
    files["verify.py"] = _verifier()
    files |= _key_files(proven)
    complete = proven._replace(files=files)
    files["statement.html"] = statement(complete)
    files["README.txt"] = readme(complete)
    ordered = {name: files[name] for name in sorted(files)}
    sums = (f"{hashlib.sha256(raw).hexdigest()}  {name}\n" for name, raw in ordered.items())
    return {**ordered, "SHA256SUMS": "".join(sums).encode()}


@lru_cache(maxsize=1)
def _verifier() -> bytes:
    return Path(evidence_verifier.__file__).read_bytes()


def _key_files(proven: Proven) -> dict[str, bytes]:
    """Return keys/: a PEM for each key that signs in the package, and history.txt."""
    has_revoked = {x.author for x in proven.leaves if x.type == REVOKED}
    files, history = {}, ""
    for period in proven.keys:
        key = period.key
        if period.use != "recovery" or period.party in has_revoked:
            spki = base64.b64encode(_SPKI_ED25519 + key.public).decode()
            pem = f"-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n"
            files[key_file(period)] = pem.encode()
        until = "-" if period.until == ALWAYS else str(period.until)
        history += (
            f"{key.vkey} party={period.party} use={period.use} valid_from={period.since} "
            f"valid_to={until} leaf={period.leaf}\n"
        )
    return {**files, "keys/history.txt": history.encode()}


def read_openings(folder: Path) -> dict[int, list[list[Any]]]:
    """Read a folder of openings: INDEX.json for each entry, an array of [salt, name, value].

    Raises
    ------
    EvidenceError
        When a file is not of this form.
    """
    found: dict[int, list[list[Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError):
            value = None
        if (
            not (path.stem.isascii() and path.stem.isdigit())
            or not isinstance(value, list)
            or any(not isinstance(o, list) or len(o) != 3 for o in value)
            or any(not isinstance(o[0], str) or not isinstance(o[1], str) for o in value)
        ):
            raise EvidenceError(
                "a file of openings is not of its form",
                expected="INDEX.json: [[salt, name, value], ...]",
                found=path.name,
                remedy="take the folder that the run was saved with",
            )
        found[int(path.stem)] = value
    return found
