"""Credit models whose every number is a function of sums.

The room of mathematics: a scorecard is counted, binned, fitted and judged from sums of integers
over rows, so that several parties' sums give the same model as their pooled rows. All functions are
pure; nothing here reads a file, a clock or a network. See README.md beside this package.

Names are resolved on first use, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fedcredit_models.binning import BinningRules, BinTable, CellRules, RawCells
    from fedcredit_models.errors import NotConvergedError, SchemaError
    from fedcredit_models.feature import Feature
    from fedcredit_models.gbdt import Gbdt
    from fedcredit_models.grid import Grid
    from fedcredit_models.logistic import NewtonRules, NewtonStep, NewtonSums
    from fedcredit_models.metrics import ScoreGrid
    from fedcredit_models.mlp import Mlp
    from fedcredit_models.personal import Personal
    from fedcredit_models.schema import Schema
    from fedcredit_models.scorecard import Scorecard

_HOME = {
    "BinTable": "binning",
    "BinningRules": "binning",
    "CellRules": "binning",
    "Feature": "feature",
    "Gbdt": "gbdt",
    "Grid": "grid",
    "Mlp": "mlp",
    "NewtonRules": "logistic",
    "NewtonStep": "logistic",
    "NewtonSums": "logistic",
    "NotConvergedError": "errors",
    "Personal": "personal",
    "RawCells": "binning",
    "Schema": "schema",
    "SchemaError": "errors",
    "ScoreGrid": "metrics",
    "Scorecard": "scorecard",
}

__all__ = [
    "BinTable",
    "BinningRules",
    "CellRules",
    "Feature",
    "Gbdt",
    "Grid",
    "Mlp",
    "NewtonRules",
    "NewtonStep",
    "NewtonSums",
    "NotConvergedError",
    "Personal",
    "RawCells",
    "Schema",
    "SchemaError",
    "ScoreGrid",
    "Scorecard",
]


def __getattr__(name: str) -> Any:
    """Import a public name's module on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
