"""Checkpoints: the signed head of the ledger, who must co-sign it, and proofs against it.

A checkpoint is three lines (origin, size, root in base64) signed by the log and co-signed by
witnesses. A policy says which co-signatures are enough. A tlog-proof ties one leaf to one
checkpoint; the sequencer hands it out as the receipt.

References
----------
c2sp.org/tlog-checkpoint; c2sp.org/tlog-cosignature; c2sp.org/tlog-policy; c2sp.org/tlog-proof.
"""

import base64
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from fedcredit_ledger.errors import (
    CheckpointError,
    InvalidEvidenceError,
    MalformedEntryError,
    QuorumError,
    SignatureError,
)
from fedcredit_ledger.merkle import HASH_BYTES, verify_inclusion
from fedcredit_ledger.note import (
    COSIGNATURE_V1,
    ED25519,
    Note,
    Signature,
    VerifierKey,
    decode_base64,
)

_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}", re.ASCII)
_PROOF_HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF_HASHES = 63


@dataclass(frozen=True)
class Checkpoint:
    """A head.

    Attributes
    ----------
    origin : str
        Which ledger.
    size : int
        Number of leaves.
    root : bytes
        Merkle root, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> bytes:
        """Return the text that the log and the witnesses sign."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()

    @classmethod
    def parse(cls, text: bytes) -> "Checkpoint":
        """Read the text of a checkpoint without extension lines.

        Raises
        ------
        CheckpointError
        """
        try:
            lines = text.decode().split("\n")
            if len(lines) != 4 or lines[3] or not lines[0] or not _NUMBER.fullmatch(lines[1]):
                raise CheckpointError(
                    "a checkpoint is not in its one form",
                    expected="origin, size and root, a line each",
                    found=f"{len(lines) - 1} lines of another form",
                )
            root = decode_base64(lines[2])
        except (UnicodeDecodeError, MalformedEntryError) as error:
            raise CheckpointError("a checkpoint is not in its one form") from error
        if len(root) != HASH_BYTES:
            raise CheckpointError(
                "a checkpoint's root is no hash", expected="32 bytes", found=f"{len(root)} bytes"
            )
        return cls(lines[0], int(lines[1]), root)


def open_checkpoint(note: Note, log: VerifierKey) -> Checkpoint:
    """Verify the log's signature and return the head.

    Raises
    ------
    CheckpointError
        When the log did not sign it, or the origin is another ledger's.
    """
    checkpoint = Checkpoint.parse(note.text)
    lines = [signature for signature in note.signatures if log.owns(signature)]
    try:
        if len(lines) != 1:
            raise CheckpointError("a checkpoint is not signed by the log", expected=log.vkey)
        log.verify(note.text, lines[0])
    except SignatureError as error:
        raise CheckpointError(
            f"the log's signature on the checkpoint of size {checkpoint.size} does not verify",
            expected=log.vkey,
            found="another key, or other bytes",
        ) from error
    if checkpoint.origin != log.name:
        raise CheckpointError(
            "a checkpoint of another ledger", expected=log.name, found=checkpoint.origin
        )
    return checkpoint


@dataclass(frozen=True)
class _Group:
    threshold: int
    members: tuple[str, ...]


