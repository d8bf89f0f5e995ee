"""Small evidence packages for the tests, and the hand of somebody who makes one anew."""

import hashlib
from collections.abc import Mapping

from fedcredit_ledger import evidence_verifier
from fedcredit_ledger.entry import commit
from fedcredit_ledger.evidence import pack_evidence
from tests.ledger.small_federation import SmallFederation

SUBJECT_OPENING = commit("subject", "110101199003070000", salt=hashlib.sha256(b"s").digest())


def finished_federation() -> SmallFederation:
    """Three banks and one finished, registered run, all of it witnessed."""
    fed = SmallFederation()
    fed.grant_all()
    fed.finished_run()
    fed.write(
        "analyst",
        "model-registered",
        {
            "run_id": "run-1",
            "model_id": "model-1",
            "version": "1",
            "model_digest": "1" * 64,
            "card_digest": "2" * 64,
        },
    )
    fed.witness()
    return fed


def granted_federation() -> SmallFederation:
    """One bank's asset and its grant, whose subject is committed to."""
    fed = SmallFederation()
    fed.register("bank-a")
    fed.grant("bank-a", commits={"subject": SUBJECT_OPENING[0]})
    fed.witness()
    return fed


def run_package(fed: SmallFederation) -> bytes:
    return pack_evidence(fed.store, "run run-1")


def files_of(package: bytes) -> dict[str, bytes]:
    return evidence_verifier.unpack(package, "archive")


def packed_anew(files: Mapping[str, bytes]) -> bytes:
    """Pack with right digests and right checksums, as whoever forges a file would."""
    ordered = {name: files[name] for name in sorted(files) if name != "SHA256SUMS"}
    sums = (f"{hashlib.sha256(raw).hexdigest()}  {name}\n" for name, raw in ordered.items())
    return evidence_verifier.pack({**ordered, "SHA256SUMS": "".join(sums).encode()})
