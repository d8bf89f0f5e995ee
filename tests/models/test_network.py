"""A network's parts: coded rows, layout, losses, updates in slots, server steps, calibration."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from fedcredit_models import local_training, network_rounds, server_steps
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.errors import NotConvergedError
from fedcredit_models.feature import Feature
from fedcredit_models.grid import Grid
from fedcredit_models.local_training import LocalRules, train
from fedcredit_models.network import WEIGHT_BITS, Architecture, as_floats, with_base
from fedcredit_models.network_calibration import platt
from fedcredit_models.network_inputs import CodedRows, Standard, coded, moments
from fedcredit_models.network_loss import LossRules, summed_loss
from fedcredit_models.network_rounds import NetworkRows, RoundRules, Rounds, Totals
from fedcredit_models.network_updates import Packing
from fedcredit_models.score_bands import ScoreGrid
from fedcredit_models.server_steps import ServerRules

AMOUNT = Feature(name="amount", kind="numeric", lower=0, upper=100, special=(-999.0,))
REGION = Feature(name="region", kind="categorical", levels=("east", "west"))
SHAPE = Architecture((AMOUNT, REGION), hidden=(3,), embedding=2)


def rows_of(n: int, seed: int = 0) -> tuple[CodedRows, np.ndarray]:
    rng = np.random.default_rng(seed)
    numbers = np.column_stack([rng.normal(size=n), rng.uniform(-1, 1, n), np.zeros((n, 2))])
    rows = CodedRows(numbers, rng.integers(0, 4, (n, 1)))
    y = (rng.random(n) < expit(1.5 * numbers[:, 0] - 1)).astype(np.int64)
    return rows, y


def test_a_number_becomes_its_distance_its_rank_and_its_absence():
    frame = pd.DataFrame(
        {
            "amount": [50.0, 20.0, np.nan, -999.0, 200.0],
            "region": ["west", "moon", "east", None, ""],
        }
    )
    half_range = Standard(edges=(10.0, 20.0, 50.0), mean=500_000_000, deviation=100_000_000)

    found = coded(frame, (AMOUNT, REGION), (half_range, None))

    # (x / 100 - 0.5) / 0.1; edges 0, 10, 20, 50, 100 are ranks -1, -0.5, 0, 0.5, 1.
    assert found.numbers[:, 0].tolist() == pytest.approx([0.0, -3.0, 0.0, 0.0, 5.0])
    assert found.numbers[:, 1].tolist() == pytest.approx([0.5, 0.0, 0.0, 0.0, 1.0])
    assert found.numbers[:, 2].tolist() == [0, 0, 1, 0, 0]
    assert found.numbers[:, 3].tolist() == [0, 0, 0, 1, 0]
    assert found.codes[:, 0].tolist() == [1, 2, 0, 3, 2]


@pytest.mark.parametrize("scale", ["linear", "log", "asinh"])
def test_moments_of_a_histogram_are_those_of_the_rows_to_half_a_cell(scale):
    feature = Feature(name="x", kind="numeric", lower=1, upper=1000, scale=scale)
    x = pd.Series(np.random.default_rng(1).lognormal(3, 1, 4000).clip(1, 1000))
    unit = 1e-6 * 1000
    turned = {"linear": x, "log": np.log(x), "asinh": np.arcsinh(x / unit)}[scale]
    ends = {"linear": (1, 1000), "log": (0, np.log(1000)), "asinh": np.arcsinh([1e3, 1e6])}[scale]
    place = (turned - ends[0]) / (ends[1] - ends[0])
    grid = Grid(feature)

    mean, deviation = moments(grid, grid.histogram(x).tolist(), (), CellRules())

    assert mean / 1e9 == pytest.approx(place.mean(), abs=1e-3)
    assert deviation / 1e9 == pytest.approx(place.std(ddof=0), abs=1e-3)
    assert mean % 1_000_000 == deviation % 1_000_000 == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0] * 4999 + [73.7], (0, 0)),
        ([0.0] * 4990 + [100.0] * 3 + [np.nan] * 7, (0, 0)),
        ([50.0] * 5000, (0, 0)),
        ([np.nan] * 5000, (0, 0)),
        # 49 zeros to one: a share that rows enough make up, to a thousandth.
        ([0.0] * 4900 + [100.0] * 100, (20_000_000, 140_000_000)),
        # Few rows decide, or few are missing: those of the edges at 25, 50 and 75 of 100.
        ([50.0] * 4990 + [100.0] * 10, (500_000_000, 204_000_000)),
        (list(range(100)) * 50 + [np.nan] * 3, (500_000_000, 204_000_000)),
        # Narrower than a thousandth of the range.
        ([50.0] * 2500 + [50.1] * 2500, (500_000_000, 1_000_000)),
    ],
    ids=["one", "three", "constant", "empty", "hundred", "few", "few-missing", "narrow"],
)
def test_moments_say_nothing_of_few_rows(values, expected):
    grid = Grid(AMOUNT)
    edges = [int(np.searchsorted(grid.upper, x)) for x in (25, 50, 75)]

    found = moments(grid, grid.histogram(pd.Series(values)).tolist(), edges, CellRules())

    assert found == pytest.approx(expected, abs=1_000_000 if expected[1] > 1_000_000 else 0)


def test_a_rare_value_beside_one_edge_is_told_apart_over_the_whole_range():
    grid = Grid(AMOUNT)
    values = pd.Series([0.0] * 4985 + [50.0] * 7 + [100.0] * 8)

    found = moments(grid, grid.histogram(values).tolist(), [0], CellRules())

    assert found == (0, 100_000_000)


def test_a_feature_that_does_not_vary_says_nothing():
    frame = pd.DataFrame({"amount": [7.0, 7.0]})

    found = coded(frame, (AMOUNT,), (Standard((), 70_000_000, 0),))

    assert (found.numbers == 0).all()


def test_what_nobody_had_in_training_starts_without_effect():
    weights = as_floats(SHAPE.start(seed=4))
    weights[-4:] = [0.5, -1.0, 2.0, 0.1]  # the last layer begins at zero
    ordinary, _ = rows_of(5)
    absent = CodedRows(ordinary.numbers.copy(), (ordinary.codes + 1) % 4)
    absent.numbers[:, 2:] = 1.0

    assert (SHAPE.log_odds(weights, absent) == SHAPE.log_odds(weights, ordinary)).all()
    assert len(set(SHAPE.log_odds(weights, ordinary))) == 5


def test_first_weights_follow_from_the_seed_and_fill_their_range():
    large = Architecture((AMOUNT,), hidden=(500,))
    first = as_floats(large.start(seed=1))[: 2 * 500]

    assert (large.start(seed=1) == large.start(seed=1)).all()
    assert (large.start(seed=1) != large.start(seed=2)).any()
    # He's bound for four inputs is sqrt(6 / 4); a uniform deviation is bound / sqrt(3).
    assert np.abs(first).max() <= 1.5**0.5
    assert first.std() == pytest.approx((1.5 / 3) ** 0.5, rel=0.05)


def test_scores_in_numpy_are_those_of_torch():
    rows, _ = rows_of(40)
    weights = np.random.default_rng(3).normal(size=SHAPE.n_parameters)

    by_torch = local_training.log_odds(
        SHAPE, torch.tensor(weights), torch.tensor(rows.numbers), torch.tensor(rows.codes)
    )

    assert SHAPE.log_odds(weights, rows) == pytest.approx(by_torch.numpy(), abs=1e-12)


def test_a_network_without_hidden_layers_is_trained_to_the_logistic_regression():
    shape = Architecture((AMOUNT,), hidden=())
    rows, y = rows_of(400)
    rows = CodedRows(rows.numbers, np.empty((400, 0), np.int64))
    start = as_floats(shape.start(0))
    rules = LocalRules(epochs=1200, batch_size=400, learning_rate=0.3, l2=0.0)

    found = train(start, shape, rows, y, rules, (1.0, 1.0), seed=1)

    exact = LogisticRegression(C=np.inf, tol=1e-10).fit(rows.numbers[:, :2], y)
    assert found[[0, 1, 4]] == pytest.approx([*exact.coef_[0], exact.intercept_[0]], abs=1e-5)


def test_training_follows_from_its_seed():
    rows, y = rows_of(300)
    start = as_floats(with_base(SHAPE.start(0), 1, 2))
    again = [
        train(start, SHAPE, rows, y, LocalRules(batch_size=32), (1.0, 1.0), seed=seed)
        for seed in (5, 5, 6)
    ]

    assert (again[0] == again[1]).all()
    assert (again[0] != again[2]).any()


def test_fedprox_stays_nearer_to_the_released_weights():
    rows, y = rows_of(300)
    start = as_floats(SHAPE.start(0))
    moved = [
        np.linalg.norm(train(start, SHAPE, rows, y, LocalRules(mu=mu), (1.0, 1.0), seed=1) - start)
        for mu in (0.0, 5.0)
    ]

    assert moved[1] < moved[0]


def test_training_that_leaves_the_finite_numbers_says_so():
    rows, y = rows_of(300)
    start = as_floats(SHAPE.start(0))

    with pytest.raises(NotConvergedError, match="learning rate"):
        rules = LocalRules(epochs=50, learning_rate=1e6)
        train(start, SHAPE, rows, y, rules, (1.0, 1.0), seed=1)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_the_loss_is_that_of_its_definition(gamma):
    eta, y = np.array([0.3, -2.0, 4.0]), np.array([1, 0, 0])
    p = expit(eta)
    p_t = np.where(y == 1, p, 1 - p)
    weights = np.where(y == 1, 3.0, 0.5)
    rules = LossRules("focal", gamma) if gamma else LossRules()

    found = summed_loss(eta, y, rules, (0.5, 3.0))

    assert found == pytest.approx((weights * (1 - p_t) ** gamma * -np.log(p_t)).sum())


def test_balanced_weights_give_both_kinds_the_same_total_and_a_mean_of_one():
    good, bad = LossRules(bad_weight="balanced").row_weights(10, 90)

    assert (good * 90, bad * 10) == pytest.approx((50, 50))


@pytest.mark.parametrize(("bits", "modulus_bits"), [(17, 34), (34, 34), (20, 40), (13, 40)])
def test_packed_shares_of_many_parties_add_up_exactly(bits, modulus_bits):
    packing = Packing(n=101, limit=0.5, bits=bits, modulus_bits=modulus_bits)
    rng = np.random.default_rng(2)
    shares = rng.dirichlet(np.ones(200))
    updates = np.where(rng.random((200, 101)) < 0.5, -0.5, 0.5)  # as large as they may be

    steps = [packing.quantise(u, s)[0] for u, s in zip(updates, shares, strict=True)]
    slots = sum(packing.pack(s) % 2**modulus_bits for s in steps) % 2**modulus_bits
    signed = np.where(slots >= 2 ** (modulus_bits - 1), slots - 2**modulus_bits, slots)

    assert (packing.unpack(signed) == sum(steps)).all()
    assert packing.n_slots == -(-101 // (modulus_bits // bits))
    assert packing.average(sum(steps)) == pytest.approx(
        shares @ updates, abs=200 * packing.step / 2
    )


def test_moves_beyond_the_limit_are_cut_and_counted():
    packing = Packing(n=3, limit=0.5, bits=17, modulus_bits=34)

    steps, n_cut = packing.quantise(np.array([0.9, -0.2, -0.6]), 1.0)

    assert (packing.average(steps), n_cut) == (pytest.approx([0.5, -0.2, -0.5], abs=1e-5), 2)


def test_fedadam_takes_the_steps_of_its_paper():
    rules = ServerRules("fedadam", learning_rate=0.1, beta1=0.9, beta2=0.99, tau=0.001)
    zero = np.zeros(1, dtype=np.int64)

    one, memory = server_steps.step(zero, np.array([0.2]), rules, {})
    two, _ = server_steps.step(one, np.array([0.1]), rules, memory)

    # m = 0.1 * 0.2, v = 0.01 * 0.04; then m = 0.9 m + 0.1 * 0.1, v = 0.99 v + 0.01 * 0.01.
    first = 0.1 * 0.02 / (0.0004**0.5 + 0.001)
    second = 0.1 * 0.028 / (0.000496**0.5 + 0.001)
    assert as_floats(two) == pytest.approx([first + second], abs=2 * 2.0**-WEIGHT_BITS)


def test_calibration_is_the_logistic_regression_on_the_score():
    rng = np.random.default_rng(7)
    eta = rng.normal(0, 2, 5000)
    y = (rng.random(5000) < expit(0.4 * eta - 3)).astype(int)
    grid = ScoreGrid()
    cells = grid.cell_of(eta)
    bads = np.bincount(cells[y == 1], minlength=grid.cells)
    goods = np.bincount(cells[y == 0], minlength=grid.cells)

    found = platt(bads.tolist(), goods.tolist(), grid)

    exact = LogisticRegression(C=np.inf, tol=1e-10).fit(eta[:, None], y)
    assert found == pytest.approx((exact.intercept_[0], exact.coef_[0, 0]), abs=2e-3)


def test_a_score_that_ranks_the_wrong_way_has_no_calibration():
    grid = ScoreGrid(cells=64)
    bads, goods = np.zeros(64, int), np.zeros(64, int)
    bads[[20, 40]], goods[[20, 40]] = (40, 20), (200, 400)

    with pytest.raises(NotConvergedError, match="rank"):
        platt(bads.tolist(), goods.tolist(), grid)


def course(**rules) -> Rounds:
    return Rounds(SHAPE, RoundRules(**rules), Totals(n=600, bads=200, held_n=300, held_bads=100))


def parts() -> list[NetworkRows]:
    return [NetworkRows(*rows_of(n, n), *rows_of(150, n + 1)) for n in (200, 400)]


def test_the_average_of_two_parties_weighs_them_by_their_rows():
    trained = network_rounds.fit(parts(), course(rounds=1, update_bits=34))

    start = course()
    rules = start.rules.local
    own = [
        train(
            as_floats(start.weights),
            SHAPE,
            part.train,
            part.y,
            rules,
            start.row_weights,
            seed=local_training.seed_of("", 0, 1),
        )
        for part in parts()
    ]
    average = (own[0] + 2 * own[1]) / 3
    assert as_floats(trained.weights) == pytest.approx(average, abs=2 * trained.packing.step)


def test_a_part_that_does_not_train_is_counted_in_the_losses_and_moves_nothing():
    rest = parts()[1]
    rest.trains = False
    begun = course(rounds=1, update_bits=34)

    trained = network_rounds.fit([parts()[0], rest], begun)

    everybody = network_rounds.fit(parts(), course(rounds=1, update_bits=34))
    assert trained.losses == everybody.losses
    rules, start = begun.rules.local, course().weights
    own = train(
        as_floats(start),
        SHAPE,
        parts()[0].train,
        parts()[0].y,
        rules,
        begun.row_weights,
        seed=local_training.seed_of("", 0, 1),
    )
    # 200 of 600 rows are trained on: three eighths, to the nearest.
    moved = (own - as_floats(start)) * (1 / 3) / (3 / 8)
    assert as_floats(trained.weights) == pytest.approx(
        as_floats(start) + moved, abs=4 * trained.packing.step
    )


def test_nobody_moves_a_weight_beyond_the_limit_by_a_lie_about_its_rows():
    begun = course(update_limit=0.5)
    steps = np.full(begun.packing.n, begun.packing.largest)
    sums = {
        "update": begun.packing.pack(steps),
        "cut": np.array([0]),
        "trained": np.array([-(10**6)]),
        "loss": np.array([300.0]),
        "held_loss": np.array([150.0]),
    }

    values, _ = network_rounds.step(begun, sums, {})

    moved = as_floats(np.array(values["weights"]) - begun.weights)
    assert moved == pytest.approx(np.full(begun.packing.n, 0.5))


def test_patience_keeps_the_weights_of_the_smallest_hold_out_loss():
    found = network_rounds.fit(
        parts(), course(rounds=40, patience=2, local=LocalRules(learning_rate=0.3, batch_size=16))
    )

    held = [loss for _, loss in found.losses]
    best = int(np.argmin(held))
    assert len(held) == min(best + 3, 40)
    again = network_rounds.fit(
        parts(), course(rounds=best, local=LocalRules(learning_rate=0.3, batch_size=16))
    )
    assert best > 0
    assert (found.best == again.weights).all()


def test_a_network_that_learns_nothing_says_so():
    labels = np.random.default_rng(0).permutation(np.arange(600) % 2)
    rows, _ = rows_of(600)
    rules = RoundRules(rounds=4, local=LocalRules(learning_rate=1e-6))

    with pytest.raises(NotConvergedError, match="no better"):
        network_rounds.fit([NetworkRows(rows, labels)], Rounds(SHAPE, rules, Totals(600, 300)))


def test_a_constant_loses_the_entropy_of_the_label():
    found = Rounds(SHAPE, RoundRules(), Totals(n=100, bads=20)).constant_loss

    assert found == pytest.approx(-(0.2 * np.log(0.2) + 0.8 * np.log(0.8)))
