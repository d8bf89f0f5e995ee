"""Charts as inline SVG: a handful of shapes, no script, no network, colours from the page.

Every function takes plain numbers and returns one ``<svg>`` element as safe markup; text that
came from elsewhere is escaped on the way in. Colours are CSS classes (``good``, ``bad``,
``line``, ``grid``), so one chart is right on white paper, on a dark screen and for readers who
do not tell red from green: goods and bads differ in hue, in lightness and in place. The
drawing is a few hundred units wide, so that its letters stay readable on a telephone. The words are
English unless `words` says otherwise.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fedcredit.chart_words import ENGLISH, ChartWords

WIDTH = 360
HEIGHT = 232
LEFT = 38
RIGHT = 10
TOP = 12
BOTTOM = 34


@dataclass(frozen=True, kw_only=True)
class Band:
    """One score band: the points between its ends and who fell into it."""

    low: float
    high: float
    n: int
    bads: int


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A named number with its standard error."""

    name: str
    value: float
    error: float


def percent(share: float) -> str:
    """Return a share as a percentage with as many digits as an axis needs."""
    value = 100 * share
    return f"{value:.0f} %" if abs(value - round(value)) < 1e-9 else f"{value:.1f} %"


TOPS = (1.0, 2.0, 4.0, 6.0, 8.0, 10.0)
"""Ends of an axis with four intervals, as multiples of a power of ten."""

STEPS = (1.0, 2.0, 5.0, 10.0)
"""Distances between ticks, likewise."""


def _nice(top: float, multiples: Sequence[float] = TOPS) -> float:
    """Return the smallest multiple of a power of ten that is not below `top`."""
    if top <= 0 or not math.isfinite(top):
        return 1.0
    power = 10.0 ** math.floor(math.log10(top))
    return next((m * power for m in multiples if top <= m * power * (1 + 1e-12)), 10.0 * power)


def _number(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text.replace("-", "\N{MINUS SIGN}")


def _svg(body: Iterable[Markup], *, title: str, width: int = WIDTH, height: int = HEIGHT) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}" class="chart">{}</svg>'
    ).format(width, height, title, Markup("").join(body))


def _text(x: float, y: float, content: str, css: str = "tick", anchor: str = "middle") -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>').format(
        x, y, css, anchor, content
    )


def _line(x1: float, y1: float, x2: float, y2: float, css: str) -> Markup:
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>').format(
        x1, y1, x2, y2, css
    )


def _bar(x: float, y: float, width: float, height: float, css: str, tip: str) -> Markup:
    return Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="{}">'
        "<title>{}</title></rect>"
    ).format(x, y, max(width, 0.5), max(height, 0.0), css, tip)


def _dot(x: float, y: float, radius: float, css: str, tip: str) -> Markup:
    return Markup(
        '<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}" class="{}"><title>{}</title></circle>'
    ).format(x, y, radius, css, tip)


def _path(points: Sequence[tuple[float, float]], css: str, *, closed: bool = False) -> Markup:
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return Markup('<{} points="{}" class="{}"/>').format(
        Markup("polygon") if closed else Markup("polyline"), steps, css
    )


def _plot_x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _plot_y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _share_axis(top: float, *, label: str) -> list[Markup]:
    """Draw horizontal grid lines at quarters of `top`, ticks as percentages, a label above."""
    marks = []
    for quarter in range(5):
        y = _plot_y(quarter / 4)
        marks.append(_line(LEFT, y, WIDTH - RIGHT, y, "axis" if quarter == 0 else "grid"))
        marks.append(_text(LEFT - 4, y + 3.5, percent(top * quarter / 4), anchor="end"))
    marks.append(_text(LEFT, TOP - 3, label, css="label", anchor="start"))
    return marks


