"""Every data set has the rows, the test rows and the banks of ``shared/baselines.md``."""

import pytest

from benchmarks import credit_sets
from fedcredit_models.schema import check
from tests.equivalence.credit_data import ALL, LABEL, load

# Typed from "Per set" of shared/baselines.md: rows, bads, test rows, bads among them.
SIZES = {
    "taiwan_default": (30000, 6636, 9000, 1991),
    "givemesomecredit": (150000, 10026, 45000, 3008),
    "heloc": (10459, 5459, 3138, 1638),
    "hmeq": (5960, 1189, 1788, 357),
    "german": (1000, 300, 300, 90),
    "sba_case": (2101, 686, 631, 206),
    "sba_case_5var": (2101, 686, 631, 206),
    "polish_1year": (7027, 271, 2109, 81),
    "fate_default_credit_hetero": (30000, 6636, 9000, 1991),
    "fraud_features": (267930, 2393, 80379, 718),
    "berka_static": (682, 76, 205, 23),
}

# Typed from "Parties of ..": rows of each party, training rows, bads among these.
PARTIES = {
    "taiwan_default": [
        (7676, 5390, 1707),
        (7614, 5283, 1294),
        (7643, 5384, 930),
        (7067, 4943, 714),
    ],
    "givemesomecredit": [
        (35097, 24559, 2572),
        (35037, 24606, 2013),
        (34806, 24287, 1517),
        (45060, 31548, 916),
    ],
    "heloc": [(2776, 1919, 1466), (2646, 1842, 1224), (2726, 1924, 794), (2311, 1636, 337)],
    "hmeq": [(767, 520, 122), (948, 661, 85), (2388, 1669, 393), (1276, 920, 152), (581, 402, 80)],
    "german": [(234, 154, 60), (181, 122, 42), (280, 196, 38), (305, 228, 70)],
    "polish_1year": [(1757, 1208, 45), (1745, 1208, 49), (1761, 1240, 58), (1764, 1262, 38)],
    "berka_static": [(262, 188, 21), (246, 167, 19), (174, 122, 13)],
    "sba_case": [
        (345, 236, 132),
        (77, 61, 39),
        (94, 69, 16),
        (123, 89, 56),
        (73, 52, 21),
        (74, 51, 26),
        (68, 43, 16),
        (171, 121, 37),
        (194, 126, 49),
        (882, 622, 88),
    ],
}


@pytest.mark.parametrize("name", sorted(SIZES))
def test_rows_and_test_rows_are_the_published_ones(name: str) -> None:
    data = load(name)  # refuses other test rows than those of the fingerprint

    assert data.recipe.fingerprint
    sizes = (len(data.frame), data.frame[LABEL].sum(), len(data.holdout), data.holdout[LABEL].sum())
    assert sizes == SIZES[name]


@pytest.mark.parametrize("name", sorted(PARTIES))
def test_the_banks_of_the_own_partition_are_the_published_ones(name: str) -> None:
    data = load(name)

    found = []
    for part in data.parts(data.recipe.rule).values():
        train = part[part["sample"] == "train"]
        found.append((len(part), len(train), int(train[LABEL].sum())))

    assert sorted(found) == sorted(PARTIES[name])


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_row_keeps_to_the_declaration(name: str) -> None:
    data = load(name)

    check(data.frame, data.schema)


def test_a_set_is_compared_or_left_out_with_a_reason() -> None:
    assert set(ALL) == {"demo", *SIZES}
    assert not set(credit_sets.LEFT_OUT) & set(ALL)
    assert all(len(reason) > 20 for reason in credit_sets.LEFT_OUT.values())
