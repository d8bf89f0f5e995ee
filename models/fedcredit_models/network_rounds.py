"""Federated averaging, one round a step: what is public between two sums, what each step releases.

`Rounds` is the public course of a run: the newest weights, the best so far, the learning curve.
Every party keeps one and feeds it the same releases; from it and its own rows follow its addend to
the next sum. `step` is what the holder of the sum applies to it. One table is trained by the same
functions, with the sum of one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models import local_training, server_steps
from fedcredit_models.errors import NotConvergedError
from fedcredit_models.local_training import Device, LocalRules
from fedcredit_models.network import (
    WEIGHT_LIMIT,
    Architecture,
    Integers,
    as_floats,
    check_weights,
    with_base,
)
from fedcredit_models.network_inputs import CodedRows
from fedcredit_models.network_loss import summed_loss
from fedcredit_models.network_updates import Packing
from fedcredit_models.server_steps import Memory, ServerRules

NANO = 1_000_000_000

RISE = 10.0
"""A loss this many times that of a constant has diverged."""

DIVISOR_STEPS = 8
"""The share of the rows at parties that train divides the average; it is rounded to an eighth.

Averages are whole multiples of a step over the divisor, and the weights are exact, so whoever looks
for that multiple finds the divisor: it must not tell how many rows abstaining parties have.
"""

LEAST_GAIN = 1e-4
"""A network that saves a smaller share of a constant's loss has learnt nothing."""

Addend = dict[str, NDArray[np.float64] | NDArray[np.int64]]


@dataclass(frozen=True)
class RoundRules:
    """Rules of a run.

    Parameters
    ----------
    rounds : int, default 30
        Most rounds.
    patience : int, default 0
        Stop when the hold-out's loss has not fallen for so many rounds, and keep the best weights;
        0 makes every round.
    seed : int, default 0
        Of the first weights and, with the round, of every order of rows.
    local : LocalRules
    server : ServerRules
    update_limit : float, default 1.0
        A weight moves at most this far in a round at one party.
    update_bits : int, default 17
        Bits of each number that a party sends; 17 puts two into a slot of 34.
    modulus_bits : int, default 34
        Bits of a slot.
    """

    rounds: int = 30
    patience: int = 0
    seed: int = 0
    local: LocalRules = field(default_factory=LocalRules)
    server: ServerRules = field(default_factory=ServerRules)
    update_limit: float = 1.0
    update_bits: int = 17
    modulus_bits: int = 34


@dataclass(frozen=True)
class Totals:
    """Rows of the whole federation that take part.

    Parameters
    ----------
    n, bads : int
        Training rows, also of parties that do not train.
    held_n, held_bads : int
        Hold-out rows on whose loss the curve reports; 0 for no such curve.
    """

    n: int
    bads: int
    held_n: int = 0
    held_bads: int = 0


