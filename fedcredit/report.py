"""A saved result as one self-contained HTML page, every figure with its ledger entry.

The page is for the desk of a validator: it opens from a file with no network, prints on A4,
reads on a telephone, and says under every number, chart and table which entry of the ledger it
came from. `render` is pure: the saved result and the ledger's facts go in, text comes out. A
figure whose entry is not among the facts is refused: a report that cites what the ledger does
not hold is worse than none.
"""

from collections.abc import Iterable, Mapping

from fedcredit.card import Card
from fedcredit.citations import Citations
from fedcredit.figure_names import figures_of
from fedcredit.model_view import ModelView
from fedcredit.report_context import context
from fedcredit.report_page import written
from fedcredit.report_words import Words
from fedcredit.result_file import ResultFile


def render(
    result: ResultFile,
    facts: Iterable[Mapping[str, object]],
    *,
    card: Card | None = None,
    verify_command: str = "fedcredit ledger verify ledger.db --full",
    evidence: str = "",
) -> str:
    """Return the report of a saved result as one HTML page.

    Parameters
    ----------
    result : ResultFile
        The saved result.
    facts : iterable of mapping
        The ledger's entries as ``{"index", "entry_id", "type", "author", "received"}``, read
        from a ledger that the caller has verified. Grants and quorum are told of those that bring
        their ``"data"``.
    card : Card, optional
        The scorecard's tables; read from the result's model when absent.
    verify_command : str
        What a reader types to check the ledger beside the report.
    evidence : str
        Name of the evidence package beside the report; empty when there is none.

    Raises
    ------
    JobError
        When a figure has no entry, or an entry is not in the ledger.

    Notes
    -----
    *Disclosure.* The page repeats what was released to the requester and names the ledger's
    public facts; it holds nothing that `result` and `facts` do not hold. Whoever receives the
    page learns all of it.
    """
    view = ModelView.of(result, card)
    citations = Citations(figures_of(result, card), facts)
    words = Words("en")
    page = context(result, citations, view, words, verify_command=verify_command, evidence=evidence)
    return written("report.html.jinja", page)
