"""Reads the numbers of a report as a reader sees them, each with the figure that it stands in.

What looks like a number and is none has a mark of its own: names of entries (``ref``), digests and
names in a fixed-width face, times, and the few constants of the method (``data-constant``).
"""

import re
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "br", "hr", "img", "input", "link"}
NO_NUMBERS = {"style", "code", "pre", "time"}
NUMBER = re.compile(r"(?<![\w-])[\N{MINUS SIGN}-]?[0-9](?:[0-9.,\N{NARROW NO-BREAK SPACE}]*[0-9])?")


class Numbers(HTMLParser):
    """The numbers of a page.

    Attributes
    ----------
    entries : dict of str to str
        Figure -> the entry beside it.
    shown : dict of str to list of str
        Figure -> its numbers, as they are printed.
    constants : set of str
        What is marked as a constant of the method.
    bare : list of str
        Numbers that stand in no figure, with the text around them.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.entries: dict[str, str] = {}
        self.shown: dict[str, list[str]] = defaultdict(list)
        self.constants: set[str] = set()
        self.bare: list[str] = []
        self._open: list[tuple[str, str, bool]] = [("", "", False)]
        self._is_constant = False
        self.feed(text)
        self.close()

    @classmethod
    def read(cls, path: Path) -> "Numbers":
        """Read a file."""
        return cls(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        _, figure, is_none = self._open[-1]
        if "data-figure" in values:
            figure, is_none = values["data-figure"], False
            known = self.entries.setdefault(figure, values.get("data-entry", ""))
            assert known == values.get("data-entry", ""), f"{figure} cites two entries"
        words = set(values.get("class", "").split())
        is_none = is_none or bool(words & {"ref", "hex"}) or tag in NO_NUMBERS
        is_none = is_none or (tag == "title" and not figure)  # a chart's title is a tip
        self._is_constant = "data-constant" in values
        if tag not in VOID:
            self._open.append((tag, figure, is_none or self._is_constant))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self._is_constant = False
            opened = self._open.pop()[0]
            assert opened == tag, f"<{opened}> is closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        _, figure, is_none = self._open[-1]
        found = [] if is_none else NUMBER.findall(data)
        if self._is_constant:
            self.constants.add(data)
        if figure:
            self.shown[figure] += found
        elif found:
            self.bare.append(" ".join(data.split())[:80])