class Rounds:
    """The public course of one run.

    Parameters
    ----------
    architecture : Architecture
    rules : RoundRules
    totals : Totals

    Attributes
    ----------
    weights : ndarray of int64, shape (n_parameters,)
        The newest, in units of 2**-40.
    best : ndarray of int64
        Those with the smallest hold-out loss, with ``rules.patience``; else the newest.
    losses : list of (float, float or None)
        Mean loss before each round that was made: training, hold-out.
    done : bool
        No further sum is needed.

    Raises
    ------
    ValueError
        When there is nothing to learn from, or the rules contradict each other.
    """

    def __init__(self, architecture: Architecture, rules: RoundRules, totals: Totals) -> None:
        self.architecture = architecture
        self.rules = rules
        self.totals = totals
        self.packing = Packing(
            architecture.n_parameters, rules.update_limit, rules.update_bits, rules.modulus_bits
        )
        loss = rules.local.loss
        self.row_weights = loss.row_weights(totals.bads, totals.n - totals.bads)
        good, bad = self.row_weights
        start = architecture.start(rules.seed)
        self.weights = with_base(start, bad * totals.bads, good * (totals.n - totals.bads))
        self.best = self.weights
        self.losses: list[tuple[float, float | None]] = []
        self.done = False
        self._best_loss = math.inf
        self._best_round = 0

    @property
    def number(self) -> int:
        """Number of the next round, from 1."""
        return len(self.losses) + 1

    @property
    def largest_loss(self) -> float:
        """Largest loss of one row."""
        return self.rules.local.loss.largest(self.totals.bads, self.totals.n - self.totals.bads)

    @property
    def constant_loss(self) -> float:
        """Mean loss of giving everybody the same probability of bad, that of the weighted rows."""
        good, bad = self.row_weights
        n, bads = self.totals.n, self.totals.bads
        eta = np.full(2, math.log(bad * bads / (good * (n - bads))))
        rules = self.rules.local.loss
        one = [summed_loss(eta[:1], np.array([label]), rules, self.row_weights) for label in (0, 1)]
        return ((n - bads) * one[0] + bads * one[1]) / n

    def absorb(self, document: Mapping[str, Any]) -> None:
        """Take in the release of one round.

        Parameters
        ----------
        document : mapping
            Of `step`.

        Raises
        ------
        ValueError
            When it is not the result of a round of this run.
        """
        new = check_weights(document["weights"], self.architecture)
        held = _loss(document.get("holdout_loss_nano"))
        last = self.is_last(document.get("holdout_loss_nano"))
        self.losses.append((document["log_loss_nano"] / NANO, held))
        if not self.rules.patience:
            self.best = new
        elif held is not None and held < self._best_loss:
            self._best_loss, self._best_round, self.best = held, len(self.losses), self.weights
        self.weights = new
        self.done = last

    def is_last(self, holdout_loss_nano: int | None) -> bool:
        """Tell whether a round with this hold-out loss, in units of 1e-9, ends the training."""
        held = _loss(holdout_loss_nano)
        better = held is not None and held < self._best_loss
        waited = 0 if better else self.number - self._best_round
        patience = self.rules.patience
        return self.number >= self.rules.rounds or (patience > 0 and waited >= patience)


def _loss(nano: int | None) -> float | None:
    return None if nano is None else nano / NANO


@dataclass
class NetworkRows:
    """One party's rows.

    Parameters
    ----------
    train, held : CodedRows
        Training and hold-out rows.
    y, held_y : ndarray
        1 = bad.
    trains : bool, default True
        False: the party adds its losses, and no update.
    """

    train: CodedRows
    y: NDArray[np.int64]
    held: CodedRows | None = None
    held_y: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    trains: bool = True

    def addend(self, course: Rounds, *, origin: str = "", device: Device = "auto") -> Addend:
        """Return this party's addend to the next round.

        Parameters
        ----------
        course : Rounds
        origin : str
            What else the seed depends on: the digest of a federation's task.
        device : {"auto", "cpu", "cuda"}

        Raises
        ------
        NotConvergedError
            When training left the finite numbers; then there is no addend.

        Disclosure
        ----------
        Nothing by itself: it is masked and encrypted before it leaves a party.
        """
        start, n = as_floats(course.weights), len(self.train)
        found: Addend = {
            "update": np.zeros(course.packing.n_slots, dtype=np.int64),
            "cut": np.array([0]),
            "trained": np.array([0]),
            "loss": np.array([self._loss(course, start, self.train, self.y)]),
        }
        if course.totals.held_n:
            held = 0.0 if self.held is None else self._loss(course, start, self.held, self.held_y)
            found["held_loss"] = np.array([held])
        if not self.trains or n == 0:
            return found
        rules = course.rules
        trained = local_training.train(
            start,
            course.architecture,
            self.train,
            self.y,
            rules.local,
            course.row_weights,
            seed=local_training.seed_of(origin, rules.seed, course.number),
            device=device,
        )
        steps, n_cut = course.packing.quantise(trained - start, n / course.totals.n)
        return found | {
            "update": course.packing.pack(steps),
            "cut": np.array([n_cut]),
            "trained": np.array([n]),
        }

    @staticmethod
    def _loss(
        course: Rounds, weights: NDArray[np.float64], rows: CodedRows, y: NDArray[np.int64]
    ) -> float:
        eta = course.architecture.log_odds(weights, rows)
        return summed_loss(eta, y, course.rules.local.loss, course.row_weights)


