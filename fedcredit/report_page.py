"""How every page of a report is written: one environment of templates, one way to write a number.

The templates lie beside this file. All extend ``page.html.jinja``, which has the design: paper,
telephone, dark screen and print. Text from elsewhere is escaped, and a name that a template does
not know is an error and no empty space.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def written(template: str, page: Mapping[str, Any]) -> str:
    """Return a page.

    Parameters
    ----------
    template : str
        Name of the template.
    page : mapping of str to object
        What it tells.
    """
    return _environment().get_template(template).render(page)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("fedcredit", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["whole"] = whole
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    environment.filters["size"] = size
    environment.filters["moment"] = moment
    environment.filters["signed"] = signed
    environment.filters["p_value"] = lambda p: "< 0.0001" if p < 0.0001 else f"{p:.4f}"
    return environment


def whole(value: float) -> str:
    """Write a whole number with thin spaces between thousands."""
    return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def signed(value: float, digits: int = 3) -> str:
    """Write a number with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def size(n_bytes: int) -> str:
    """Write a number of bytes in the largest decimal unit that leaves at least one."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= scale:
            return f"{n_bytes / scale:.1f} {unit}"
    return f"{n_bytes} bytes"


def moment(time: str) -> str:
    """Write ``2026-11-23T16:00:04.000Z`` as ``2026-11-23 16:00:04 UTC``; leave others alone."""
    if len(time) >= 20 and time[10] == "T" and time.endswith("Z"):
        return f"{time[:10]} {time[11:19]} UTC"
    return time
