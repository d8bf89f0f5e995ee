"""Bins and correlations as inline SVG: weight of evidence by bin, information values, a heat map.

No script, no network. Text that came from a table is escaped on the way in.
"""

import math
from collections.abc import Sequence

import pandas as pd
from markupsafe import Markup

from fedcredit_models.binning import BinTable

WIDTH, TOP, FOOT, LEFT = 360, 18, 58, 34
ROOM = 14
"""Between a bar's end and what is written above or below it."""

SAFE, RISKY, PLAIN = "#3b7d5c", "#b23a3a", "#2f6f8f"
LONGEST = 16
"""Longest label of an axis, in characters; the whole one is in the tooltip."""

STYLE = (
    ".fc-bins{font-family:sans-serif}.fc-bins .fc-row{display:flex;flex-wrap:wrap;gap:12px}"
    ".fc-bins svg{width:360px;max-width:100%}.fc-bins svg text{font-size:10px;fill:currentColor}"
    ".fc-bins table{border-collapse:collapse;margin:8px 0}.fc-bins td,.fc-bins th{padding:2px 8px;"
    "text-align:right;border-bottom:1px solid #8884;white-space:nowrap}"
    ".fc-bins table{display:block;overflow-x:auto}"
)


def woe_chart(table: BinTable) -> Markup:
    """Draw one bar a bin, up for a safe one and down for a risky one, with its bad rate."""
    height = 200
    largest = max(0.05, max(abs(float(woe)) for woe in table.woe))
    half = (height - TOP - FOOT) / 2
    middle, scale = TOP + half, (half - ROOM) / largest
    slot = (WIDTH - LEFT - 6) / table.n_bins
    marks = [_line(LEFT, middle, WIDTH - 6, middle)]
    for b, label in enumerate(table.labels):
        x, woe = LEFT + b * slot, float(table.woe[b])
        tall = max(abs(woe) * scale, 0.5)
        rate = table.bads[b] / max(int(table.n[b]), 1)
        tip = f"{label}: {int(table.n[b])} rows, {rate:.2%} bad, weight of evidence {woe:.3f}"
        y = middle - tall if woe > 0 else middle
        marks.append(_bar(x + 0.1 * slot, y, 0.8 * slot, tall, SAFE if woe > 0 else RISKY, tip))
        end = y - 3 if woe > 0 else y + tall + 10
        marks.append(_text(x + slot / 2, end, f"{rate:.1%}", "middle"))
        marks.append(_slanted(x + slot / 2, height - FOOT + 12, label))
    title = f"{table.raw.feature.name}: information value {table.total_iv:.3f}"
    marks.append(_text(LEFT, 10, title, "start"))
    return _svg(marks, title, height)


def iv_chart(values: pd.DataFrame) -> Markup:
    """Draw one bar a feature from a frame with columns ``iv`` and ``band``, by feature."""
    height = TOP + 18 * max(len(values), 1)
    largest = max(0.05, float(values["iv"].max()) if len(values) else 0.0)
    marks = [_text(4, 11, "information value", "start")]
    words = zip(values.index, values["iv"].astype(float).tolist(), values["band"], strict=True)
    for i, (name, value, band) in enumerate(words):
        y = TOP + 18 * i
        colour = RISKY if band == "suspicious" else PLAIN
        tip = f"{name}: {value:.3f}, {band}"
        marks.append(_text(126, y + 11, _short(str(name)), "end"))
        marks.append(_bar(130, y + 2, 180 * value / largest, 12, colour, tip))
        marks.append(_text(134 + 180 * value / largest, y + 11, f"{value:.3f}", "start"))
    return _svg(marks, "information values", height)


def correlation_chart(matrix: pd.DataFrame) -> Markup:
    """Draw a correlation matrix as squares; a missing one stays empty."""
    p = max(len(matrix), 1)
    cell = min(28.0, (WIDTH - 100) / p)
    values, marks = matrix.to_numpy(dtype=float), []
    for j, name in enumerate(matrix.index):
        y = 6 + j * cell
        marks.append(_text(94, y + cell / 2 + 4, _short(str(name)), "end"))
        for k, other in enumerate(matrix.columns):
            r = float(values[j, k])
            if math.isnan(r):
                continue
            side = cell * max(abs(r), 0.05) ** 0.5
            gap = (cell - side) / 2
            tip = f"{name}, {other}: {r:.3f}"
            colour = PLAIN if r >= 0 else RISKY
            marks.append(_bar(98 + k * cell + gap, y + gap, side, side, colour, tip))
    return _svg(marks, "correlations", round(12 + p * cell))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _bar(x: float, y: float, width: float, height: float, colour: str, tip: str) -> Markup:
    return Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}">'
        "<title>{}</title></rect>"
    ).format(x, y, max(width, 0.5), height, colour, tip)


def _line(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="#888"/>').format(
        x1, y1, x2, y2
    )


def _text(x: float, y: float, content: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, content
    )


def _slanted(x: float, y: float, content: str) -> Markup:
    return Markup(
        '<text x="{0:.1f}" y="{1:.1f}" text-anchor="end" transform="rotate(-35 {0:.1f} {1:.1f})">'
        "{2}</text>"
    ).format(x, y, _short(content))


def _svg(marks: Sequence[Markup], title: str, height: int) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, title, Markup("").join(marks)
    )
