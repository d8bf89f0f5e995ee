"""A model development report: how a model was made, under the headings of a regulation.

`render` is pure: the saved result and the ledger's facts go in, one self-contained HTML page comes
out. What the run knows is told with its figures; what only people know (use, materiality, roles) is
a box that they fill in. The report is structured after a regulation and is no opinion on it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fedcredit.card import Card
from fedcredit.citations import Citations
from fedcredit.development_words import DEVELOPMENT
from fedcredit.figure_names import figures_of
from fedcredit.model_view import ModelView
from fedcredit.monitoring_plan import plan
from fedcredit.report_context import context, stability_word
from fedcredit.report_headings import NAMES, SECTIONS
from fedcredit.report_page import written
from fedcredit.report_section import Format
from fedcredit.report_words import LANGUAGES, Language, Words
from fedcredit.result_file import ResultFile
from fedcredit_parties.data import definition_digest


def render(
    result: ResultFile,
    facts: Iterable[Mapping[str, object]],
    *,
    form: Format = "sr26-2",
    language: Language = "en",
    definition: str = "",
    card: Card | None = None,
    verify_command: str = "fedcredit ledger verify ledger.db --full",
    evidence: str = "",
) -> str:
    """Return the development report of a saved result as one HTML page.

    Parameters
    ----------
    result : ResultFile
        The saved result.
    facts : iterable of mapping
        The ledger's entries, from a ledger that the caller has verified, with the ``"data"`` of
        proposals, registrations and grants.
    form : {"sr26-2", "cn-loan", "eu-aia"}
        Whose headings.
    language : {"en", "zh"}
        Of the page.
    definition : str
        The words that define *bad*, as the job file has them. They are printed when their digest
        is the proposal's, and left out otherwise.
    card : Card, optional
        A scorecard's tables; read from the result's model when absent.
    verify_command, evidence : str
        What a reader types to check the ledger; name of the evidence package beside the page.

    Raises
    ------
    JobError
        When a figure has no entry, or an entry is not in the ledger.

    Disclosure
    ----------
    The page repeats what was released to the requester and names the ledger's public facts.
    Whoever receives it learns all of it.
    """
    view = ModelView.of(result, card)
    citations = Citations(figures_of(result, card), facts)
    words = Words(language, DEVELOPMENT)
    proposal = citations.by_id[citations.cite(result.entries.proposal)].data
    page = context(result, citations, view, words, verify_command=verify_command, evidence=evidence)
    page |= {
        "sections": SECTIONS["development"][form],
        "structured_after": NAMES[form][LANGUAGES[language]],
        "proposal": _Digests(proposal),
        "definition": definition if _is_fixed(definition, proposal) else "",
        "registered": registered(result, citations),
        "registrations": registrations(citations),
        "limits": limits(result),
        "plan": plan(),
        "stability_word": stability_word,
    }
    return written("development_report.html.jinja", page)


class _Digests(dict[str, str]):
    """The proposal's digests by name; one that the facts do not bring is a dash."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__({name: str(value) for name, value in data.items() if "digest" in name})

    def __missing__(self, name: str) -> str:
        return "–"  # noqa: RUF001


def _is_fixed(definition: str, proposal: Mapping[str, Any]) -> bool:
    """Tell whether these words are the ones that the proposal fixed by their digest."""
    fixed = proposal.get("label_definition_digest")
    return bool(definition) and definition_digest(definition) == fixed


def registered(result: ResultFile, citations: Citations) -> list[dict[str, Any]]:
    """Return the tables that the run's parties had registered when it was proposed.

    Of each the party, name, period, and whether its definition of bad is the proposal's.
    """
    proposal = citations.by_id[result.entries.proposal]
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for fact in citations.by_id.values():
        if fact.type != "data-asset-registered" or not fact.data or fact.index > proposal.index:
            continue
        if fact.author in result.parties:
            fixed = proposal.data.get("label_definition_digest")
            newest[fact.author, str(fact.data["asset"])] = {
                "party": fact.author,
                "name": str(fact.data["asset"]),
                "start": str(fact.data["period_from"]),
                "end": str(fact.data["period_to"]),
                "same": fact.data["bad_definition_digest"] == fixed,
                "entry": fact.entry_id,
            }
    for row in newest.values():
        citations.cite(row["entry"])
    return [newest[key] for key in sorted(newest)]


def registrations(citations: Citations) -> list[dict[str, str]]:
    """Return the models that the ledger has registered, oldest first."""
    return [
        {
            "run": str(fact.data["run_id"]),
            "version": str(fact.data["version"]),
            "digest": str(fact.data["model_digest"]),
            "author": fact.author,
            "received": fact.received,
            "entry": citations.cite(fact.entry_id),
        }
        for fact in citations.by_id.values()
        if fact.type == "model-registered" and fact.data
    ]


def limits(result: ResultFile) -> list[str]:
    """Return the keys of the limitations that the result itself shows."""
    found = []
    for sample in ("holdout", "oot"):
        metrics = result.metrics.get(sample)
        if metrics is None or metrics.withheld is not None:
            found.append(sample)
    if result.ledger == ":memory:":
        found.append("memory")
    if result.finality is None:
        found.append("final")
    return found
