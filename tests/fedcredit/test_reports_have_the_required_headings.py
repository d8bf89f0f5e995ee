"""Both reports have the headings of each regulation, in order, in both languages."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from fedcredit import development_report, validation_report
from fedcredit.report_headings import NAMES, PARTS, SECTIONS
from fedcredit.result_file import ResultFile

# What a reader looks for, from the texts: SR 26-2 has development and use, validation and
# monitoring, governance and controls, vendor products; the Chinese rules' chapter 3 goes from the
# source of risk data to the record of risk models; the AI Act has articles on high-risk systems.
REQUIRED = {
    ("sr26-2", "development"): [
        "purpose", "data", "development", "testing", "explanation", "limitations", "monitoring",
        "governance", "vendor", "documentation",
    ],
    ("sr26-2", "validation"): [
        "scope", "concept", "outcomes", "challenge", "monitoring", "findings", "documentation",
    ],
    ("cn-loan", "development"): [
        "风险数据来源", "风险数据使用", "风险数据保管", "风险数据质量", "风险模型管理流程",
        "风险模型开发", "风险模型测试", "风险模型评审", "风险模型监测", "风险模型退出",
        "风险模型记录",
    ],
    ("cn-loan", "validation"): [
        "评审范围", "风险数据质量", "风险模型测试", "风险模型评审", "风险模型监测", "风险模型记录",
    ],
    ("eu-aia", "development"): [
        "Annex III 5(b)", "Article 9", "Article 10", "Article 11", "Article 12", "Article 13",
        "Article 14", "Article 15", "Article 27",
    ],
    ("eu-aia", "validation"): [
        "Annex III 5(b)", "Article 9", "Article 10", "Article 12", "Article 14", "Article 15",
    ],
}  # fmt: skip
ALL = [
    pytest.param(kind, form, language, id=f"{kind} {form} {language}")
    for kind in SECTIONS
    for form in NAMES
    for language in ("en", "zh")
]
RENDER = {"development": development_report.render, "validation": validation_report.render}
ENGLISH = re.compile(r"[A-Za-z]+ [a-z]+ [a-z]+")
QUOTED = {"style", "code", "pre", "q", "time"}


class Page(HTMLParser):
    """Headings, and the text that a reader reads, names and quotations left out."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.language = ""
        self._open: list[str] = []
        self._id = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._id = values.get("id", "") if tag == "h2" else ""
        self.language = values.get("lang", "") if tag == "html" else self.language
        if tag not in ("meta", "br"):
            self._open.append(tag)
        self.texts += [values[name] for name in ("aria-label", "data-label") if name in values]

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()
        self._id = ""

    def handle_data(self, data: str) -> None:
        if self._id:
            self.headings.append((self._id, data))
        if not QUOTED & set(self._open):
            self.texts.append(data)


@pytest.fixture(scope="module")
def pages() -> dict[tuple[str, str, str], Page]:
    """Every report of the hand-written result."""
    from tests.fedcredit import conftest

    saved = conftest.saved()
    saved["model"] = {"params": {"base_score": 600.0, "base_odds": 50.0, "pdo": 20.0}}
    result, card = ResultFile.model_validate(saved), conftest.card()
    facts = conftest.facts()
    found = {}
    for kind, form, language in (one.values for one in ALL):
        text = RENDER[kind](result, facts, form=form, language=language, card=card)
        found[kind, form, language] = Page(text)
    return found


@pytest.mark.parametrize(("kind", "form", "language"), ALL)
def test_the_headings_are_there_in_order(
    pages: dict[tuple[str, str, str], Page], kind: Any, form: Any, language: Any
) -> None:
    page = pages[kind, form, language]

    *sections, entries = page.headings

    assert page.language == {"en": "en", "zh": "zh-Hans"}[language]
    assert entries[0] == "entries"
    expected = [(f"s-{s.key}", s.en if language == "en" else s.zh) for s in SECTIONS[kind][form]]
    assert sections == expected


@pytest.mark.parametrize(("form", "kind"), REQUIRED)
def test_the_table_has_what_the_regulation_asks_for(form: Any, kind: Any) -> None:
    sections = SECTIONS[kind][form]

    for section, required in zip(sections, REQUIRED[form, kind], strict=True):
        assert required in (section.key, section.zh, section.en.split(":")[0])
        assert section.holds_en.endswith(".") and section.holds_zh.endswith("。")


@pytest.mark.parametrize("kind", SECTIONS)
@pytest.mark.parametrize("form", NAMES)
def test_every_part_of_a_report_stands_under_one_heading(form: Any, kind: Any) -> None:
    placed = [part for section in SECTIONS[kind][form] for part in section.parts]

    assert sorted(placed) == sorted(PARTS[kind])


@pytest.mark.parametrize(("kind", "form", "language"), ALL)
def test_a_report_says_that_it_is_structured_after_a_text_and_no_more(
    pages: dict[tuple[str, str, str], Page], kind: Any, form: Any, language: Any
) -> None:
    told = " ".join(pages[kind, form, language].texts)

    assert NAMES[form][0 if language == "en" else 1] in told
    assert ("does not quote it" if language == "en" else "不引用其条文") in told
    assert "compliant" not in told


@pytest.mark.parametrize(("kind", "form"), [(kind, form) for kind in SECTIONS for form in NAMES])
def test_a_chinese_page_holds_no_english_sentence(
    pages: dict[tuple[str, str, str], Page], kind: Any, form: Any
) -> None:
    found = [text for text in pages[kind, form, "zh"].texts if ENGLISH.search(text)]

    assert found == []


def test_an_english_sentence_in_a_chinese_page_would_be_found(
    pages: dict[tuple[str, str, str], Page],
) -> None:
    page = Page('<html lang="zh-Hans"><p>模型 The model was fitted</p><q>as it was said</q></html>')

    assert [text for text in page.texts if ENGLISH.search(text)] == ["模型 The model was fitted"]
    assert any(ENGLISH.search(text) for text in pages["development", "sr26-2", "en"].texts)


def test_an_english_page_holds_no_chinese_beside_the_name_of_the_rules(
    pages: dict[tuple[str, str, str], Page],
) -> None:
    for (_, _, language), page in pages.items():
        if language == "en":
            assert not re.search("[\u4e00-\u9fff]", " ".join(page.texts))
