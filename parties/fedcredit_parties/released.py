"""What the federation has released of one scorecard run so far, rebuilt from the releases alone.

Parties, key holder and requester each keep one and feed it the same sealed releases in the same
order; from it follow the next phase, the exact fixed-point layout of the next sum, and in the end
the model. There is no other input to a round than this (decisions, lock C).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedcredit_models.binning import BinTable, RawCells
from fedcredit_models.grid import Grid
from fedcredit_models.metrics import ScoreGrid
from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.masks import Field, Tensor
from fedcredit_parties.release_form import COUNT_BOUND, check_release
from fedcredit_parties.tasks import COEFFICIENT_BITS, PHASES, ScorecardTask

NANO = 1_000_000_000


class Released:
    """The public course of one run.

    Parameters
    ----------
    task : ScorecardTask
        The approved task.

    Attributes
    ----------
    phase : str or None
        The phase that comes next; None after the last.
    dropped : dict of int to str
        Position of a feature without two bins, and the word that says why.
    n_train : int
        Rows all parties train on (known after the bins phase).
    point : tuple of int
        Intercept and one coefficient per feature of the task, in units of 2**-40.
    openings : dict of int to list
        Leaf index of each ``round-opened`` to ``[salt, "result", document]``: with it whoever
        received the release can show later what the ledger commits to.
    """

    def __init__(self, task: ScorecardTask) -> None:
        self.task = task
        self.phase: str | None = PHASES[0]
        self.grids = {
            i: Grid(feature, cells=task.grid_cells)
            for i, feature in enumerate(task.features)
            if feature.kind == "numeric"
        }
        self.score_grid = ScoreGrid(cells=task.score_cells)
        self.raw: tuple[RawCells, ...] = ()
        self.tables: tuple[BinTable | None, ...] = ()
        self.dropped: dict[int, str] = {}
        self.n_train = 0
        self.point: tuple[int, ...] = (0,) * (len(task.features) + 1)
        self.standard_errors: tuple[int, ...] = ()
        self.metrics: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.openings: dict[int, list[Any]] = {}

    @property
    def kept(self) -> tuple[int, ...]:
        """Positions of the features that have at least two bins."""
        return tuple(i for i, table in enumerate(self.tables) if table is not None)

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """Intercept and kept coefficients as floats, shape (1 + n_kept,)."""
        positions = [0, *(i + 1 for i in self.kept)]
        point = np.array([self.point[i] for i in positions], dtype=np.float64)
        return np.ldexp(point, -COEFFICIENT_BITS)

    def tensor(self) -> Tensor:
        """Return the fixed-point layout of the next sum; the same at every member."""
        if self.phase == "quantiles":
            grids = [_count(f"grid.{i}", grid.n_cells) for i, grid in self.grids.items()]
            return Tensor("quantiles", (*_HEAD, *grids))
        if self.phase == "bins":
            fields = list(_HEAD)
            for i, raw in enumerate(self.raw):
                fields += [_count(f"bads.{i}", raw.n), _count(f"goods.{i}", raw.n)]
            return Tensor("bins", tuple(fields))
        if self.phase == "newton":
            return Tensor("newton", self._newton_fields())
        if self.phase == "metrics":
            fields = []
            for sample in self.task.samples:
                fields += [
                    _count(f"bads.{sample}", self.score_grid.cells),
                    _count(f"goods.{sample}", self.score_grid.cells),
                    *(self._probabilities(f"{name}.{sample}") for name in _PROBABILITIES),
                ]
            return Tensor("metrics", (*_HEAD, *fields))
        raise MalformedMessageError("the run has released everything; there is no further sum")

    def _probabilities(self, name: str) -> Field:
        """Lay out a sum of probabilities; for training the number of rows bounds it.

        Of a hold-out only the largest possible number is known; it costs fractional bits.
        """
        in_training = name.endswith(".train")
        return self._real(name, 1, max(self.n_train, 1) if in_training else COUNT_BOUND - 1)

    def brier_bound(self, sample: str, n: int) -> float:
        """Return how far the Brier score of `n` rows may lie from that of the rows themselves.

        Every party rounds its sum of squares and (counted twice) its sum over bads to half a unit
        of the fixed point; the score is released in units of 1e-9.
        """
        unit = 2.0 ** -self._probabilities(f"sum_p2.{sample}").scale_bits
        return 3 * len(self.task.parties) * unit / 2 / n + 0.5 / NANO

    def _newton_fields(self) -> tuple[Field, ...]:
        """Bounds follow from the released row total and weights of evidence, nothing local."""
        beta = self.coefficients
        largest = np.array([1.0, *(float(np.abs(self._table(i).woe).max()) for i in self.kept)])
        n, p = self.n_train, len(largest)
        x = float(largest.max())
        eta = float(np.abs(beta) @ largest)
        return (
            *_HEAD,
            self._real("gradient", p, n * x),
            self._real("hessian", p * (p + 1) // 2, n * x * x / 4),
            self._real("log_loss", 1, n * (1.0 + eta)),
            self._real("weight_square", 1, n / 16),
        )

    def _real(self, name: str, length: int, bound: float) -> Field:
        """Lay out a real-valued field: as many fractional bits as its bound leaves room for."""
        room = 2 * (self.task.parameters.modulus_bits - 8) - 6
        scale_bits = min(40, room - math.ceil(math.log2(1.0 + bound)))
        scaled = math.ceil(bound * 2.0**scale_bits) + 1024
        return Field(name, length, scale_bits=scale_bits, limbs=2, bound=scaled)

    def _table(self, i: int) -> BinTable:
        table = self.tables[i]
        if table is None:
            raise MalformedMessageError("a dropped feature has no bins")
        return table

    def absorb(self, document: dict[str, Any]) -> None:
        """Take in one released document, in order.

        Raises
        ------
        MalformedMessageError
            When it is not a result of the phase that comes next.
        """
        check_release(
            document,
            self.phase,
            n_cells={i: len(grid.upper) for i, grid in self.grids.items()},
            n_raw=tuple(raw.n for raw in self.raw),
            n_features=len(self.task.features),
            samples=self.task.samples,
        )
        values, outcome = document["values"], document["outcome"]
        if self.phase == "quantiles":
            self.raw = tuple(
                RawCells(feature, tuple(float(self.grids[i].upper[cell]) for cell in cells))
                if feature.kind == "numeric"
                else RawCells(feature, ())
                for i, (feature, cells) in enumerate(
                    zip(self.task.features, values["edges"], strict=True)
                )
            )
            self.phase = "bins"
        elif self.phase == "bins":
            self.n_train = values["n"]
            self.dropped = {
                i: f["dropped"] for i, f in enumerate(values["features"]) if "dropped" in f
            }
            self.tables = tuple(
                BinTable(raw, tuple(f["assignment"]), tuple(f["bads"]), tuple(f["goods"]))
                if len(f["bads"]) > 1
                else None
                for raw, f in zip(self.raw, values["features"], strict=True)
            )
            self.phase = "newton"
        elif self.phase == "newton":
            self.point = tuple(values["point"])
            self.standard_errors = tuple(values.get("standard_errors", ()))
            self.phase = {"continue": "newton", "converged": "metrics"}.get(outcome)
        else:
            self.metrics = values["samples"]
            self.phase = None
        self.history.append(
            {
                "phase": document["phase"],
                "outcome": outcome,
                "log_loss": _nano(values.get("log_loss_nano")),
                "step_size": _nano(values.get("step_nano")),
            }
        )


def _nano(value: int | None) -> float | None:
    return None if value is None else value / NANO


def _count(name: str, length: int) -> Field:
    return Field(name, length, scale_bits=0, limbs=1, bound=COUNT_BOUND)


_PROBABILITIES = ("sum_p2", "sum_py", "sum_p")
"""Sums of probabilities of a sample; with its counts they give the Brier score."""

_HEAD = (_count("n", 1), _count("clipped", 1))
"""Every sum carries the training rows and the number of clipped numbers."""
