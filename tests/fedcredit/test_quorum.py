"""Who must sign, who may be late, and what that is called: said of real keys and signatures."""

import pytest

from fedcredit.allowed import Allowed
from fedcredit.quorum import Quorum, in_words, policy_in_force
from fedcredit_ledger.checkpoint import Checkpoint
from fedcredit_ledger.errors import SignatureError
from fedcredit_ledger.note import CosignatureKey, Note, SigningKey

ORIGIN = "ledger.example/quorum"
BANKS = ("bank-0", "bank-1", "bank-2", "bank-3")
LOG = SigningKey.generate(ORIGIN)
KEYS = {name: CosignatureKey.generate(name) for name in (*BANKS, "regulator")}
LINES = (
    f"log {LOG.vkey}",
    *(f"witness {name} {key.vkey}" for name, key in KEYS.items()),
    f"group parties 3 {' '.join(BANKS)}",
    "group all-of all parties regulator",
    "quorum all-of",
)


def checkpoint(*signers: str) -> bytes:
    """Return a head that these witnesses have co-signed."""
    text = Checkpoint(ORIGIN, 7, bytes(32)).text()
    signed = [KEYS[name].cosign(text, 1_795_449_600) for name in signers]
    return Note(text, (LOG.sign(text), *signed)).encode()


@pytest.mark.parametrize(
    ("signers", "is_final"),
    [
        ((*BANKS, "regulator"), True),
        ((*BANKS[:3], "regulator"), True),
        ((*BANKS[:2], "regulator"), False),
        (BANKS, False),
        ((), False),
    ],
)
def test_three_of_four_banks_and_the_regulator_make_it_final(
    signers: tuple[str, ...], is_final: bool
) -> None:
    quorum = Quorum.of(LINES, checkpoint(*signers))

    assert quorum.is_final is is_final
    assert quorum.signed == signers
    assert quorum.rule == "3 of 4 (bank-0, bank-1, bank-2, bank-3) and regulator"
    assert quorum.may_be_late == BANKS
    assert quorum.never_late == ("regulator",)


def test_a_co_signature_over_another_head_is_no_co_signature() -> None:
    other = Checkpoint(ORIGIN, 8, bytes(32)).text()
    text = Checkpoint(ORIGIN, 7, bytes(32)).text()
    forged = Note(text, (LOG.sign(text), KEYS["regulator"].cosign(other, 1_795_449_600)))

    with pytest.raises(SignatureError):
        Quorum.of(LINES, forged.encode())


@pytest.mark.parametrize(
    ("groups", "phrase"),
    [
        (["quorum none"], "nobody"),
        (["quorum regulator"], "regulator"),
        (["group g all bank-0 bank-1 bank-2", "quorum g"], "bank-0, bank-1 and bank-2"),
        (["group g any bank-0 bank-1", "quorum g"], "1 of 2 (bank-0, bank-1)"),
    ],
)
def test_a_policy_is_said_as_a_phrase(groups: list[str], phrase: str) -> None:
    assert in_words([*LINES[:6], *groups]) == phrase


def test_the_newest_change_of_the_witness_policy_is_in_force() -> None:
    founding = ("a" * 64, "federation-created", {"witness_policy": ["quorum none"]})
    changed = ("b" * 64, "policy-changed", {"policy": "witness", "lines": ["quorum all-of"]})
    cells = ("c" * 64, "policy-changed", {"policy": "disclosure", "lines": ["cells 10"]})

    assert policy_in_force([founding, changed, cells]) == ("b" * 64, ("quorum all-of",))
    assert policy_in_force([founding, cells]) == ("a" * 64, ("quorum none",))
    assert policy_in_force([cells]) is None


def test_a_grant_is_said_in_words() -> None:
    data = {
        "grant_id": "bank-0-modelling-0", "basis": "court_order", "grantee": "analyst",
        "purpose": "modelling", "assets": ["bank-0/table"], "operations": ["sum"],
        "valid_until": "2026-12-30T22:32:34.205Z", "columns": ["bad", "income"],
    }  # fmt: skip

    narrow = Allowed.of("a" * 64, "bank-0", data)
    wide = Allowed.of("a" * 64, "bank-0", {k: v for k, v in data.items() if k != "columns"})

    assert narrow.what == "sums over 2 columns of bank-0/table"
    assert wide.what == "sums over all columns of bank-0/table"
    assert (narrow.basis, narrow.until) == ("court order", "2026-12-30")
