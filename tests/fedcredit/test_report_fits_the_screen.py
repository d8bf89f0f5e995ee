"""The report in a real browser: no horizontal overflow on a telephone or at a desk."""

from pathlib import Path
from typing import Any

import pytest

from fedcredit import development_report, model_card, validation_report
from fedcredit.card import Card, PointsRow
from fedcredit.report import render
from fedcredit.result_file import ResultFile
from fedcredit.screenshot import WIDTHS, Browser, find_browser, print_a4, shoot
from tests.fedcredit.conftest import Demonstration, Judged

pytestmark = pytest.mark.skipif(
    find_browser() is None, reason="Chromium is not installed (apt-get install chromium)"
)


def browser() -> Browser:
    program = find_browser()
    assert program is not None
    return Browser(program=program)


def test_the_report_is_never_wider_than_its_window(
    tmp_path: Path, result: ResultFile, facts: list[dict[str, object]], card: Card
) -> None:
    page = tmp_path / "report.html"
    page.write_text(render(result, facts, card=card), encoding="utf-8")

    with browser() as chromium:
        shots = [shoot(chromium, page, width_px=width) for width in WIDTHS]

    for width, shot in zip((390, 1280), shots, strict=True):
        assert shot.scroll_width_px == width
        assert shot.widest == ()
        assert shot.requests == ()
        assert shot.picture.startswith(b"\x89PNG")


def test_the_report_of_a_real_run_is_never_wider_than_its_window(
    demonstration: Demonstration,
) -> None:
    page = demonstration.folder / "report.html"

    with browser() as chromium:
        shots = [shoot(chromium, page, width_px=width) for width in WIDTHS]

    assert [shot.scroll_width_px for shot in shots] == [390, 1280]
    assert [shot.widest for shot in shots] == [(), ()]
    assert [shot.requests for shot in shots] == [(), ()]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_filed_reports_are_never_wider_than_their_window(
    tmp_path: Path, judged: Judged, language: Any
) -> None:
    pages = {
        "development": development_report.render(
            judged.result, judged.facts, form="cn-loan", language=language
        ),
        "validation": validation_report.render(
            judged.result, judged.facts, evaluation=judged.evaluation, language=language
        ),
        "card": model_card.to_html(judged.result, judged.facts, language=language),
    }
    for name, text in pages.items():
        (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")

    with browser() as chromium:
        shots = {
            (name, width): shoot(chromium, tmp_path / f"{name}.html", width_px=width, draws=False)
            for name in pages
            for width in WIDTHS
        }
        printed = print_a4(chromium, tmp_path / "validation.html")

    for (name, width), shot in shots.items():
        assert (shot.scroll_width_px, shot.widest) == (width, ()), name
        assert shot.requests == ()
    assert printed.startswith(b"%PDF")


def test_long_names_do_not_push_the_page_apart(
    tmp_path: Path, saved: dict[str, Any], facts: list[dict[str, object]], card: Card
) -> None:
    long = "a_column_named_by_somebody_who_had_a_great_deal_of_time_" * 3
    saved["label"] = saved["purpose"] = saved["parties"][0] = long
    saved["participation"] = {long: saved["participation"]["bank-0"]}
    saved["disclosure"][0]["released"] = long
    rows = tuple(PointsRow(**{**vars(row), "feature": long, "bin": long}) for row in card.points)
    terms = tuple(type(row)(**{**vars(row), "term": long}) for row in card.coefficients)
    changed = Card(points=rows, coefficients=terms, dropped={long: long}, scale=card.scale)
    page = tmp_path / "report.html"
    page.write_text(render(ResultFile.model_validate(saved), facts, card=changed), "utf-8")

    with browser() as chromium:
        shots = [shoot(chromium, page, width_px=width) for width in WIDTHS]

    assert [shot.scroll_width_px for shot in shots] == [390, 1280]
    assert [shot.widest for shot in shots] == [(), ()]


def test_a_page_that_is_too_wide_is_found(tmp_path: Path) -> None:
    page = tmp_path / "wide.html"
    page.write_text("<!doctype html><body><div class=w style='width:1500px'>x</div>", "utf-8")

    with browser() as chromium:
        shot = shoot(chromium, page, width_px=1280)

    assert not shot.fits
    assert "div.w" in shot.widest


def test_the_report_prints(
    tmp_path: Path, result: ResultFile, facts: list[dict[str, object]], card: Card
) -> None:
    page = tmp_path / "report.html"
    page.write_text(render(result, facts, card=card), encoding="utf-8")

    with browser() as chromium:
        printed = print_a4(chromium, page)

    assert printed.startswith(b"%PDF")
