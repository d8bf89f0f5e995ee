"""How many witnesses make a quorum, and what a member pins."""

import pytest

from fedcredit.founding import quorum_lines, quorum_size, trust_of
from fedcredit_parties.identity import Identity


@pytest.mark.parametrize(
    ("n", "quorum"),
    # ledger.md 3, the table of n - f
    [(3, 3), (4, 3), (5, 4), (7, 5), (10, 7), (15, 11), (50, 34)],
)
def test_the_quorum_is_n_minus_f(n: int, quorum: int) -> None:
    assert quorum_size(n) == quorum


def test_only_witnesses_are_in_the_witness_policy() -> None:
    bank = Identity.generate("bank-a", ("data-holder", "witness"))
    analyst = Identity.generate("analyst", ("result-user",))

    lines = quorum_lines("log+00000000+AA", [bank.founder(), analyst.founder()], needed=1)

    assert lines == [
        "log log+00000000+AA",
        f"witness bank-a {bank.witness.vkey}",
        "group parties 1 bank-a",
        "quorum parties",
    ]


def test_a_member_pins_the_key_holder_and_its_peers_but_not_itself() -> None:
    members = [
        Identity.generate("bank-a", ("data-holder", "witness")),
        Identity.generate("bank-b", ("data-holder", "witness")),
        Identity.generate("bureau", ("key-holder",)),
        Identity.generate("coordinator", ("coordinator",)),
    ]

    trust = trust_of("bank-a", members, "0" * 64)

    assert trust.peers == {"bank-b": members[1].signing.vkey}
    assert trust.key_holder == members[2].signing.vkey
