"""What one type of entry says, in English and Chinese."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """What one type of entry says.

    Attributes
    ----------
    title, title_zh : str
        A few words.
    proves, proves_zh : str
        What follows from the entry and its proof.
    leaves_open, leaves_open_zh : str
        What does not follow.
    """

    title: str
    title_zh: str
    proves: str
    proves_zh: str
    leaves_open: str
    leaves_open_zh: str
