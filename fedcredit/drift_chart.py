"""The drift of a score month by month, as inline SVG: one bar a month, two lines for the limits."""

from collections.abc import Sequence

from markupsafe import Markup

from fedcredit.evaluation_file import Drift

WIDTH, HEIGHT, LEFT, FOOT, TOP = 360, 200, 34, 46, 14

_COLOURS = {"steady": "#3b7d5c", "watch": "#c98a1b", "act": "#b23a3a"}


def drift_chart(drift: Drift) -> Markup:
    """Draw the population stability index of each month; a withheld month is a gap."""
    indices = [month.population_stability for month in drift.months]
    top = 1.15 * max([drift.thresholds.act, *(x for x in indices if x is not None)])
    slot = (WIDTH - LEFT - 6) / max(len(drift.months), 1)

    def y_of(value: float) -> float:
        return HEIGHT - FOOT - value / top * (HEIGHT - FOOT - TOP)

    marks = [
        _limit(y_of(limit), f"{name} {limit:g}", colour)
        for name, limit, colour in (
            ("watch", drift.thresholds.watch, _COLOURS["watch"]),
            ("act", drift.thresholds.act, _COLOURS["act"]),
        )
    ]
    every = max(1, len(drift.months) // 8)
    for place, month in enumerate(drift.months):
        x = LEFT + place * slot
        if month.population_stability is not None:
            y = y_of(month.population_stability)
            marks.append(
                Markup(
                    '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}">'
                    "<title>{}: {:.4f}</title></rect>"
                ).format(
                    x + 0.15 * slot, y, 0.7 * slot, max(y_of(0.0) - y, 0.5),
                    _COLOURS[month.verdict or "steady"], month.period, month.population_stability,
                )
            )  # fmt: skip
        if place % every == 0:
            marks.append(
                Markup(
                    '<text x="{0:.1f}" y="{1:.1f}" font-size="10" fill="currentColor" '
                    'text-anchor="end" transform="rotate(-45 {0:.1f} {1:.1f})">{2}</text>'
                ).format(x + 0.6 * slot, HEIGHT - FOOT + 14, month.period)
            )
    return _svg(marks)


def _limit(y: float, words: str, colour: str) -> Markup:
    return Markup(
        '<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}" stroke="{}" stroke-dasharray="4 3"/>'
        '<text x="{}" y="{:.1f}" font-size="10" fill="currentColor">{}</text>'
    ).format(LEFT, WIDTH - 6, y, y, colour, LEFT, y - 3, words)


def _svg(marks: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {} {}" width="{}" role="img" '
        'aria-label="population stability by month">{}</svg>'
    ).format(WIDTH, HEIGHT, WIDTH, Markup("").join(marks))
