"""The trust boundary around mathematics: what foreign bytes break there is refused by name.

Every document is checked before it is used. Where a check does not foresee something, the
mathematics behind it fails with one of Python's own errors; that must refuse a run and not end the
thread that serves every other one.
"""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from fedcredit_parties.errors import MalformedMessageError

CAUSES = (ValueError, ArithmeticError, LookupError, TypeError)
"""Errors of arithmetic, look-up and type. Closed: what a machine or a programmer causes is none."""

_LOG = logging.getLogger(__name__)


@contextmanager
def named(what: str, *, party: str = "") -> Iterator[None]:
    """Turn an unnamed error of the block into a named one that keeps the class of its cause.

    Parameters
    ----------
    what : str
        What was being worked with, such as "a released document".
    party : str
        The member at which it happened.

    Raises
    ------
    MalformedMessageError
        Instead of one of `CAUSES`.

    Disclosure
    ----------
    The cause's class is told, its text is not: it may quote a value. The log gets the places in the
    code, without the text either.
    """
    try:
        yield
    except CAUSES as error:
        places = "".join(traceback.format_tb(error.__traceback__))
        _LOG.warning("%s: %s at\n%s", what, type(error).__name__, places)
        raise MalformedMessageError(
            f"{what} cannot be worked with ({type(error).__name__})",
            party=party,
            expected="what follows from the task, the declared columns and the releases",
            found="something else",
            remedy="the log of the named member says where; compare FedCredit versions",
        ) from None