def step(
    course: Rounds, sums: Mapping[str, NDArray[Any]], memory: Memory
) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    """Return what is released of one round, and what the holder of the sum keeps for the next.

    Parameters
    ----------
    course : Rounds
        The run so far.
    sums : mapping of str to ndarray
        Sum of the addends; ``update``, ``cut`` and ``trained`` whole numbers.
    memory : mapping of str to ndarray
        What the last step returned; empty before the first.

    Raises
    ------
    NotConvergedError
        When the loss is ten times that of a constant, a weight has left +-4096, or the last round
        is over and no round was better than a constant. Nothing is released then.

    Disclosure
    ----------
    The returned document: the new weights, the mean losses at the old ones over everybody's rows,
    how many moves were cut. Whoever holds two releases has the average update of the parties that
    train, and the share of the rows that these hold, to an eighth.
    """
    held = course.totals.held_n
    loss = float(sums["loss"][0]) / course.totals.n
    steps = course.packing.unpack(np.asarray(sums["update"]).astype(np.int64))
    average = course.packing.average(steps) / _divisor(course, int(sums["trained"][0]))
    # An average of cut moves is within the limit; a lie about the rows trained on must be as well.
    average = np.clip(average, -course.rules.update_limit, course.rules.update_limit)
    weights, kept = server_steps.step(course.weights, average, course.rules.server, memory)
    _check(course, loss, weights)
    document = {
        "weights": weights.tolist(),
        "log_loss_nano": round(loss * NANO),
        "n_cut": int(sums["cut"][0]),
    }
    if held:
        document["holdout_loss_nano"] = round(float(sums["held_loss"][0]) / held * NANO)
    return document, kept


def _divisor(course: Rounds, trained: int) -> float:
    """Return the share of the rows that were trained on, to an eighth and at least one."""
    eighths = round(DIVISOR_STEPS * trained / course.totals.n)
    return min(max(eighths, 1), DIVISOR_STEPS) / DIVISOR_STEPS


def _check(course: Rounds, loss: float, weights: Integers) -> None:
    """Refuse to go on where nothing is learnt."""
    constant, number = course.constant_loss, course.number
    if loss > RISE * constant or (np.abs(weights) > WEIGHT_LIMIT).any():
        raise NotConvergedError(
            f"the training loss is {loss:.4g} in round {number}, that of the same probability "
            f"for everybody {constant:.4g}"
        )
    least = min([loss, *(told for told, _ in course.losses)])
    if number == course.rules.rounds > 2 and least > (1 - LEAST_GAIN) * constant:
        raise NotConvergedError(
            f"after {number} rounds the training loss is {loss:.4g}, no better than "
            f"{constant:.4g} of the same probability for everybody"
        )


def fit(
    parts: Sequence[NetworkRows],
    course: Rounds,
    *,
    origin: str = "",
    device: Device = "auto",
) -> Rounds:
    """Train from plain sums over the parts: what a federation computes under encryption.

    Parameters
    ----------
    parts : sequence of NetworkRows
        Of one table, or of several parties.
    course : Rounds
        At its start.
    origin : str
        As in `NetworkRows.addend`.
    device : {"auto", "cpu", "cuda"}

    Raises
    ------
    NotConvergedError
    """
    memory: Memory = {}
    while not course.done:
        addends = [part.addend(course, origin=origin, device=device) for part in parts]
        sums = {name: np.sum([addend[name] for addend in addends], axis=0) for name in addends[0]}
        document, memory = step(course, sums, memory)
        course.absorb(document)
    return course
