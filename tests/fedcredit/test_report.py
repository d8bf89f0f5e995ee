"""The report: one file, escaped, and every figure cites an entry that the ledger holds."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from fedcredit.card import Card, PointsRow
from fedcredit.charts import wilson
from fedcredit.errors import JobError
from fedcredit.ledger_file import lines
from fedcredit.report import render
from fedcredit.result_file import ResultFile
from tests.fedcredit.conftest import Demonstration


class Page(HTMLParser):
    """Collects what the tests ask about a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.figures: dict[str, str] = {}
        self.entries: set[str] = set()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.bare_figures = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        if "data-entry" in values:
            self.entries.add(values["data-entry"])
        if "data-figure" in values:
            self.figures[values["data-figure"]] = values.get("data-entry", "")
        elif tag == "figure":
            self.bare_figures += 1
        if "id" in values:
            self.ids.add(values["id"])
        if "href" in values:
            self.links.append(values["href"])


def test_every_figure_cites_an_entry_that_is_listed(
    result: ResultFile, facts: list[dict[str, object]], card: Card
) -> None:
    page = Page(render(result, facts, card=card))

    known = {str(fact["entry_id"]) for fact in facts}
    assert page.bare_figures == 0
    assert set(page.figures.values()) <= page.entries <= known
    assert {f"e-{entry}" for entry in page.entries} <= page.ids
    assert {link.removeprefix("#") for link in page.links} <= page.ids


def test_the_figures_of_a_scorecard_are_all_there(
    result: ResultFile, facts: list[dict[str, object]], card: Card
) -> None:
    page = Page(render(result, facts, card=card))

    assert {
        "auc.holdout", "ks.holdout", "gini.holdout", "auc.train", "bands.holdout", "roc.holdout",
        "calibration.holdout", "woe.age_years", "points.home", "coefficients", "standard_errors",
        "history", "log-loss", "participation.bank-2", "disclosure",
    } <= page.figures.keys()  # fmt: skip


def test_a_figure_shows_the_index_and_the_first_digits_of_its_entry(
    result: ResultFile, facts: list[dict[str, object]], card: Card
) -> None:
    text = render(result, facts, card=card)

    opened = result.figures["auc.holdout"]
    index = next(fact["index"] for fact in facts if fact["entry_id"] == opened)
    assert re.search(rf'href="#e-{opened}"[^>]*>#{index}&nbsp;{opened[:6]}…</a>', text)


def test_a_feature_that_is_too_good_is_named_with_its_information_value(
    result: ResultFile, facts: list[dict[str, object]], card: Card
) -> None:
    row, *rest = card.points
    good = Card(
        points=(PointsRow(**{**vars(row), "iv": 0.7}), *rest),
        coefficients=card.coefficients,
        dropped=card.dropped,
        scale=card.scale,
    )

    named, plain = (render(result, facts, card=each) for each in (good, card))

    assert f'data-suspicious="{row.feature}"' in named
    assert "known before the outcome" in named
    assert "data-suspicious" not in plain


def test_an_entry_that_the_ledger_does_not_hold_refuses_the_report(
    result: ResultFile, facts: list[dict[str, object]], card: Card
) -> None:
    with pytest.raises(JobError, match="does not hold"):
        render(result, facts[:-1], card=card)


def test_a_figure_without_an_entry_refuses_the_report(
    saved: dict[str, Any], facts: list[dict[str, object]], card: Card
) -> None:
    del saved["figures"]["coefficients"]
    del saved["figures"]["standard_errors"]

    with pytest.raises(JobError, match="no ledger entry for the figure points"):
        render(ResultFile.model_validate(saved), facts, card=card)


def test_every_figure_of_a_real_run_resolves_in_its_ledger(demonstration: Demonstration) -> None:
    page = Page((demonstration.folder / "report.html").read_text("utf-8"))

    held = {line.entry_id: line for line in lines(demonstration.folder / "ledger.db")}
    assert page.bare_figures == 0
    assert page.entries <= held.keys()
    assert {
        "auc.holdout", "ks.train", "stability.holdout", "bands.holdout", "roc.holdout",
        "calibration.holdout", "woe.income_cu", "points.income_cu", "coefficients",
        "standard_errors", "history", "log-loss", "participation.bank-2", "disclosure",
    } <= page.figures.keys()  # fmt: skip
    types = {name: held[entry].type for name, entry in page.figures.items()}
    assert types["auc.holdout"] == types["woe.income_cu"] == types["coefficients"] == "round-opened"
    assert types["participation.bank-2"] == "round-contributed"
    assert held[page.figures["woe.income_cu"]].data["phase"] == "bins"
    assert held[page.figures["coefficients"]].data["phase"] == "newton"
    assert held[page.figures["auc.holdout"]].data["phase"] == "metrics"


