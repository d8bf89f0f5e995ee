"""A network trained over encrypted updates is the one that plain federated averaging trains.

The reference is stock PyTorch: ``nn.Linear``, ``nn.Embedding``, ``optim.SGD`` and an average in
double precision, without slots, steps or limits. Only the coded inputs, the first weights and the
order of the rows are given to it.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

import fedcredit as fc
from fedcredit_models import network_rounds
from fedcredit_models.local_training import seed_of
from fedcredit_models.network import Architecture, as_floats
from fedcredit_models.network_inputs import CodedRows, coded
from fedcredit_models.network_rounds import NetworkRows, Rounds, Totals
from tests.equivalence import credit_data
from tests.equivalence.credit_data import LABEL, SAMPLE
from tests.simulated import bank_frames, newest_run, small_federation, small_job

SETTINGS = dict(hidden=(8, 4), rounds=3, batch_size=64, learning_rate=0.05, local_epochs=2)


def tables() -> dict[str, pd.DataFrame]:
    """Three banks of different sizes, a fifth of each held out."""
    found = {}
    for name, (n, frame) in zip("abc", enumerate(bank_frames(n_rows=900).values()), strict=True):
        part = frame[: 300 * (n + 1)].reset_index(drop=True)
        part[SAMPLE] = np.where(np.arange(len(part)) % 5 == 0, "holdout", "train")
        found[f"bank-{name}"] = part
    return found


@pytest.fixture(scope="module")
def federation() -> Iterator[fc.Federation]:
    with small_federation(tables()) as federation:
        yield federation


def encrypted(
    federation: fc.Federation, model: fc.Mlp, encryption: str
) -> tuple[fc.TrainingResult, str]:
    """Run; return the result and the digest of its task."""
    job = small_job(
        model=model, split_column=SAMPLE, encryption=encryption, holdout=0.2, run_deadline_s=120
    )
    result = federation.run(job)
    return result, str(newest_run(federation).proposal["request_digest"])


@pytest.fixture(scope="module")
def averaged(federation: fc.Federation) -> tuple[fc.TrainingResult, str]:
    """Federated averaging under the narrow encryption, carried out once."""
    return encrypted(federation, fc.Mlp(**SETTINGS), "narrow")  # type: ignore[arg-type]


def train_rows(
    frames: dict[str, pd.DataFrame], model: fc.Mlp
) -> list[tuple[CodedRows, np.ndarray]]:
    """Each bank's training rows as the network reads them."""
    found = []
    for frame in frames.values():
        train = frame[frame[SAMPLE] == "train"]
        rows = coded(train, model.architecture_.features, model.standards_)
        found.append((rows, train[LABEL].to_numpy().astype(np.int64)))
    return found