def score_distribution(bands: Sequence[Band], *, words: ChartWords = ENGLISH) -> Markup:
    """Draw goods and bads over the score bands, riskiest band left.

    Parameters
    ----------
    bands : sequence of Band
        Bands in any order; each pair of bars is the share of all goods and the share of all
        bads that fell into the band. Bands are drawn equally wide: they were merged until each
        passed the cell rules, so their widths in points differ.
    """
    ordered = sorted(bands, key=lambda band: band.low)
    goods = max(sum(band.n - band.bads for band in ordered), 1)
    bads = max(sum(band.bads for band in ordered), 1)
    shares = [((band.n - band.bads) / goods, band.bads / bads) for band in ordered]
    top = _nice(max((max(pair) for pair in shares), default=1.0))
    slot = (WIDTH - LEFT - RIGHT) / max(len(ordered), 1)
    marks = _share_axis(top, label=words.share)
    every = max(1, math.ceil(len(ordered) / 8))
    for place, (band, (good, bad)) in enumerate(zip(ordered, shares, strict=True)):
        left = LEFT + place * slot
        pair = ((0.08, good, "good", words.goods), (0.5, bad, "bad", words.bads))
        for offset, share, css, which in pair:
            y = _plot_y(share / top)
            tip = words.band_tip.format(
                low=band.low, high=band.high, share=percent(share), which=which
            )
            marks.append(_bar(left + offset * slot, y, 0.42 * slot, _plot_y(0) - y, css, tip))
        if place % every == 0 and place > 0:
            marks.append(_text(left, HEIGHT - BOTTOM + 13, f"{band.low:.0f}"))
    marks.append(_text(WIDTH - RIGHT, HEIGHT - 5, words.points, "label", "end"))
    return _svg(marks, title=words.distribution)


def roc(
    points: Sequence[tuple[float, float]], *, area: float, words: ChartWords = ENGLISH
) -> Markup:
    """Draw the receiver operating characteristic from (fpr, tpr) pairs."""
    corners = {(0.0, 0.0), (1.0, 1.0)}
    curve = [(_plot_x(x), _plot_y(y)) for x, y in sorted(corners | set(points))]
    marks = _share_axis(1.0, label=words.found)
    for quarter in range(5):
        marks.append(_text(_plot_x(quarter / 4), HEIGHT - BOTTOM + 13, percent(quarter / 4)))
    marks.append(_path([*curve, (_plot_x(1.0), _plot_y(0.0))], "area", closed=True))
    marks.append(_line(_plot_x(0), _plot_y(0), _plot_x(1), _plot_y(1), "reference"))
    marks.append(_path(curve, "line"))
    marks.append(_text(_plot_x(0.97), _plot_y(0.08), f"AUC {area:.4f}", "value", "end"))
    marks.append(_text(WIDTH - RIGHT, HEIGHT - 5, words.refused, "label", "end"))
    return _svg(marks, title=words.roc)


def calibration(
    points: Sequence[tuple[float, float, int]], *, words: ChartWords = ENGLISH
) -> Markup:
    """Draw the observed bad rate against the predicted one.

    Parameters
    ----------
    points : sequence of (mean_p, bad_rate, n)
        One per band of applicants. The whisker is Wilson's 95 % interval for the bad rate.

    References
    ----------
    E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    spans = [wilson(rate, n) for _, rate, n in points]
    top = _nice(max([*(p for p, _, _ in points), *(high for _, high in spans)], default=1.0))
    top = min(top, 1.0)
    marks = _share_axis(top, label=words.observed)
    for quarter in range(5):
        tick = percent(top * quarter / 4)
        marks.append(_text(_plot_x(quarter / 4), HEIGHT - BOTTOM + 13, tick))
    marks.append(_line(_plot_x(0), _plot_y(0), _plot_x(1), _plot_y(1), "reference"))
    for (mean, rate, n), (low, high) in zip(points, spans, strict=True):
        x = _plot_x(min(mean / top, 1.0))
        marks.append(_line(x, _plot_y(low / top), x, _plot_y(min(high / top, 1.0)), "whisker"))
        tip = words.dot_tip.format(mean=percent(round(mean, 3)), rate=percent(round(rate, 3)), n=n)
        marks.append(_dot(x, _plot_y(rate / top), 4.0, "dot", tip))
    marks.append(_text(WIDTH - RIGHT, HEIGHT - 5, words.predicted, "label", "end"))
    return _svg(marks, title=words.calibration)


def wilson(rate: float, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Return Wilson's interval for a rate observed on `n` subjects."""
    if n <= 0:
        return 0.0, 1.0
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def woe_bars(values: Sequence[float], *, limit: float, words: ChartWords = ENGLISH) -> Markup:
    """Draw the weight of evidence of a feature's bins, numbered as in its table.

    Parameters
    ----------
    values : sequence of float
        ln(share of goods / share of bads) per bin; above zero the bin is safer than average.
    limit : float
        Largest absolute value over all features: small multiples share one scale.
    """
    width, height, left, foot = 260, 120, 30, 18
    top = _nice(limit)
    middle = (height - foot + 8) / 2
    scale = (height - foot - 8) / 2 / top
    slot = (width - left - 4) / max(len(values), 1)
    marks = []
    for tick in (-top, 0.0, top):
        y = middle - tick * scale
        marks.append(_line(left, y, width - 4, y, "grid" if tick else "axis"))
        marks.append(_text(left - 4, y + 3.5, _number(tick), anchor="end"))
    for place, value in enumerate(values):
        y = middle - max(value, 0.0) * scale
        css = "good" if value >= 0 else "bad"
        x = left + (place + 0.15) * slot
        tip = words.bin_tip.format(number=place + 1, value=value)
        marks.append(_bar(x, y, 0.7 * slot, abs(value) * scale, css, tip))
        marks.append(_text(left + (place + 0.5) * slot, height - 4, str(place + 1)))
    return _svg(marks, title=words.woe, width=width, height=height)


