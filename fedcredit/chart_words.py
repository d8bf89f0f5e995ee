# ruff: noqa: RUF001
"""The words on charts, in English and Chinese."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ChartWords:
    """What stands on an axis, in a title and in the tip of a mark; English unless said.

    Attributes
    ----------
    band_tip, dot_tip, bin_tip, round_tip : str
        Forms of the tips; `str.format` fills them.
    """

    share: str = "share of goods, of bads"
    goods: str = "goods"
    bads: str = "bads"
    points: str = "points (higher is safer)"
    distribution: str = "Score distribution of goods and bads"
    band_tip: str = "{low:.0f} to {high:.0f} points: {share} of all {which}"
    found: str = "bads found"
    refused: str = "goods refused"
    roc: str = "Receiver operating characteristic"
    observed: str = "observed bad rate"
    predicted: str = "predicted bad rate"
    calibration: str = "Calibration: observed against predicted bad rate"
    dot_tip: str = "predicted {mean}, observed {rate}, n = {n}"
    woe: str = "Weight of evidence per bin"
    bin_tip: str = "bin {number}: WOE {value:.3f}"
    intervals: str = "Coefficients with 95 % intervals"
    loss: str = "Log loss over the rounds"
    mean_loss: str = "mean log loss"
    round: str = "round"
    round_tip: str = "round {number}: log loss {loss:.6f}"


ENGLISH = ChartWords()
CHINESE = ChartWords(
    share="好客户、坏客户占比",
    goods="好客户",
    bads="坏客户",
    points="分数（越高越安全）",
    distribution="好坏客户的分数分布",
    band_tip="{low:.0f} 至 {high:.0f} 分：占全部{which}的 {share}",
    found="识别出的坏客户",
    refused="被拒绝的好客户",
    roc="受试者工作特征曲线",
    observed="实际坏账率",
    predicted="预测坏账率",
    calibration="校准：实际与预测坏账率",
    dot_tip="预测 {mean}，实际 {rate}，n = {n}",
    woe="各分箱的证据权重",
    bin_tip="第 {number} 箱：WOE {value:.3f}",
    intervals="系数及其 95 % 区间",
    loss="各轮对数损失",
    mean_loss="平均对数损失",
    round="轮次",
    round_tip="第 {number} 轮：对数损失 {loss:.6f}",
)