def test_a_report_of_a_run_in_memory_names_no_file(
    saved: dict[str, Any], facts: list[dict[str, object]], card: Card
) -> None:
    saved["ledger"] = ":memory:"

    text = render(ResultFile.model_validate(saved), facts, card=card)

    assert "kept in memory" in text
    assert "fedcredit ledger verify" not in text


def test_hostile_names_stay_text(
    saved: dict[str, Any], facts: list[dict[str, object]], card: Card
) -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    saved["label"] = saved["purpose"] = saved["requester"] = hostile
    saved["parties"][0] = hostile
    saved["participation"] = {hostile: saved["participation"]["bank-0"]}
    saved["disclosure"][0]["released"] = hostile
    saved["checkpoint"] += hostile
    facts[3]["author"] = hostile
    row = card.points[0]
    bad = PointsRow(**{**vars(row), "feature": hostile, "bin": hostile})
    term = type(card.coefficients[0])(**{**vars(card.coefficients[0]), "term": hostile})
    changed = Card(
        points=(bad,), coefficients=(term,), dropped={hostile: hostile}, scale=card.scale
    )

    text = render(ResultFile.model_validate(saved), facts, card=changed, verify_command=hostile)

    page = Page(text)
    assert not page.tags & {"script", "img"}
    assert "<script" not in text
    assert "onerror=alert(2)>" not in text


def test_the_page_asks_the_network_for_nothing(
    result: ResultFile, facts: list[dict[str, object]], card: Card
) -> None:
    text = render(result, facts, card=card)

    page = Page(text)
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "base"}
    assert not re.search(r"https?:|//\w|url\(|@import|src=", text)
    assert "default-src 'none'" in text


def test_a_withheld_sample_names_its_rule_and_shows_no_number(
    result: ResultFile, facts: list[dict[str, object]], card: Card
) -> None:
    text = render(result, facts, card=card)

    assert "rule <code>min-bads</code>" in text
    assert not [name for name in Page(text).figures if name.endswith(".oot")]


def test_a_sample_that_nobody_has_rows_of_is_not_called_withheld(
    saved: dict[str, Any], facts: list[dict[str, object]], card: Card
) -> None:
    saved["metrics"]["oot"] = {"withheld": "no_rows", "n": 0}

    text = render(ResultFile.model_validate(saved), facts, card=card)

    assert "No party has a row of this sample." in text
    assert "no_rows" not in text


def test_a_file_of_another_format_is_refused_by_its_field(saved: dict[str, Any]) -> None:
    with pytest.raises(JobError, match=r"format - Input should be 'fedcredit-result/v1'"):
        ResultFile.parse('{"format": "fedcredit-result/v2"}')


def test_an_entry_id_that_is_no_digest_is_refused(saved: dict[str, Any]) -> None:
    with pytest.raises(JobError, match=r"history\.0\.entry"):
        ResultFile.parse(
            '{"format": "fedcredit-result/v1", "run_id": "r", "label": "bad", "purpose": "m", '
            '"requester": "a", "parties": [], "started": "", "finished": "", "model": {}, '
            '"history": [{"round": 1, "phase": "bins", "log_loss": null, "step_size": null, '
            '"outcome": "x", "entry": "\\"onload=x"}], "metrics": {}, "participation": {}, '
            '"disclosure": [], "figures": {}, "entries": {}, "checkpoint": "", "ledger": ""}'
        )


def test_the_interval_of_a_bad_rate_is_wilsons() -> None:
    # 15 of 148, a textbook example: 95 % interval 0.0624 to 0.1605
    low, high = wilson(15 / 148, 148)

    assert (round(low, 4), round(high, 4)) == (0.0624, 0.1605)