def coefficient_intervals(rows: Sequence[Interval], *, words: ChartWords = ENGLISH) -> Markup:
    """Draw each coefficient with its 95 % interval (1.96 standard errors either side)."""
    line_height, left, width = 20, 128, WIDTH
    height = 26 + line_height * len(rows)
    ends = [row.value + sign * 1.96 * row.error for row in rows for sign in (-1, 1)]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    pad = 0.05 * (high - low or 1.0)
    low, high = low - pad, high + pad

    def place(value: float) -> float:
        return left + (value - low) / (high - low) * (width - left - RIGHT)

    step = _nice((high - low) / 4, STEPS)
    ticks = [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    marks = []
    for tick in ticks:
        css = "axis" if abs(tick) < step / 2 else "grid"
        marks.append(_line(place(tick), 4, place(tick), height - 20, css))
        marks.append(_text(place(tick), height - 6, _number(tick)))
    for number, row in enumerate(rows):
        y = 14 + line_height * number
        name = row.name if len(row.name) <= 22 else row.name[:21] + "…"
        marks.append(_text(left - 8, y + 3.5, name, "name", "end"))
        ends_of_row = (place(row.value - 1.96 * row.error), place(row.value + 1.96 * row.error))
        marks.append(_line(ends_of_row[0], y, ends_of_row[1], y, "whisker"))
        tip = f"{row.name}: {row.value:.4f} ± {row.error:.4f}"
        marks.append(_dot(place(row.value), y, 4.0, "dot", tip))
    return _svg(marks, title=words.intervals, height=height)


def loss_curve(points: Sequence[tuple[int, float]], *, words: ChartWords = ENGLISH) -> Markup:
    """Draw the mean log loss of the training rows over the rounds."""
    rounds = [number for number, _ in points]
    losses = [loss for _, loss in points]
    low, high = min(losses), max(losses)
    pad = 0.08 * (high - low or max(abs(high), 1e-6))
    low, high = low - pad, high + pad
    span = max(max(rounds) - min(rounds), 1)

    def x_of(number: int) -> float:
        return _plot_x((number - min(rounds)) / span * 0.96 + 0.02)

    curve = [(x_of(n), _plot_y((loss - low) / (high - low))) for n, loss in points]
    marks = []
    for quarter in range(5):
        y = _plot_y(quarter / 4)
        marks.append(_line(LEFT, y, WIDTH - RIGHT, y, "axis" if quarter == 0 else "grid"))
        tick = f"{low + (high - low) * quarter / 4:.3f}"
        marks.append(_text(LEFT - 4, y + 3.5, tick, anchor="end"))
    marks.append(_path(curve, "line"))
    every = max(1, math.ceil(len(points) / 10))
    for place, ((number, loss), (x, y)) in enumerate(zip(points, curve, strict=True)):
        marks.append(_dot(x, y, 3.5, "dot", words.round_tip.format(number=number, loss=loss)))
        if place % every == 0:
            marks.append(_text(x, HEIGHT - BOTTOM + 13, str(number)))
    marks.append(_text(LEFT, TOP - 3, words.mean_loss, "label", "start"))
    marks.append(_text(WIDTH - RIGHT, HEIGHT - 5, words.round, "label", "end"))
    return _svg(marks, title=words.loss)
