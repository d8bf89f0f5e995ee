"""The customary words for an information value, and the warning that a large one deserves."""

BANDS = ((0.02, "none"), (0.1, "weak"), (0.3, "medium"))
"""Word for every information value below each mark; *strong* follows."""

SUSPICIOUS = 0.5
"""Above it a feature is too good to be true until somebody has looked."""


class LeakageWarning(UserWarning):
    """A feature's information value is above 0.5: it may have been filled in after the outcome."""


def band(value: float) -> str:
    """Return the customary word: none, weak, medium, strong or suspicious.

    References
    ----------
    Siddiqi, N. (2006). Credit Risk Scorecards. Wiley, chapter 6.
    """
    if value > SUSPICIOUS:
        return "suspicious"
    return next((word for mark, word in BANDS if value < mark), "strong")


def leakage_text(name: str, value: float) -> str:
    """Return the warning about a feature above 0.5."""
    return (
        f"{name}: information value {value:.2f} is above {SUSPICIOUS:g}: it may have been filled "
        "in after the outcome (label leakage); check when it is known"
    )
