"""Read JSON of one closed form: every key required, no other allowed, numbers finite.

Whoever reads a model reads foreign bytes. Each reader names the document that it reads, so that an
error says what was wrong with what.
"""

import json
import math
from typing import Any

from fedcredit_models.feature import Feature

MAX_BYTES = 20_000_000

FEATURE_KEYS = {"name", "kind", "unit", "lower", "upper", "scale", "special", "levels"}


class StrictJson:
    """A reader of one kind of document.

    Parameters
    ----------
    what : str
        Name of the kind, for errors.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def wrong(self, said: str) -> ValueError:
        """Return the error that says what is wrong with the document."""
        return ValueError(f"{self._what}: {said}")

    def load(self, text: str | bytes) -> object:
        """Return the value of a JSON text.

        Raises
        ------
        ValueError
            When it is too long, no JSON, has a key twice or a number that is not finite.
        """
        if len(text) > MAX_BYTES:
            raise self.wrong("the text is too long")
        try:
            return json.loads(
                text, parse_constant=self._no_constant, object_pairs_hook=self._no_doubles
            )
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            raise self.wrong("the text is not JSON") from None

    def _no_constant(self, name: str) -> float:
        raise self.wrong(f"{name} is not a finite number")

    def _no_doubles(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise self.wrong("a key stands twice")
        return found

    def fields(self, value: object, keys: set[str] | None, where: str) -> dict[str, Any]:
        """Return an object with exactly these keys; with any when `keys` is None."""
        if not isinstance(value, dict) or (keys is not None and set(value) != keys):
            raise self.wrong(f"{where} does not have exactly its keys")
        return value

    def items(self, value: object, where: str) -> list[Any]:
        """Return a list."""
        if not isinstance(value, list):
            raise self.wrong(f"{where} must be a list")
        return value

    def text(self, value: object, where: str) -> str:
        """Return a text."""
        if not isinstance(value, str):
            raise self.wrong(f"{where} must be text")
        return value

    def boolean(self, value: object, where: str) -> bool:
        """Return true or false."""
        if not isinstance(value, bool):
            raise self.wrong(f"{where} must be true or false")
        return value

    def integer(self, value: object, where: str) -> int:
        """Return a whole number that every JSON reader keeps."""
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 1 << 53:
            raise self.wrong(f"{where} must be whole numbers")
        return value

    def integers(self, value: object, where: str) -> tuple[int, ...]:
        """Return whole numbers."""
        return tuple(self.integer(item, where) for item in self.items(value, where))

    def number(self, value: object, where: str) -> float:
        """Return a finite number."""
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self.wrong(f"{where} must be finite numbers")
        if not math.isfinite(value):
            raise self.wrong(f"{where} must be finite numbers")
        return float(value)

    def numbers(self, value: object, where: str) -> tuple[float, ...]:
        """Return finite numbers."""
        return tuple(self.number(item, where) for item in self.items(value, where))

    def feature(self, value: object) -> Feature:
        """Return a declared column."""
        declared = self.fields(value, FEATURE_KEYS, "feature")
        lower, upper = declared["lower"], declared["upper"]
        return Feature(
            name=self.text(declared["name"], "name"),
            kind=declared["kind"],
            unit=self.text(declared["unit"], "unit"),
            lower=None if lower is None else self.number(lower, "lower"),
            upper=None if upper is None else self.number(upper, "upper"),
            scale=declared["scale"],
            special=self.numbers(declared["special"], "special"),
            levels=tuple(self.text(x, "levels") for x in self.items(declared["levels"], "levels")),
        )
