# ruff: noqa: RUF001
"""How a page asks for its visible words, in English or Chinese.

A catalogue maps a key to its two texts: ``shared_words.py`` has what all pages share, and a file
beside it what one kind of report adds. `Words` picks one language. A value that fills a text is
escaped on its way in, unless it is a figure's own markup.
"""

import re
from typing import Literal

from markupsafe import Markup, escape

from fedcredit.allowed import Allowed
from fedcredit.chart_words import CHINESE, ENGLISH, ChartWords
from fedcredit.shared_words import SHARED, Catalogue

Language = Literal["en", "zh"]

LANGUAGES: dict[Language, int] = {"en": 0, "zh": 1}

QUORUM = re.compile(r"(\d+) of (\d+) \(")


class Words:
    """The words of a page in one language.

    Parameters
    ----------
    language : {"en", "zh"}
        Which.
    *catalogues : mapping
        Beside the shared one.
    """

    def __init__(self, language: Language, *catalogues: Catalogue) -> None:
        self.language = language
        self._texts = dict(SHARED)
        for catalogue in catalogues:
            self._texts |= catalogue

    @property
    def charts(self) -> ChartWords:
        """The words on charts."""
        return ENGLISH if self.language == "en" else CHINESE

    @property
    def tag(self) -> str:
        """The language as HTML names it."""
        return "en" if self.language == "en" else "zh-Hans"

    def __call__(self, key: str, **values: object) -> Markup:
        """Return a text, filled with values; those that are no markup are escaped.

        Raises
        ------
        KeyError
            When no catalogue has the key: a defect of a template, which a test finds.
        """
        return Markup(escape(self._texts[key][LANGUAGES[self.language]])).format(**values)

    def __contains__(self, key: object) -> bool:
        """Tell whether a catalogue has the key."""
        return key in self._texts

    def word(self, kind: str, name: str) -> Markup:
        """Return a name of a closed list in words; a name that is not on it stays as it is."""
        key = f"{kind}.{name}"
        return self(key) if key in self._texts else Markup("<code>{}</code>").format(name)

    def text(self, kind: str, name: str) -> str:
        """Return a name of a closed list in words, or the name, as plain text."""
        key = f"{kind}.{name}"
        return str(self(key)) if key in self._texts else name

    def reason(self, sentence: str) -> Markup:
        """Return why a feature was left out; what has no translation is quoted."""
        for key, (english, _) in self._texts.items():
            if key.startswith("dropped.") and english == sentence:
                return self(key)
        if self.language == "en":
            return Markup(escape(sentence))
        return Markup('<q lang="en">{}</q>').format(sentence)

    def released(self, function: str, told: str) -> Markup:
        """Return what a function released; in English as the result's own file tells it."""
        known = f"released.{function}" in self._texts and self.language != "en"
        return self(f"released.{function}") if known else Markup(escape(told))

    def allowed(self, grant: Allowed) -> Markup:
        """Return what a grant allows, and whom: operations, columns and tables."""
        operations = [str(self.word("operation", name)) for name in grant.operations]
        values = {
            "grantee": grant.grantee,
            "operations": Markup(self("and")).join(map(Markup, operations)),
            "assets": ", ".join(grant.tables),
        }
        if not grant.columns:
            return self("grants.all", **values)
        return self("grants.some", n=len(grant.columns), **values)

    def quorum(self, rule: str) -> str:
        """Return a quorum in words; in English it is the phrase that `fedcredit.quorum` makes."""
        if self.language == "en":
            return rule
        return QUORUM.sub(r"\2方中的\1方（", rule).replace(" and ", "与").replace(")", "）")
