"""The public course of a run of boosted trees: edges, cells, the trees so far, figures."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fedcredit_models.boosting import Boosting
from fedcredit_models.cells import RawCells
from fedcredit_models.dropped import REASONS
from fedcredit_models.metrics import ScoreGrid
from fedcredit_models.tree_sums import GRADIENT_BITS
from fedcredit_models.trees import LEAF_BITS
from fedcredit_parties import metrics_phase, quantile_phase
from fedcredit_parties.course import Course, count_field
from fedcredit_parties.errors import MalformedMessageError
from fedcredit_parties.gbdt_task import GbdtTask
from fedcredit_parties.masks import Field
from fedcredit_parties.release_form import COUNT_BOUND, is_count, is_flag, is_whole, is_word

UNIT = 1 << GRADIENT_BITS
"""Gradients, curvatures and losses travel in whole units of 2**-20."""


class GbdtCourse(Course[GbdtTask]):
    """What a run of boosted trees has released.

    Attributes
    ----------
    dropped : dict of int to str
        Place of a feature that is left out, and the word that says why.
    suspicious : tuple of int
        Places of features whose information value is above 0.5.
    kept : tuple of int
        Places of the features that are kept.
    holdout : (int, int) or None
        Bads and goods of the hold-out, where they pass the cell rules.
    """

    def __init__(self, task: GbdtTask) -> None:
        super().__init__(task)
        self.grids = quantile_phase.grids_of(task.features, task.grid_cells)
        self.score_grid = ScoreGrid(cells=task.score_cells)
        self.raw: tuple[RawCells, ...] = ()
        self.dropped: dict[int, str] = {}
        self.suspicious: tuple[int, ...] = ()
        self.kept: tuple[int, ...] = ()
        self.n_bads = 0
        self.holdout: tuple[int, int] | None = None
        self._boosting: Boosting | None = None

    @property
    def boosting(self) -> Boosting:
        """The trees so far.

        Raises
        ------
        MalformedMessageError
            Before they have begun.
        """
        if self._boosting is None:
            raise MalformedMessageError("the run has no trees yet")
        return self._boosting

    @property
    def kept_raw(self) -> tuple[RawCells, ...]:
        """Cells of the features that are kept."""
        return tuple(self.raw[i] for i in self.kept)

    @property
    def is_judged(self) -> bool:
        """Whether the next sum carries the losses after the finished trees."""
        return self.boosting.depth == 0 and bool(self.boosting.trees)

    @property
    def weight(self) -> float:
        """Weight of a bad row."""
        return self.boosting.rules.bad_weight

    @property
    def count_bits(self) -> int:
        """Bits by which bads are shifted above rows in a field of both."""
        return self.n_train.bit_length()

    def fields(self) -> tuple[Field, ...]:
        """Return the fields of the next sum."""
        if self.phase == "quantiles":
            return quantile_phase.fields(self.grids)
        if self.phase == "start":
            counts = [
                count_field(f"{kind}.{i}", raw.n)
                for i, raw in enumerate(self.raw)
                for kind in ("bads", "goods")
            ]
            if "holdout" in self.task.samples:
                counts += [count_field("holdout_bads", 1), count_field("holdout_goods", 1)]
            return tuple(counts)
        if self.phase == "trees":
            return self._level()
        return metrics_phase.fields(self, self.score_grid)

    def _level(self) -> tuple[Field, ...]:
        """Lay out one level: bounds follow from released totals, nothing local.

        A gradient lies between minus the weight of the bads and the number of the goods, a
        curvature within a quarter of the weight; rows and bads of a cell share one number.
        """
        length = len(self.boosting.asked) * int(self.boosting.begins[-1])
        n, n_bads = self.n_train, self.n_bads
        bads = n_bads * self.weight
        found = [
            self._whole("gradient", length, max(bads, n - n_bads) * UNIT + n),
            self._whole("curvature", length, (bads + n - n_bads) / 4 * UNIT + n),
            self._whole("counts", length, n * (1 + (1 << self.count_bits)), signed=False),
        ]
        if self.is_judged:
            found.append(self._loss("loss", n_bads, n - n_bads))
            if self.holdout is not None:
                found.append(self._loss("holdout_loss", *self.holdout))
        return tuple(found)

    def _loss(self, name: str, n_bads: int, n_goods: int) -> Field:
        """Lay out a summed loss: no row loses more than ln 2 and its log odds."""
        most = math.ldexp(self.boosting.largest_move, -LEAF_BITS) + 1.0
        return self._whole(name, 1, (n_bads * self.weight + n_goods) * most * UNIT + COUNTED)

    def _whole(self, name: str, length: int, bound: float, *, signed: bool = True) -> Field:
        """Lay out whole numbers, in one slot each where the bound allows it."""
        most = math.ceil(bound)
        limbs = 1 if most < 1 << (self.task.parameters.modulus_bits - 1) else 2
        return Field(name, length, scale_bits=0, limbs=limbs, bound=most, signed=signed)

    def is_form(self, values: Mapping[str, Any], outcome: str) -> bool:
        """Tell whether these are values of the phase that comes next."""
        if self.phase == "quantiles":
            return set(values) == {"edges", "n_clipped"} and quantile_phase.is_form(
                values["edges"], self.grids, len(self.task.features)
            )
        if self.phase == "start":
            return _is_start(values, self.raw)
        if self.phase == "trees":
            return self._is_level(values) and (outcome == "done") == self.boosting.ends_with(
                dict(values)
            )
        return metrics_phase.is_form(values, self.task.samples)

    def _is_level(self, values: Mapping[str, Any]) -> bool:
        nodes = values.get("nodes")
        losses = [name for name in ("log_loss_nano", "holdout_loss_nano") if name in values]
        expected = ["log_loss_nano"] if self.is_judged else []
        if expected and self.holdout is not None:
            expected.append("holdout_loss_nano")
        if losses != expected or not all(is_whole(values[name]) for name in losses):
            return False
        held = values["holdout_loss_nano"] / 1e9 if "holdout_loss_nano" in values else None
        is_over = self.is_judged and self.boosting.is_stopped_by(held)
        return (
            set(values) == {"nodes", "n_clipped", *expected}
            and isinstance(nodes, list)
            and len(nodes) == (0 if is_over else len(self.boosting.frontier))
            and all(_is_node(node, self.kept_raw, self.boosting.is_last_level) for node in nodes)
        )

    def take(self, values: Mapping[str, Any], outcome: str) -> None:
        """Take in the values of the phase that comes next."""
        if self.phase == "quantiles":
            self.raw = quantile_phase.raw_cells(self.task.features, self.grids, values["edges"])
        elif self.phase == "start":
            self._begin(values)
        elif self.phase == "trees":
            self.boosting.absorb(dict(values))
        else:
            self.metrics = values["samples"]

    def _begin(self, values: Mapping[str, Any]) -> None:
        told = values["features"]
        self.n_bads, n_goods = values["bads"], values["goods"]
        self.n_train = self.n_bads + n_goods
        self.dropped = {i: f["dropped"] for i, f in enumerate(told) if "dropped" in f}
        self.kept = tuple(i for i in range(len(told)) if i not in self.dropped)
        self.suspicious = tuple(i for i in self.kept if told[i]["suspicious"])
        if "holdout" in values:
            self.holdout = (values["holdout"][0], values["holdout"][1])
        self._boosting = Boosting(
            self.kept_raw,
            self.task.rules(self.kept, self.n_bads, n_goods),
            n_bads=self.n_bads,
            n_goods=n_goods,
            fellows=[told[i]["fellows"] for i in self.kept],
        )


COUNTED = 1 << 31
"""Room for rounding each row's loss."""


