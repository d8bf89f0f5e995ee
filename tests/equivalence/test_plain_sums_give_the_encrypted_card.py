"""The plain sums of ``benchmarks/plain_run.py`` give the encrypted run's card, to the last bit.

So the federated figures of the benchmarks' table, which come from plain sums, are those of a run.
"""

import pytest

import fedcredit as fc
from benchmarks.plain_run import NotRunError, model_of_sums
from fedcredit_models import Mlp
from tests.equivalence.credit_data import IID15, RECIPES, load
from tests.equivalence.reference import DEFAULT
from tests.equivalence.runs import compare, job


@pytest.mark.parametrize("partition", [RECIPES["demo"].rule, IID15])
def test_the_card_of_plain_sums_is_the_encrypted_one(partition: str) -> None:
    run = compare("demo", partition)
    data = run.data

    card = model_of_sums(
        job(DEFAULT).model, data.parts(partition), data.schema, fc.DisclosurePolicy()
    )

    assert card.to_json() == run.result.model.to_json()


def test_parties_below_the_floor_train_no_network() -> None:
    data = load("demo")
    few = {name: part.head(150) for name, part in data.parts(IID15).items()}

    with pytest.raises(NotRunError, match="200 rows and 20 bads"):
        model_of_sums(Mlp(), few, data.schema, fc.DisclosurePolicy())
