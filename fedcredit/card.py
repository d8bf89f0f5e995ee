"""What a report shows of a scorecard: points, coefficients, scale, and what was left out."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PointsRow:
    """One bin of one feature in the points table."""

    feature: str
    bin: str
    n: int
    bads: int
    woe: float
    iv: float
    coefficient: float
    points: int

    @property
    def bad_rate(self) -> float:
        """Bads over subjects; zero for an empty bin."""
        return self.bads / self.n if self.n else 0.0


@dataclass(frozen=True, kw_only=True)
class CoefficientRow:
    """One term of the regression with its Wald statistics."""

    term: str
    coefficient: float
    standard_error: float
    wald_z: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Card:
    """What the report shows of a scorecard: two tables, its scale and what was left out."""

    points: tuple[PointsRow, ...]
    coefficients: tuple[CoefficientRow, ...]
    dropped: Mapping[str, str]
    scale: str

    @classmethod
    def of(cls, model_json: str) -> "Card":
        """Read a scorecard from its JSON form.

        Raises
        ------
        ValueError
            From ``Scorecard.from_json``, when the text is not a scorecard.
        """
        from fedcredit_models.scorecard import Scorecard

        model = Scorecard.from_json(model_json)
        return cls(
            points=tuple(
                PointsRow(
                    feature=str(row["feature"]),
                    bin=str(row["bin"]),
                    n=int(row["n"]),
                    bads=int(row["bads"]),
                    woe=float(row["woe"]),
                    iv=float(row["iv"]),
                    coefficient=float(row["coefficient"]),
                    points=int(row["points"]),
                )
                for row in model.table().to_dict(orient="records")
            ),
            coefficients=tuple(
                CoefficientRow(
                    term=str(row["term"]),
                    coefficient=float(row["coefficient"]),
                    standard_error=float(row["standard_error"]),
                    wald_z=float(row["wald_z"]),
                    p_value=float(row["p_value"]),
                )
                for row in model.summary().to_dict(orient="records")
            ),
            dropped=dict(model.dropped),
            scale=f"{model.base_score:g} points at odds {model.base_odds:g} : 1, "
            f"{model.pdo:g} points double the odds",
        )
