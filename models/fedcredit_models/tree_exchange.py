"""Boosted trees as a text model of LightGBM, which scores every row alike, to the last bit.

LightGBM reads numbers: a threshold sends the smaller or equal ones left, missing values have a side
of their own, a set of codes sends the levels of a category left. It has no place for a special
code, so where one goes another way than the numbers around it, the number line is cut on both sides
of it and the branch stands twice. Leaves are whole multiples of 2**-40, exact in LightGBM's doubles
and so is their sum. XGBoost keeps leaves and thresholds in 24 bits and would score otherwise: there
is no export to it.

References
----------
Ke et al., LightGBM, NIPS 2017; its text model format, version 4.
"""

import json
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from fedcredit_models.bad_classifier import check_scored
from fedcredit_models.cells import RawCells
from fedcredit_models.columns import level_codes, numbers
from fedcredit_models.number_line import NumberLine, pieces
from fedcredit_models.trees import Node, Tree, leaf_value

if TYPE_CHECKING:
    from fedcredit_models.gbdt import Gbdt

MAX_LEAVES = 20_000
"""Most leaves of one written tree; special codes can multiply them."""

INPUTS = "fedcredit_inputs"
"""Line of the file that says what each input holds; LightGBM passes over it."""

_PLAIN = re.compile(r"[^\s=\"',:\[\]{}]+")
_MISSING_IS_NAN = 2 << 2
_DEFAULT_LEFT = 1 << 1
_CATEGORICAL = 1


def lightgbm_text(model: "Gbdt") -> str:
    """Return boosted trees as a text model: ``lightgbm.Booster(model_str=text)``.

    Parameters
    ----------
    model : Gbdt
        Fitted.

    Returns
    -------
    str
        Predicts the probability of bad, and with ``raw_score=True`` the log odds, from the columns
        of `lightgbm_rows`. The line `INPUTS` lists their names and levels. Names that LightGBM
        cannot hold are written as ``Column_3``. Rows of nodes are not given: LightGBM's own
        contributions need them, use :meth:`Gbdt.contributions`.

    Raises
    ------
    ValueError
        When the special codes of the features make a tree too large.

    Notes
    -----
    LightGBM takes numbers within 1e-35 of zero for zero.
    """
    names = [raw.feature.name for raw in model.raw_]
    plain = all(_PLAIN.fullmatch(name) for name in names)
    shown = names if plain else [f"Column_{i}" for i in range(len(names))]
    inputs = [
        {"name": raw.feature.name, "kind": raw.feature.kind, "levels": list(raw.feature.levels)}
        for raw in model.raw_
    ]
    head = [
        "tree",
        "version=v4",
        "num_class=1",
        "num_tree_per_iteration=1",
        "label_index=0",
        f"max_feature_idx={len(names) - 1}",
        "objective=binary sigmoid:1",
        f"feature_names={' '.join(shown)}",
        f"feature_infos={' '.join(_info(raw) for raw in model.raw_)}",
        f"{INPUTS}=" + json.dumps(inputs).replace("=", r"\u003d"),
        "",
    ]
    start = Tree((Node(n=0, value=model.base_),))
    blocks = [
        [f"Tree={i}", *_Written(tree, model.raw_).lines(), "", ""]
        for i, tree in enumerate((start, *model.trees_))
    ]
    tail = ["end of trees", "", "parameters:", "end of parameters", "", "pandas_categorical:null"]
    return "\n".join([*head, *(line for block in blocks for line in block), *tail, ""])


