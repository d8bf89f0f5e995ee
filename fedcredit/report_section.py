"""One heading of a report, and the regulations whose headings there are."""

from typing import Literal, NamedTuple

Format = Literal["sr26-2", "cn-loan", "eu-aia"]
"""The regulation that a report is structured after."""


class Section(NamedTuple):
    """One heading of a report.

    Attributes
    ----------
    key : str
        Its name in the page: ``s-KEY``.
    en, zh : str
        The heading.
    holds_en, holds_zh : str
        What it must hold, in one line.
    parts : tuple of str
        The parts of the report under it, in order.
    """

    key: str
    en: str
    zh: str
    holds_en: str
    holds_zh: str
    parts: tuple[str, ...]

    def title(self, language: str) -> str:
        """Return the heading in a language."""
        return self.en if language == "en" else self.zh

    def holds(self, language: str) -> str:
        """Return what it must hold, in a language."""
        return self.holds_en if language == "en" else self.holds_zh
