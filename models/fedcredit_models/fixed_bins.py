"""The bins of one feature as a modeller fixes them: where to cut, what to put together.

No counts: they belong to rows. Counted again over the rows of a federation, fixed bins become a
`BinTable`, as long as every one of them passes the cell rules.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from fedcredit_models.binning import BinTable
from fedcredit_models.cell_rules import CellRules
from fedcredit_models.cells import RawCells
from fedcredit_models.feature import Feature
from fedcredit_models.merging import totals

MAX_EDGES = 200
"""Most cuts of one feature."""


@dataclass(frozen=True)
class FixedBins:
    """Bins of one feature without their counts.

    Parameters
    ----------
    feature : str
        Its name.
    edges : tuple of float
        Where a number is cut; empty for a category.
    assignment : tuple of int
        Bin of each raw cell between these edges (`RawCells`), of missing and of each special code;
        -1 for a cell without a bin, which no row may lie in where they are counted.

    Raises
    ------
    ValueError
        When bins are not numbered from 0 without a gap, or there are too many edges.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}

    feature: str
    edges: tuple[float, ...]
    assignment: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse bins that are none."""
        object.__setattr__(self, "edges", tuple(float(edge) for edge in self.edges))
        object.__setattr__(self, "assignment", tuple(self.assignment))
        if len(self.edges) > MAX_EDGES:
            raise ValueError(f"feature {self.feature}: {MAX_EDGES} cuts at most")
        used = set(self.assignment) - {-1}
        if not used or used != set(range(len(used))):
            raise ValueError(f"feature {self.feature}: bins must be numbered from 0 without a gap")

    def raw(self, feature: Feature) -> RawCells:
        """Return the cells of the declared column that these bins are made of.

        Raises
        ------
        ValueError
            When the declared column has other cells.
        """
        cells = RawCells(feature, self.edges)
        if feature.name != self.feature or len(self.assignment) != cells.n:
            raise ValueError(f"feature {self.feature}: its bins do not fit the declared column")
        return cells

    def broken(
        self, feature: Feature, bads: Sequence[int], goods: Sequence[int], rules: CellRules
    ) -> tuple[str, str] | None:
        """Return label and broken rule of the first bin that may not be released, or None.

        Parameters
        ----------
        feature : Feature
            The declared column.
        bads, goods : sequence of int
            Summed counts of its raw cells.
        rules : CellRules
            The federation's.
        """
        table = self.table(feature, bads, goods)
        for label, bad, good in zip(table.labels, table.bads, table.goods, strict=True):
            rule = rules.broken(bad, good)
            if rule is not None:
                return label, rule
        return None

    def leaves_rows(self, bads: Sequence[int], goods: Sequence[int]) -> bool:
        """Tell whether a row lies in a cell without a bin.

        Such a row would be missing from every count over these bins, and each difference of two
        totals would tell of it: a cell without a bin must be empty.
        """
        return any(
            number == -1 and int(bad) + int(good) > 0
            for number, bad, good in zip(self.assignment, bads, goods, strict=True)
        )

    @property
    def n_bins(self) -> int:
        """How many bins there are."""
        return len(set(self.assignment) - {-1})

    def table(self, feature: Feature, bads: Sequence[int], goods: Sequence[int]) -> BinTable:
        """Return the bins with the counts of their raw cells."""
        return BinTable(
            self.raw(feature),
            self.assignment,
            totals(self.assignment, bads),
            totals(self.assignment, goods),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the bins as JSON-able values."""
        found = asdict(self)
        return {key: list(x) if isinstance(x, tuple) else x for key, x in found.items()}