def lightgbm_rows(model: "Gbdt", frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table as the text model reads it.

    Parameters
    ----------
    model : Gbdt
        Fitted.
    frame : DataFrame
        Rows to be scored.

    Returns
    -------
    DataFrame of float64
        Numbers as they are; of a category the position of the level among the declared ones, one
        more for a level that was not declared; NaN where missing.

    Raises
    ------
    SchemaError
        As ``model.decision_function``.
    """
    check_scored(frame, [raw.feature for raw in model.raw_])
    columns = {}
    for raw in model.raw_:
        series, levels = frame[raw.feature.name], raw.feature.levels
        if raw.feature.kind == "categorical":
            codes = level_codes(series, levels).astype(np.float64)
            codes[codes > len(levels)] = np.nan
            columns[raw.feature.name] = codes
        else:
            columns[raw.feature.name] = numbers(series)
    return pd.DataFrame(columns, index=frame.index)


def _info(raw: RawCells) -> str:
    """Return what LightGBM notes of an input: its range, or its codes."""
    if raw.feature.kind == "categorical":
        return ":".join(str(code) for code in range(len(raw.feature.levels) + 1))
    lower, upper = raw.feature.bounds
    return f"[{lower!r}:{upper!r}]"


class _Reach(NamedTuple):
    """What of a feature's values can still come: stretches `first` to `last`, missing values."""

    first: int
    last: int
    missing: bool


class _Written:
    """One tree in LightGBM's arrays."""

    def __init__(self, tree: Tree, raw: Sequence[RawCells]) -> None:
        self._tree = tree
        self._raw = raw
        self._lines = [
            NumberLine.of(cells) if cells.feature.kind == "numeric" else NumberLine((), ())
            for cells in raw
        ]
        self._leaves: list[float] = []
        self._splits: list[list[float | int]] = []  # feature, threshold, type, left, right
        self._sets: list[list[int]] = []
        everything = tuple(_Reach(0, len(line.upper) - 1, True) for line in self._lines)
        self._add(0, everything)

    def lines(self) -> list[str]:
        found = [f"num_leaves={len(self._leaves)}", f"num_cat={len(self._sets)}"]
        if self._splits:
            keys = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
            columns = zip(*self._splits, strict=True)
            found += [f"{key}={_row(column)}" for key, column in zip(keys, columns, strict=True)]
        found.append(f"leaf_value={_row(self._leaves)}")
        if self._sets:
            ends = np.cumsum([0, *map(len, self._sets)]).tolist()
            found.append(f"cat_boundaries={_row(ends)}")
            found.append(f"cat_threshold={_row([word for words in self._sets for word in words])}")
        return [*found, "is_linear=0", "shrinkage=1"]

    def _add(self, place: int, reach: tuple[_Reach, ...]) -> int:
        """Write what stands below a node; return its number, ``~number`` for a leaf."""
        node = self._tree.nodes[place]
        if node.is_leaf:
            if len(self._leaves) == MAX_LEAVES:
                raise self._too_large()
            self._leaves.append(leaf_value(node.value))
            return ~(len(self._leaves) - 1)
        if self._raw[node.feature].feature.kind == "categorical":
            return self._add_levels(node, reach)
        return self._add_stretches(node, reach, self._pieces(node, reach[node.feature]))

    def _add_levels(self, node: Node, reach: tuple[_Reach, ...]) -> int:
        """Write a set of levels. Missing values always go right, so they decide who that is."""
        raw = self._raw[node.feature]
        missing_left = raw.n_ordinary in node.left
        children = node.children[::-1] if missing_left else node.children
        codes = [c for c in range(raw.n_ordinary) if (c in node.left) != missing_left]
        words = [0] * (raw.n_ordinary // 32 + 1)
        for code in codes:
            words[code // 32] |= 1 << code % 32
        number = self._reserve(node.feature, len(self._sets), _CATEGORICAL)
        self._sets.append(words)
        self._splits[number][3:] = [self._add(child, reach) for child in children]
        return number

    def _pieces(self, node: Node, reach: _Reach) -> list[tuple[int, int, int]]:
        """Return (first, last, goes left) of neighbouring stretches that go the same way."""
        left = set(node.left)
        sides = [int(cell in left) for cell in self._lines[node.feature].cell]
        return pieces(range(reach.first, reach.last + 1), sides)

    def _add_stretches(
        self, node: Node, reach: tuple[_Reach, ...], parts: list[tuple[int, int, int]]
    ) -> int:
        """Write thresholds until one piece is left; missing values go with a piece of their side.

        Where no piece has their side, a threshold above all numbers parts them first.
        """
        own = reach[node.feature]
        missing_left = self._raw[node.feature].n_ordinary in node.left
        if not parts:
            return self._add(node.children[0 if missing_left else 1], reach)
        sides = [side for _, _, side in parts]
        if own.missing and missing_left not in sides:
            number = self._reserve(node.feature, sys.float_info.max, _MISSING_IS_NAN)
            present = self._with(node, own._replace(missing=False), reach)
            absent = self._with(node, _Reach(1, 0, True), reach)
            self._splits[number][3:] = [
                self._add_stretches(node, present, parts),
                self._add_stretches(node, absent, []),
            ]
            return number
        if len(parts) == 1:
            first, last, side = parts[0]
            rest = self._with(node, _Reach(first, last, own.missing), reach)
            return self._add(node.children[0 if side else 1], rest)
        middle = len(parts) // 2
        low, high = parts[:middle], parts[middle:]
        down = own.missing and missing_left in [side for _, _, side in low]
        kind = _MISSING_IS_NAN | (_DEFAULT_LEFT if down else 0)
        number = self._reserve(node.feature, self._lines[node.feature].upper[low[-1][1]], kind)
        halves = ((low, down), (high, own.missing and not down))
        self._splits[number][3:] = [
            self._add_stretches(
                node, self._with(node, _Reach(half[0][0], half[-1][1], missing), reach), half
            )
            for half, missing in halves
        ]
        return number

    @staticmethod
    def _with(node: Node, own: _Reach, reach: tuple[_Reach, ...]) -> tuple[_Reach, ...]:
        return (*reach[: node.feature], own, *reach[node.feature + 1 :])

    def _reserve(self, feature: int, threshold: float, kind: int) -> int:
        self._splits.append([feature, threshold, kind, 0, 0])
        return len(self._splits) - 1

    def _too_large(self) -> ValueError:
        asked = {node.feature for node in self._tree.nodes if not node.is_leaf}
        named = [self._raw[i].feature for i in sorted(asked)]
        coded = ", ".join(feature.name for feature in named if feature.special)
        return ValueError(
            f"the special codes of {coded or 'no feature'} make a tree of LightGBM's form larger "
            f"than {MAX_LEAVES} leaves: declare fewer codes, or export to PMML or SQL"
        )


def _row(values: Sequence[float | int]) -> str:
    return " ".join(repr(value) for value in values)
