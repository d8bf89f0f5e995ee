"""A validation report: how a model stands up to tests, under the headings of a regulation.

It is made from the saved result of the run that made the model and, where there is one, from the
saved evaluation of that model. Without an evaluation it says which tests are missing. Findings are
generated from thresholds (``findings.py``); the decision is a box that people sign.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fedcredit.card import Card
from fedcredit.citations import Citations
from fedcredit.development_words import DEVELOPMENT
from fedcredit.errors import JobError
from fedcredit.evaluation_file import EvaluationFile
from fedcredit.figure import Figure
from fedcredit.figure_names import figures_of
from fedcredit.findings import findings, interval, missing
from fedcredit.model_view import ModelView
from fedcredit.monitoring_plan import plan
from fedcredit.report_context import context, sample_view, stability_word
from fedcredit.report_headings import NAMES, SECTIONS
from fedcredit.report_page import written
from fedcredit.report_section import Format
from fedcredit.report_words import LANGUAGES, Language, Words
from fedcredit.result_file import ResultFile
from fedcredit.validation_words import VALIDATION


def render(
    result: ResultFile,
    facts: Iterable[Mapping[str, object]],
    *,
    evaluation: EvaluationFile | None = None,
    form: Format = "sr26-2",
    language: Language = "en",
    card: Card | None = None,
    verify_command: str = "fedcredit ledger verify ledger.db --full",
    evidence: str = "",
) -> str:
    """Return the validation report of a saved result as one HTML page.

    Parameters
    ----------
    result : ResultFile
        The saved result of the run that made the model.
    facts : iterable of mapping
        Entries of the result's ledger, and of the evaluation's where that is another file; the
        caller has verified them.
    evaluation : EvaluationFile, optional
        The saved evaluation of the same model.
    form, language, card, verify_command, evidence
        As in :func:`fedcredit.development_report.render`.

    Raises
    ------
    JobError
        When the evaluation judged another model; when a figure has no entry, or an entry is not in
        the ledger.

    Disclosure
    ----------
    The page repeats what the two runs released to their requesters and names the ledger's public
    facts. Whoever receives it learns all of it.
    """
    view = ModelView.of(result, card)
    judged = _figures(result, evaluation)
    known = {str(fact["entry_id"]): fact for fact in facts}
    citations = Citations(figures_of(result, card) | judged, known.values())
    words = Words(language, DEVELOPMENT, VALIDATION)
    page = context(result, citations, view, words, verify_command=verify_command, evidence=evidence)
    registration = _registration(result, citations)
    if evaluation is not None:
        _must_be_of(evaluation, result, registration)
    thresholds = evaluation.drift.thresholds if evaluation and evaluation.drift else None
    page |= {
        "sections": SECTIONS["validation"][form],
        "structured_after": NAMES[form][LANGUAGES[language]],
        "registration": registration,
        "evaluation": evaluation,
        "judged": [
            sample_view(role, evaluation.overall[role], citations, words)
            for role in ("champion", "challenger")
            if role in evaluation.overall
        ]
        if evaluation is not None
        else [],
        "run_of": lambda name: (
            evaluation.run_id if evaluation and name in judged else result.run_id
        ),
        "interval": interval,
        "findings": findings(result, view, evaluation),
        "missing": missing(result, evaluation),
        "wrong_signs": [
            row.term
            for row in (view.card.coefficients[1:] if view.card is not None else ())
            if row.coefficient > 0
        ],
        "plan": plan(thresholds.watch, thresholds.act) if thresholds is not None else plan(),
        "stability_word": stability_word,
    }
    return written("validation_report.html.jinja", page)


def _figures(result: ResultFile, evaluation: EvaluationFile | None) -> dict[str, Figure]:
    """Return the evaluation's figures that the result has no figure of the same name for."""
    if evaluation is None:
        return {}
    theirs = figures_of(result)
    return {name: one for name, one in figures_of(evaluation).items() if name not in theirs}


def _registration(result: ResultFile, citations: Citations) -> dict[str, str] | None:
    """Return who registered the model, by which entry, with which digest."""
    if result.entries.model is None:
        return None
    fact = citations.by_id[citations.cite(result.entries.model)]
    digest = str(fact.data.get("model_digest", ""))
    return {"author": fact.author, "entry": fact.entry_id, "digest": digest}


def _must_be_of(
    evaluation: EvaluationFile, result: ResultFile, registration: Mapping[str, Any] | None
) -> None:
    """Refuse an evaluation whose champion is not the result's registered model."""
    champion = evaluation.models.get("champion")
    registered = registration["digest"] if registration is not None else ""
    if champion is None or champion.digest != registered:
        raise JobError(
            "the evaluation judged another model than the one of this result",
            expected=registered or f"the registered model of run {result.run_id}",
            found="no champion" if champion is None else champion.digest,
            remedy="name the result of the run that made the evaluated model",
        )