def _is_start(values: Mapping[str, Any], raw: Sequence[RawCells]) -> bool:
    features, held = values.get("features"), values.get("holdout", [0, 0])
    return (
        set(values) - {"holdout"} == {"bads", "goods", "features", "n_clipped"}
        and all(is_count(values[name]) and values[name] for name in ("bads", "goods"))
        and values["bads"] + values["goods"] < COUNT_BOUND
        and isinstance(held, list)
        and len(held) == 2
        and all(map(is_count, held))
        and isinstance(features, list)
        and len(features) == len(raw)
        and all(_is_feature(f, cells) for f, cells in zip(features, raw, strict=True))
        and any("dropped" not in f for f in features)
    )


def _is_feature(value: object, raw: RawCells) -> bool:
    if not isinstance(value, dict):
        return False
    if set(value) == {"dropped"}:
        return is_word(value["dropped"], REASONS)
    fellows = value.get("fellows")
    return (
        set(value) == {"fellows", "suspicious"}
        and is_flag(value["suspicious"])
        and isinstance(fellows, list)
        and len(fellows) == raw.n
        and all(type(cell) is int and 0 <= cell < raw.n for cell in fellows)
    )


def _is_node(value: object, raw: Sequence[RawCells], is_last_level: bool) -> bool:
    """Tell whether it is a leaf's value, or a split with its children."""
    if not isinstance(value, dict):
        return False
    if set(value) == {"value"}:
        return is_whole(value["value"])
    keys = {"feature", "left", "rows"} | ({"values"} if is_last_level else set())
    if set(value) - {"middle"} != keys or not is_whole(value.get("middle", 0)):
        return False
    feature, left, rows = value["feature"], value["left"], value["rows"]
    values = value.get("values", [0, 0])
    return (
        type(feature) is int
        and 0 <= feature < len(raw)
        and isinstance(left, list)
        and all(type(cell) is int and 0 <= cell < raw[feature].n for cell in left)
        and left == sorted(set(left))
        and all(isinstance(pair, list) and len(pair) == 2 for pair in (rows, values))
        and all(map(is_count, rows))
        and all(map(is_whole, values))
    )