class StockNetwork(torch.nn.Module):
    """The same network in PyTorch's own parts."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.tables = torch.nn.ModuleList(torch.nn.Embedding(*size) for size in shape.tables)
        self.layers = torch.nn.ModuleList(torch.nn.Linear(*size) for size in shape.layers)
        self.double()

    def parts(self) -> Iterator[tuple[torch.nn.Parameter, bool]]:
        """Each part in the order of the vector, and whether it lies the other way round."""
        yield from ((table.weight, False) for table in self.tables)
        for layer in self.layers:
            yield layer.weight, True
            yield layer.bias, False

    def load(self, vector: np.ndarray) -> None:
        begin = 0
        for part, turned in self.parts():
            shape = part.shape[::-1] if turned else part.shape
            values = torch.tensor(vector[begin : begin + part.numel()]).reshape(shape)
            part.data = (values.T if turned else values).contiguous()
            begin += part.numel()

    def vector(self) -> np.ndarray:
        return np.concatenate(
            [(p.data.T if turned else p.data).numpy().ravel() for p, turned in self.parts()]
        )

    def forward(self, numbers: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        embedded = [table(codes[:, j]) for j, table in enumerate(self.tables)]
        x = torch.cat([numbers, *embedded], dim=1)
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)[:, 0]


def plain_averaging(
    banks: list[tuple[CodedRows, np.ndarray]], model: fc.Mlp, start: np.ndarray, origin: str
) -> np.ndarray:
    """Return the weights of federated averaging in double precision."""
    weights, n = start, sum(len(y) for _, y in banks)
    mu = model.mu if model.strategy == "fedprox" else 0.0
    for number in range(1, model.rounds + 1):
        average = np.zeros(len(weights))
        for rows, y in banks:
            network = StockNetwork(model.architecture_)
            network.load(weights)
            released = [part.detach().clone() for part in network.parameters()]
            biases = [layer.bias for layer in network.layers]
            others = [p for p in network.parameters() if not any(p is b for b in biases)]
            optimiser = torch.optim.SGD(
                [{"params": others, "weight_decay": model.l2}, {"params": biases}],
                lr=model.learning_rate,
                momentum=model.momentum,
            )
            numbers, codes = torch.tensor(rows.numbers), torch.tensor(rows.codes)
            labels = torch.tensor(y, dtype=torch.float64)
            order = torch.Generator().manual_seed(seed_of(origin, model.seed, number))
            for _ in range(model.local_epochs):
                for batch in torch.randperm(len(y), generator=order).split(model.batch_size):
                    optimiser.zero_grad()
                    loss = torch.nn.functional.binary_cross_entropy_with_logits(
                        network(numbers[batch], codes[batch]), labels[batch]
                    )
                    pull = sum(
                        ((p - r) ** 2).sum()
                        for p, r in zip(network.parameters(), released, strict=True)
                    )
                    (loss + mu / 2 * pull).backward()
                    optimiser.step()
            average += len(y) / n * (network.vector() - weights)
        weights = weights + average
    return weights


@pytest.mark.parametrize(
    ("strategy", "encryption"),
    [("fedavg", "narrow"), pytest.param("fedprox", "wide", marks=pytest.mark.long)],
)
def test_weights_differ_by_no_more_than_the_rounding_of_every_party_in_every_round(
    federation: fc.Federation,
    averaged: tuple[fc.TrainingResult, str],
    strategy: str,
    encryption: str,
) -> None:
    settings = fc.Mlp(strategy=strategy, mu=0.5, **SETTINGS)  # type: ignore[arg-type]
    result, origin = averaged
    if strategy != "fedavg":
        result, origin = encrypted(federation, settings, encryption)

    banks = train_rows(tables(), result.model)
    bads, n = sum(int(y.sum()) for _, y in banks), sum(len(y) for _, y in banks)
    rules = settings.rules(34 if encryption == "narrow" else 40)
    start = Rounds(result.model.architecture_, rules, Totals(n, bads))
    plain = plain_averaging(banks, result.model, as_floats(start.weights), origin)

    largest = np.abs(as_floats(result.model.weights_) - plain).max()
    assert np.abs(plain - as_floats(start.weights)).max() > 0.05  # it has learnt
    assert 0 < largest <= settings.rounds * len(banks) * start.packing.step


@pytest.mark.parametrize("strategy", ["fedavg", pytest.param("fedadam", marks=pytest.mark.long)])
def test_the_sum_of_the_same_whole_numbers_in_the_clear_gives_every_bit(
    federation: fc.Federation, strategy: str
) -> None:
    settings = fc.Mlp(
        strategy=strategy,
        server_learning_rate=None if strategy == "fedavg" else 0.05,
        loss="focal",
        bad_weight=3.0,
        **SETTINGS,
    )  # type: ignore[arg-type]
    result, origin = encrypted(federation, settings, "narrow")

    banks = train_rows(tables(), result.model)
    totals = Totals(sum(len(y) for _, y in banks), sum(int(y.sum()) for _, y in banks))
    plain = network_rounds.fit(
        [NetworkRows(rows, y) for rows, y in banks],
        Rounds(result.model.architecture_, settings.rules(34), totals),
        origin=origin,
    )

    assert (result.model.weights_ == plain.weights).all()
    released = [loss for loss, _ in result.model.losses_]
    # Each party's summed loss travels in fixed point; the mean is released in units of 1e-9.
    assert released == pytest.approx([loss for loss, _ in plain.losses], abs=2e-9)


def test_released_figures_are_those_of_the_pooled_hold_out(
    averaged: tuple[fc.TrainingResult, str],
) -> None:
    result, _ = averaged

    pooled = pd.concat(tables().values())
    held = pooled[pooled[SAMPLE] == "holdout"]
    p = result.model.predict_proba(held)[:, 1]
    figures = result.metrics["holdout"]
    assert figures["n"] == len(held)
    assert figures["auc"] == pytest.approx(
        roc_auc_score(held[LABEL], p), abs=figures["auc_bound"] + 1e-9
    )
    assert figures["brier"] == pytest.approx(
        ((p - held[LABEL]) ** 2).mean(), abs=figures["brier_bound"] + 1e-9
    )
    assert p.mean() == pytest.approx(held[LABEL].mean(), abs=1e-3)  # calibrated on it


@pytest.mark.long
def test_card_fraud_is_found_as_well_as_by_pooled_training() -> None:
    data = credit_data.load("fraud_features")
    banks = data.parts("issuer")
    network = dict(hidden=(32, 16), learning_rate=0.05, batch_size=64)

    with fc.Federation.simulate(banks, schema=data.schema, quiet=True) as federation:
        result = federation.run(
            fc.HorizontalJob(
                purpose="modelling",
                label=LABEL,
                split_column=SAMPLE,
                model=fc.Mlp(rounds=20, local_epochs=2, **network),  # type: ignore[arg-type]
                encryption="narrow",
                run_deadline_s=3000,
            )
        )
    pooled = fc.Mlp(rounds=10, **network | {"batch_size": 256})  # type: ignore[arg-type]
    features = [feature.name for feature in data.schema.features]
    pooled.fit(data.train[features], data.train[LABEL], schema=data.schema)

    pooled_auc = roc_auc_score(data.holdout[LABEL], pooled.decision_function(data.holdout))
    federated_auc = result.metrics["holdout"]["auc"]
    print(f"fraud_features, hold-out AUC: federated {federated_auc:.4f}, pooled {pooled_auc:.4f}")
    assert federated_auc >= pooled_auc - 0.005
