"""The catalogues of reports: both languages have every text, with the same places to fill."""

import re
from pathlib import Path

import pytest

import fedcredit
from fedcredit.card_words import CARD
from fedcredit.chart_words import CHINESE, ENGLISH
from fedcredit.development_words import DEVELOPMENT
from fedcredit.findings import TESTS
from fedcredit.model_kinds import MODEL_KINDS
from fedcredit.report_words import Words
from fedcredit.shared_words import SHARED
from fedcredit.validation_words import VALIDATION
from fedcredit_models.dropped import REASONS

FOLDER = Path(fedcredit.__file__).parent
CATALOGUES = {
    "shared": SHARED, "development": DEVELOPMENT, "validation": VALIDATION, "card": CARD,
}  # fmt: skip
HAN = re.compile("[\u4e00-\u9fff]")
SAME_IN_BOTH = {
    "stat.auc", "stat.ks", "charts.roc", "col.n", "col.woe", "col.iv", "col.z", "points.sources",
    "points.iv",
}  # fmt: skip


@pytest.mark.parametrize("name", CATALOGUES)
def test_a_text_has_the_same_places_to_fill_in_both_languages(name: str) -> None:
    for key, (english, chinese) in CATALOGUES[name].items():
        places = [sorted(re.findall(r"\{(\w*)\}", text)) for text in (english, chinese)]

        assert places[0] == places[1], key


@pytest.mark.parametrize("name", CATALOGUES)
def test_a_text_is_in_the_language_it_says(name: str) -> None:
    for key, (english, chinese) in CATALOGUES[name].items():
        words = re.sub(r"\{\w*\}", "", chinese)

        assert not HAN.search(english), key
        assert HAN.search(chinese) or key in SAME_IN_BOTH or not re.search("[A-Za-z]", words), key


def test_words_on_charts_have_both_languages() -> None:
    for name, english in vars(ENGLISH).items():
        chinese = getattr(CHINESE, name)

        assert HAN.search(chinese) and not HAN.search(english), name
        assert set(re.findall(r"\{(\w+)", english)) == set(re.findall(r"\{(\w+)", chinese)), name


def test_every_text_that_a_template_asks_for_is_in_a_catalogue() -> None:
    known = {key for catalogue in CATALOGUES.values() for key in catalogue}
    asked = set()
    for path in FOLDER.glob("*.jinja"):
        asked |= set(re.findall(r'\bt\("([a-z_.]+)"[,)]', path.read_text("utf-8")))

    assert len(asked) > 150
    assert asked <= known


def test_every_text_of_a_closed_list_is_in_a_catalogue() -> None:
    finding = re.findall(r'key="(\w+)"', (FOLDER / "findings.py").read_text("utf-8"))

    assert len(set(finding)) > 12
    for key in [*(f"finding.{name}" for name in finding), *(f"missing.{name}" for name in TESTS)]:
        assert key in VALIDATION


def test_what_kinds_of_runs_release_and_why_features_are_left_out_is_in_chinese_too() -> None:
    words = Words("zh")
    released = [pair for kind in MODEL_KINDS.values() for pair in kind.released.values()]

    assert len(released) > 3
    for function, told in released:
        assert HAN.search(words.released(function, told)), function
    for sentence in REASONS.values():
        assert "<q" not in words.reason(sentence)
    for kind in MODEL_KINDS.values():
        assert {f"phase.{phase}" for phase in kind.released} <= SHARED.keys()


def test_a_value_is_escaped_and_a_figure_is_not() -> None:
    words = Words("en")

    shown = words("points.coefficient", value="<b>")
    kept = words("points.sources", bins=words("stat.auc"), points="&")

    assert shown == "coefficient &lt;b&gt;"
    assert kept == "Counts, WOE, IV AUC · points &amp;"


def test_a_reason_without_translation_is_quoted_in_its_own_language() -> None:
    assert Words("zh").reason("does not vary in the training rows") == "在训练样本中没有变化"
    assert Words("zh").reason("no use") == '<q lang="en">no use</q>'
    assert Words("en").reason("no use") == "no use"


def test_a_quorum_reads_in_both_languages() -> None:
    rule = "3 of 4 (bank-0, bank-1, bank-2, bank-3) and regulator"

    assert Words("en").quorum(rule) == rule
    assert Words("zh").quorum(rule) == (
        "4方中的3方\N{FULLWIDTH LEFT PARENTHESIS}bank-0, bank-1, bank-2, bank-3"
        "\N{FULLWIDTH RIGHT PARENTHESIS}与regulator"
    )
