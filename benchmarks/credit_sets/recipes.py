"""The recipes of every set, and the sets that are left out with the reason."""

from functools import cache

from . import berka, consumers, firms, payments
from .recipe import CreditData, Recipe, carry_out

RECIPES: dict[str, Recipe] = {
    **consumers.RECIPES,
    **firms.RECIPES,
    **payments.RECIPES,
    "berka_static": berka.RECIPE,
}

LEFT_OUT = {
    "cumcm_sme": "too small: 123 firms, one of three parties has ten bads to train on",
    "berka_cashflow": "vertical only: its parties hold other columns of the same 354 loans",
}


@cache
def load(name: str) -> CreditData:
    """Return a data set.

    Raises
    ------
    AbsentError
        When its files are not on this machine.
    ValueError
        When its test rows are not those of the published protocol.
    """
    return carry_out(name, RECIPES[name])
