# ruff: noqa: RUF001
"""The words of a model card: key -> (English, Chinese)."""

from fedcredit.shared_words import Catalogue

CARD: Catalogue = {
    "doc.title": ("Model card: {label} ({run})", "模型卡：{label}（{run}）"),
    "doc.kicker": ("Model card", "模型卡"),
    "card.heading": ("Model card: {label}", "模型卡：{label}"),
    "card.kind": ("Kind", "类型"),
    "kind.scorecard": ("scorecard", "评分卡"),
    "kind.gbdt": ("boosted trees", "提升树"),
    "kind.network": ("neural network", "神经网络"),
    "card.parties": ("Parties", "参与方"),
    "card.registered": ("Registered as", "登记条目"),
    "card.features": ("Features", "变量"),
    "card.figures": ("Figures", "数字"),
    "card.figure": ("Figure", "名称"),
    "card.open": ("To be completed by the institution", "由机构填写"),
    "card.intended_use": ("Intended use", "预期用途"),
    "card.users": ("Users", "使用者"),
    "card.excluded_uses": ("Excluded uses", "禁止的用途"),
    "card.owner": ("Owner", "责任人"),
    "card.persons_affected": ("Persons affected", "受影响的人"),
    "card.human_oversight": ("Human oversight", "人工监督"),
    "card.explain": ("Where a figure came from:", "查询数字来源："),
}
"""Key -> (English, Chinese), of a model card."""
