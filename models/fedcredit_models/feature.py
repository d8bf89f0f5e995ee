"""One declared column: what it is called, what it may hold, on which scale it is counted.

A feature is declared before a row is read. Its bounds and scale fix the grid on which quantiles are
counted, its levels fix the cells of a category: a value nobody declared is *other*, never a new
cell, and missing is a cell of its own.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

MAX_LEVELS = 200
"""Most declared levels of one categorical feature."""

MAX_SPECIAL = 20
"""Most special codes of one numeric feature."""

LEAST_SHARE = 1e-10
"""Least distance of two bounds, as a share of the larger: below it cells are no numbers."""

LEAST_BOUND = 1e-100
"""Least absolute value of the larger bound: a grid divides it into parts."""

MAX_TEXT = 200
"""Longest name, unit or level, in characters."""

OTHER = "other"
"""Label of the cell of undeclared levels."""

MISSING = "missing"
"""Label of the cell of missing values."""


@dataclass(frozen=True)
class Feature:
    """One column of the schema.

    Parameters
    ----------
    name : str
        Column name.
    kind : {"numeric", "categorical"}
        Numbers (booleans count as 0 and 1), or levels.
    unit : str, default ""
        Unit of a numeric feature, for the reader.
    lower, upper : float or None
        Bounds of a numeric feature, ``lower < upper``; a value outside is refused before it is
        counted, because it usually is a wrong unit. None for a category.
    scale : {"linear", "log", "asinh"}, default "linear"
        Monotone scale of the quantile grid. Money spans many powers of ten: ``asinh`` counts it
        with a constant relative width and takes zero and negative values.
    special : tuple of float, default ()
        Codes such as -999 that are not quantities; each is a cell of its own, bounds do not apply.
    levels : tuple of str, default ()
        Declared levels of a category, without ``"other"``, which always exists.

    Raises
    ------
    ValueError
        When the parts contradict each other; the message names the feature and the part.

    Notes
    -----
    A standard-library dataclass so that strict pydantic models can hold it;
    ``__pydantic_config__`` tells them to refuse unknown keys.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid", "strict": True}

    name: str
    kind: Literal["numeric", "categorical"]
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    scale: Literal["linear", "log", "asinh"] = "linear"
    special: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a contradictory declaration; turn whole-number bounds into floats."""
        if not isinstance(self.name, str) or not 1 <= len(self.name) <= MAX_TEXT:
            raise ValueError(f"feature name: must be text of 1 to {MAX_TEXT} characters")
        if not isinstance(self.unit, str) or len(self.unit) > MAX_TEXT:
            raise ValueError(f"feature {self.name}: unit must be short text")
        object.__setattr__(self, "special", tuple(float(code) for code in self.special))
        object.__setattr__(self, "levels", tuple(self.levels))
        if self.kind == "numeric":
            self._check_numeric()
        elif self.kind == "categorical":
            self._check_categorical()
        else:
            raise ValueError(f"feature {self.name}: kind must be numeric or categorical")

    def _check_numeric(self) -> None:
        if self.lower is None or self.upper is None:
            raise ValueError(f"feature {self.name}: a numeric feature needs lower and upper")
        lower, upper = float(self.lower), float(self.upper)
        if not (math.isfinite(lower) and math.isfinite(upper) and lower < upper):
            raise ValueError(f"feature {self.name}: lower must be below upper, both finite")
        if not math.isfinite(upper - lower):
            raise ValueError(f"feature {self.name}: the bounds are too far apart")
        largest = max(abs(lower), abs(upper))
        if largest < LEAST_BOUND:
            raise ValueError(f"feature {self.name}: the bounds are too small; choose a larger unit")
        if upper - lower < LEAST_SHARE * largest:
            raise ValueError(f"feature {self.name}: the bounds are too close together")
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)
        if self.scale not in ("linear", "log", "asinh"):
            raise ValueError(f"feature {self.name}: scale must be linear, log or asinh")
        if self.scale == "log" and lower <= 0:
            raise ValueError(f"feature {self.name}: a log scale needs lower above zero")
        if len(set(self.special)) != len(self.special) or len(self.special) > MAX_SPECIAL:
            raise ValueError(
                f"feature {self.name}: special codes must be distinct, {MAX_SPECIAL} at most"
            )
        if not all(math.isfinite(code) for code in self.special):
            raise ValueError(f"feature {self.name}: special codes must be finite")
        if self.levels:
            raise ValueError(f"feature {self.name}: a numeric feature has no levels")

    def _check_categorical(self) -> None:
        if self.lower is not None or self.upper is not None or self.special:
            raise ValueError(f"feature {self.name}: a category has no bounds and no special codes")
        if self.scale != "linear" or self.unit:
            raise ValueError(f"feature {self.name}: a category has no scale and no unit")
        if not all(isinstance(level, str) and len(level) <= MAX_TEXT for level in self.levels):
            raise ValueError(f"feature {self.name}: levels must be short text")
        if len(set(self.levels)) != len(self.levels) or len(self.levels) > MAX_LEVELS:
            raise ValueError(f"feature {self.name}: levels must be distinct, {MAX_LEVELS} at most")
        if OTHER in self.levels:
            raise ValueError(
                f'feature {self.name}: leave "{OTHER}" out of the levels, it always exists'
            )

    @property
    def bounds(self) -> tuple[float, float]:
        """Lower and upper bound of a numeric feature.

        Raises
        ------
        ValueError
            For a category.
        """
        if self.lower is None or self.upper is None:
            raise ValueError(f"feature {self.name}: a category has no bounds")
        return self.lower, self.upper

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as JSON-able values."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Feature":
        """Read a declaration written by `to_dict`.

        Raises
        ------
        ValueError
            For unknown keys, missing keys, or a contradictory declaration.
        """
        try:
            return cls(**value)
        except TypeError:
            raise ValueError("a feature has exactly the declared keys, each of its type") from None