class Policy:
    """Which logs and which co-signatures make a checkpoint good.

    Parameters
    ----------
    lines : iterable of str
        The policy file's lines (c2sp.org/tlog-policy).

    Attributes
    ----------
    logs : tuple of VerifierKey
    witnesses : dict of str to VerifierKey
        By their name in the policy.
    urls : dict of str to str
        Where a witness answers (its submission prefix), for those whose line says so.

    Raises
    ------
    MalformedEntryError
        When the policy is not well formed.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        self.witnesses: dict[str, VerifierKey] = {}
        self.urls: dict[str, str] = {}
        self._groups: dict[str, _Group] = {}
        self._quorum: str | None = None
        logs: list[VerifierKey] = []
        members: set[str] = set()
        for line in self.lines:
            words = re.split("[ \t]+", line.strip(" \t"))
            if words == [""] or words[0].startswith("#"):
                continue
            kind, rest = words[0], words[1:]
            if kind == "log" and len(rest) in (1, 2):
                logs.append(_key(rest[0], ED25519, (k.public for k in logs)))
            elif kind == "witness" and len(rest) in (2, 3):
                self._fresh(rest[0])
                known = (k.public for k in self.witnesses.values())
                self.witnesses[rest[0]] = _key(rest[1], COSIGNATURE_V1, known)
                self.urls.update({rest[0]: rest[2]} if len(rest) == 3 else {})
            elif kind == "group" and len(rest) >= 3:
                self._fresh(rest[0])
                self._groups[rest[0]] = self._group(rest[1], rest[2:], members)
            elif kind == "quorum" and len(rest) == 1 and self._quorum is None:
                if rest[0] != "none" and not self._defined(rest[0]):
                    raise MalformedEntryError("a policy's quorum is not defined before its line")
                self._quorum = rest[0]
            else:
                raise MalformedEntryError("a policy has a line that is none of the four")
        if self._quorum is None:
            raise MalformedEntryError(
                "a policy has exactly one quorum line", expected="quorum NAME", found="none"
            )
        self.logs = tuple(logs)
        self._by_id = {(key.name, key.key_id): name for name, key in self.witnesses.items()}

    def _defined(self, name: str) -> bool:
        return name in self.witnesses or name in self._groups

    def _fresh(self, name: str) -> None:
        if name == "none" or self._defined(name):
            raise MalformedEntryError("a policy defines a name twice, or the name none")

    def _group(self, threshold: str, names: list[str], members: set[str]) -> _Group:
        for name in names:
            if not self._defined(name) or name in members:
                raise MalformedEntryError("a group's member is undefined, or in a group already")
            members.add(name)
        words = {"all": len(names), "any": 1}
        number = words.get(threshold, int(threshold) if _NUMBER.fullmatch(threshold) else 0)
        if not 1 <= number <= len(names):
            raise MalformedEntryError(
                "a group's threshold is not one",
                expected=f"all, any, or 1 to {len(names)}",
                found=ascii(threshold[:20]),
            )
        return _Group(number, tuple(names))

    def without(self, vkeys: Collection[str]) -> "Policy":
        """Return this policy with co-signatures by these keys counting for nothing."""
        found = Policy(self.lines)
        found._by_id = {
            place: name
            for place, name in self._by_id.items()
            if self.witnesses[name].vkey not in vkeys
        }
        return found

    def counts(self, vkey: str) -> bool:
        """Tell whether a co-signature by this key counts."""
        return any(self.witnesses[name].vkey == vkey for name in self._by_id.values())

    def satisfied(self, names: Collection[str]) -> bool:
        """Tell whether co-signatures of these witnesses (names in the policy) are enough."""
        if self._quorum == "none":
            return True
        return self._quorum is not None and self._holds(self._quorum, set(names))

    def _holds(self, name: str, names: set[str]) -> bool:
        group = self._groups.get(name)
        if group is None:
            return name in names
        return sum(self._holds(member, names) for member in group.members) >= group.threshold

    def cosigned(self, text: bytes, signatures: Iterable[Signature]) -> Mapping[str, int]:
        """Verify the lines that claim to be by witnesses of this policy.

        Returns
        -------
        mapping of str to int
            Name in the policy to the time (Unix seconds) that the witness stated.

        Raises
        ------
        SignatureError
            When such a line does not verify. Lines by unknown keys are passed over, as C2SP says.
        """
        found: dict[str, int] = {}
        for name, signature in self._known(signatures):
            key = self.witnesses[name]
            key.verify(text, signature)
            found[name] = key.time_s(signature)
        return found

    def claimed(self, signatures: Iterable[Signature]) -> Mapping[str, int]:
        """Return what the lines say without verifying them: for a quick look only."""
        return {name: self.witnesses[name].time_s(s) for name, s in self._known(signatures)}

    def _known(self, signatures: Iterable[Signature]) -> Iterator[tuple[str, Signature]]:
        for signature in signatures:
            name = self._by_id.get((signature.name, signature.key_id))
            if name is not None:
                yield name, signature

    def check(self, note: Note) -> tuple[int, ...]:
        """Demand the quorum over a checkpoint; return the times of its co-signatures.

        Raises
        ------
        QuorumError
            When the co-signatures are not enough.
        SignatureError
            When one of them does not verify.
        """
        found = self.cosigned(note.text, note.signatures)
        if not self.satisfied(found):
            raise QuorumError(
                "too few witnesses co-signed the checkpoint",
                expected="the quorum of the founding entry's policy",
                found=", ".join(sorted(found)) or "none",
                remedy="start the missing witnesses; every founder with a witness key is one",
            )
        return tuple(found.values())


def unanimous_policy(log_vkey: str, witness_vkeys: Mapping[str, str]) -> list[str]:
    """Return the lines of the founding policy in which every witness must co-sign.

    Parameters
    ----------
    log_vkey : str
        The log's key.
    witness_vkeys : mapping of str to str
        Name and key of every witness.
    """
    if not witness_vkeys:
        return [f"log {log_vkey}", "quorum none"]
    names = sorted(witness_vkeys)
    return [
        f"log {log_vkey}",
        *(f"witness {name} {witness_vkeys[name]}" for name in names),
        f"group all-witnesses all {' '.join(names)}",
        "quorum all-witnesses",
    ]


def encode_proof(index: int, hashes: Iterable[bytes], checkpoint: bytes) -> bytes:
    """Return the text of a tlog-proof (c2sp.org/tlog-proof).

    Parameters
    ----------
    index : int
        Index of the leaf.
    hashes : iterable of bytes
        Inclusion proof, the leaf's sibling first.
    checkpoint : bytes
        Encoded note of the head.
    """
    lines = [_PROOF_HEADER, f"index {index}"]
    lines += [base64.b64encode(value).decode() for value in hashes]
    return "\n".join([*lines, "", ""]).encode() + checkpoint


@dataclass(frozen=True)
class TlogProof:
    """A leaf's place in a checkpoint: the receipt.

    Attributes
    ----------
    index : int
        Index of the leaf.
    hashes : tuple of bytes
        Inclusion proof, the leaf's sibling first.
    checkpoint : Note
        Signed head.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: Note

    def encode(self) -> bytes:
        """Return the text form (c2sp.org/tlog-proof)."""
        return encode_proof(self.index, self.hashes, self.checkpoint.encode())

    @classmethod
    def parse(cls, data: bytes) -> "TlogProof":
        """Read the text form; nothing is verified yet.

        Raises
        ------
        InvalidEvidenceError
            Also for extra data, which this ledger never writes.
        """
        head, separator, note = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
            if not separator or lines[0] != _PROOF_HEADER or len(lines) < 2:
                raise InvalidEvidenceError(
                    "a tlog-proof begins with its header line",
                    expected=_PROOF_HEADER,
                    found=f"{len(data)} bytes of another form",
                )
            word, _, number = lines[1].partition(" ")
            if word != "index" or not _NUMBER.fullmatch(number):
                raise InvalidEvidenceError("a tlog-proof names the leaf's index")
            hashes = tuple(decode_base64(line) for line in lines[2:])
            checkpoint = Note.parse(note)
        except (UnicodeDecodeError, MalformedEntryError) as error:
            raise InvalidEvidenceError("a tlog-proof is not in its form") from error
        if len(hashes) > MAX_PROOF_HASHES or any(len(value) != HASH_BYTES for value in hashes):
            raise InvalidEvidenceError(
                "a tlog-proof's hashes are too many, or none",
                expected=f"at most {MAX_PROOF_HASHES} of 32 bytes",
                found=f"{len(hashes)} of {sorted({len(value) for value in hashes})} bytes",
            )
        return cls(int(number), hashes, checkpoint)

    def verify(
        self, leaf_hash: bytes, *, log: VerifierKey, policy: Policy | None = None
    ) -> Checkpoint:
        """Check that the leaf stands in the log, and that the witnesses saw it.

        Parameters
        ----------
        leaf_hash : bytes
            Hash of the leaf.
        log : VerifierKey
            The log's key.
        policy : Policy, optional
            Demands its quorum. A receipt has none yet.

        Raises
        ------
        InvalidEvidenceError, CheckpointError, QuorumError, SignatureError
        """
        checkpoint = open_checkpoint(self.checkpoint, log)
        verify_inclusion(
            leaf_hash,
            index=self.index,
            size=checkpoint.size,
            proof=self.hashes,
            root=checkpoint.root,
        )
        if policy is not None:
            policy.check(self.checkpoint)
        return checkpoint


def _key(vkey: str, kind: int, known: Iterable[bytes]) -> VerifierKey:
    key = VerifierKey.parse(vkey)
    if key.type != kind or key.public in known:
        raise MalformedEntryError("a policy's key is of the wrong type, or appears twice")
    return key
