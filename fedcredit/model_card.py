"""A model card: the one page that goes with a model, as JSON, Markdown or HTML.

The JSON form has every figure with its value and its ledger entry; the other two are written from
it. A card says what the model is, of whose rows, how it does, what it must not be used for, and how
to check all that. What only people know is left open and says so.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from fedcredit.card import Card
from fedcredit.card_words import CARD
from fedcredit.citations import Citations
from fedcredit.development_report import limits, registrations
from fedcredit.development_words import DEVELOPMENT
from fedcredit.figure_names import figures_of
from fedcredit.model_view import ModelView
from fedcredit.report_context import context, stability_word
from fedcredit.report_page import written
from fedcredit.report_words import Language, Words
from fedcredit.result_file import ResultFile

FORMAT = "fedcredit-model-card/v1"
OPEN = ("intended_use", "users", "excluded_uses", "owner", "persons_affected", "human_oversight")
"""What the card leaves to the institution."""


def document(
    result: ResultFile, facts: Iterable[Mapping[str, object]], *, card: Card | None = None
) -> dict[str, Any]:
    """Return the card as JSON-able values.

    Parameters
    ----------
    result : ResultFile
        The saved result.
    facts : iterable of mapping
        The ledger's entries, which the caller has verified.
    card : Card, optional
        A scorecard's tables; read from the result's model when absent.

    Raises
    ------
    JobError
        When a figure cites an entry that the ledger does not hold.
    """
    view = ModelView.of(result, card)
    figures = figures_of(result, card)
    citations = Citations(figures, facts)
    mine = [row for row in registrations(citations) if row["run"] == result.run_id]
    return {
        "format": FORMAT,
        "model": {
            "kind": view.kind,
            "format": view.format,
            "predicts": f"{result.label} = 1",
            "run_id": result.run_id,
            "registered": mine[-1]["entry"] if mine else None,
            "digest": mine[-1]["digest"] if mine else None,
            "settings": dict(view.settings),
            "features": [column.name for column in view.columns],
            "left_out": dict(view.dropped),
        },
        "training": {
            "purpose": result.purpose,
            "requester": result.requester,
            "parties": list(result.parties),
            "started": result.started,
            "finished": result.finished,
            "is_final": result.finality is not None,
        },
        "figures": {
            name: {"value": figure.value, "entry": citations.cite(figure.entry)}
            for name, figure in sorted(figures.items())
            if figure.value is not None
        },
        "withheld": {
            name: part.withheld
            for name, part in result.metrics.items()
            if part.withheld is not None
        },
        "limitations": limits(result),
        "to_be_completed": {name: None for name in OPEN},
        "checkpoint": result.checkpoint,
    }


def to_json(card: Mapping[str, Any]) -> str:
    """Return a card as JSON text."""
    return json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_html(
    result: ResultFile,
    facts: Iterable[Mapping[str, object]],
    *,
    language: Language = "en",
    card: Card | None = None,
    verify_command: str = "fedcredit ledger verify ledger.db --full",
) -> str:
    """Return a card as one HTML page; parameters and errors as in `document`."""
    view = ModelView.of(result, card)
    citations = Citations(figures_of(result, card), facts)
    words = Words(language, DEVELOPMENT, CARD)
    page = context(result, citations, view, words, verify_command=verify_command, evidence="")
    page |= {"limits": limits(result), "stability_word": stability_word}
    return written("model_card.html.jinja", page)


def to_markdown(card: Mapping[str, Any], *, language: Language = "en") -> str:
    """Return a card as Markdown: facts, headline figures with their entries, limits, open fields.

    Parameters
    ----------
    card : mapping
        As `document` returns it.
    language : {"en", "zh"}
        Of headings and sentences.
    """
    words = Words(language, DEVELOPMENT, CARD)
    model, training = card["model"], card["training"]
    kind = words.text("kind", model["kind"] or model["format"])
    lines = [
        f"# {words('card.heading', label=model['predicts'])}",
        "",
        f"- {words('card.kind')}: {kind}",
        f"- {words('fact.purpose')}: {training['purpose']}",
        f"- {words('fact.requester')}: {training['requester']}",
        f"- {words('card.parties')}: {', '.join(training['parties'])}",
        f"- {words('fact.run')}: `{model['run_id']}`",
        f"- {words('card.registered')}: `{model['registered']}`",
        f"- {words('card.features')}: {', '.join(model['features'])}",
        "",
        f"## {words('card.figures')}",
        "",
        f"| {words('card.figure')} | {words('col.value')} | {words('col.entry')} |",
        "| --- | --- | --- |",
    ]
    for name, figure in card["figures"].items():
        if name.split(".")[0] in HEADLINES:
            lines.append(f"| `{name}` | {figure['value']:.6g} | `{figure['entry'][:12]}` |")
    lines += ["", f"## {words('limitations.title')}", ""]
    told = ["selection", *card["limitations"], "groups", "rows"]
    lines += [f"- {words(f'limit.{key}')}" for key in told]
    lines += ["", f"## {words('card.open')}", ""]
    lines += [f"- {words(f'card.{name}')}: ______" for name in card["to_be_completed"]]
    lines += ["", f"{words('card.explain')} `fedcredit ledger explain-number {model['run_id']} …`"]
    return "\n".join(lines) + "\n"


HEADLINES = ("auc", "ks", "gini", "brier", "n", "stability", "iv")
"""First parts of the figures that Markdown shows; the JSON has all."""
