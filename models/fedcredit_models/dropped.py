"""Why a feature is left out of a card: one word in a release, one sentence for the reader."""

from collections.abc import Mapping, Sequence

from fedcredit_models.cell_rules import CellRules

REASONS = {
    "constant": "does not vary in the training rows",
    "missing": "is missing in every training row",
    "separates": "separates good from bad almost alone (leak?): it may have been filled in after "
    "the outcome",
    "few": "has fewer than two bins: too few bads or goods to tell values apart",
}
"""Word -> sentence. Closed: a release with another word is refused."""

OVERLAP = 0.5
"""A feature separates when at most this share of the rarer outcome lies in mixed cells."""


NAMED = 8
"""Most features that one sentence names."""


def told(dropped: Mapping[str, str]) -> str:
    """Return words of features as sentences, the features of one reason together.

    Parameters
    ----------
    dropped : mapping of str to str
        Feature and word.
    """
    said = []
    for word in dict.fromkeys(dropped.values()):
        names = [name for name, why in dropped.items() if why == word]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        said.append(f"{', '.join(names[:NAMED])}{more} {REASONS[word]}")
    return "; ".join(said) or "no feature"


def why_dropped(bads: Sequence[int], goods: Sequence[int], rules: CellRules) -> str:
    """Return the word for a feature that has no two bins that pass the cell rules.

    Parameters
    ----------
    bads, goods : sequence of int
        Summed counts of its raw cells.
    rules : CellRules
        The federation's cell rules.

    Returns
    -------
    {"constant", "separates", "few"}
        *Separates*: there were bads and goods enough for two bins, yet nearly all lie in cells of
        one outcome. Cells below the smallest number of subjects do not count as pure: an
        identifier has one row in each.

    Disclosure
    ----------
    The word is released. *Separates* says that the outcome follows from the feature, which is then
    no secret between those who know the feature; it does not say which values go with which.
    """
    cells = [(int(b), int(g)) for b, g in zip(bads, goods, strict=True) if b + g > 0]
    if len(cells) < 2:
        return "constant"
    n_bads, n_goods = sum(b for b, _ in cells), sum(g for _, g in cells)
    if n_bads < 2 * rules.min_bads or n_goods < 2 * rules.min_goods:
        return "few"
    mixed = sum(min(b, g) if b + g >= rules.min_subjects else b + g for b, g in cells)
    return "separates" if mixed <= OVERLAP * min(n_bads, n_goods) else "few"
