"""A member's keys are distinct, and only their public halves can be shown."""

import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fedcredit_ledger.canonical import decode, encode
from fedcredit_ledger.note import VerifierKey
from fedcredit_parties.identity import Identity


def test_a_founder_row_holds_the_public_halves_of_all_keys() -> None:
    member = Identity.generate("bank-a", ("data-holder", "witness"))

    row = member.founder()

    assert row["party"] == "bank-a"
    assert row["roles"] == ["data-holder", "witness"]
    signature = member.signing.sign(b"text\n")
    VerifierKey.parse(row["signing_vkey"]).verify(b"text\n", signature)
    assert row["mask_key"] == member.mask_key.public_key().public_bytes_raw().hex()
    point = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP384R1(), bytes.fromhex(row["node_key"])
    )
    assert point == member.node.public_key()
    assert decode(encode(row)) == row


def test_all_keys_of_two_members_are_distinct() -> None:
    rows = [Identity.generate(name, ("data-holder",)).founder() for name in ("bank-a", "bank-b")]

    keys = [value for row in rows for key, value in row.items() if "key" in key]

    assert len(keys) == len(set(keys)) == 10


def test_no_secret_stands_in_the_founder_row_or_the_representation() -> None:
    member = Identity.generate("bank-a", ("data-holder",))

    shown = repr(member) + str(member.founder())

    for secret in (
        member.signing.seed,
        member.witness.seed,
        member.recovery.seed,
        member.mask_key.private_bytes_raw(),
    ):
        assert secret.hex() not in shown
    assert repr(member) == "Identity(name='bank-a', roles=('data-holder',))"


@pytest.mark.parametrize(
    "roles",
    [(), ("banker",), ("coordinator", "key-holder")],
    ids=["none", "unknown", "both locks"],
)
def test_roles_that_must_not_be_are_refused(roles: tuple[str, ...]) -> None:
    with pytest.raises(ValueError):
        Identity.generate("bank-a", roles)


def test_one_secret_cannot_serve_as_two_keys() -> None:
    member = Identity.generate("bank-a", ("data-holder",))
    twice = X25519PrivateKey.from_private_bytes(member.signing.seed)

    with pytest.raises(ValueError, match="serves twice"):
        dataclasses.replace(member, mask_key=twice)
