"""What a notebook shows of an evaluation: headline, charts, tables; HTML without a script."""

from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from fedcredit import charts
from fedcredit.drift_chart import drift_chart

if TYPE_CHECKING:
    from fedcredit.evaluation_result import EvaluationResult

_STYLE = (
    ".fc-evaluation{font-family:sans-serif}.fc-charts{display:flex;flex-wrap:wrap;gap:12px}"
    ".fc-evaluation svg{width:360px;max-width:100%}.fc-evaluation svg .line{fill:none;"
    "stroke:#2f6f8f;stroke-width:2}.fc-evaluation svg .area{fill:#2f6f8f22}.fc-evaluation svg "
    ".grid{stroke:#8884}.fc-evaluation svg .axis,.fc-evaluation svg .reference,.fc-evaluation svg "
    ".whisker{stroke:#888}.fc-evaluation svg .dot{fill:#2f6f8f}.fc-evaluation svg text{font-size:"
    "10px;fill:currentColor}.fc-evaluation table{border-collapse:collapse;margin:8px 0}"
    ".fc-evaluation td,.fc-evaluation th{padding:2px 8px;text-align:right;border-bottom:1px solid "
    "#8884}"
)


def render(result: "EvaluationResult") -> Markup:
    """Return the block."""
    champion = result.file.overall["champion"]
    drawn = []
    if champion.auc is not None:
        drawn.append(charts.roc([(p.fpr, p.tpr) for p in champion.roc], area=champion.auc))
        groups = [(band.mean_p, band.bad_rate, band.n) for band in champion.calibration]
        drawn.append(charts.calibration(groups))
    if result.file.drift is not None:
        drawn.append(drift_chart(result.file.drift))
    tables = [("all rows", result.overall), ("cut-off", result.cutoffs.T)]
    tables.append(("comparison", result.comparison))
    tables.append(("drift", result.drift))
    tables += [(f"by {part.by}", result.by(part.by)) for part in result.file.partitions]
    return Markup(
        '<div class="fc-evaluation"><style>{}</style><p><b>{}</b><br>{}</p>'
        '<div class="fc-charts">{}</div>{}</div>'
    ).format(
        Markup(_STYLE),
        repr(result).strip("<>"),
        result.file.final_words,
        Markup("").join(drawn),
        Markup("").join(_table(title, frame) for title, frame in tables if not frame.empty),
    )


def _table(title: str, frame: pd.DataFrame) -> Markup:
    """Return a table; every text in it is escaped by pandas."""
    return Markup("<h4>{}</h4>{}").format(
        title, Markup(frame.to_html(na_rep="", float_format="{:.4f}".format, border=0, escape=True))
    )
