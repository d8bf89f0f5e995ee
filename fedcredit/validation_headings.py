# ruff: noqa: RUF001
"""The headings of a validation report, by regulation, and what stands under each."""

from fedcredit.report_section import Format, Section

PARTS = (
    "scope", "concept", "inputs", "outcomes", "calibration", "challenger", "stability", "segments",
    "fairness", "plan", "findings", "missing", "decision", "ledger", "reproduce",
)  # fmt: skip
"""Every part of a validation report; each format has each of them once."""

SECTIONS: dict[Format, tuple[Section, ...]] = {
    "sr26-2": (
        Section(
            "scope",
            "Scope and independence",
            "范围与独立性",
            "What was validated, by whom, from which evidence.",
            "验证对象、验证人与所依据的证据。",
            ("scope",),
        ),
        Section(
            "concept",
            "Conceptual soundness",
            "概念合理性",
            "Whether design, inputs and signs are what theory and practice expect.",
            "设计、输入与符号方向是否符合理论与实践。",
            ("concept", "inputs"),
        ),
        Section(
            "outcomes",
            "Outcomes analysis",
            "结果分析",
            "Predicted against observed, with intervals and tests.",
            "预测与实际的比较，附区间与检验。",
            ("outcomes", "calibration", "segments", "fairness"),
        ),
        Section(
            "challenge",
            "Benchmarking and effective challenge",
            "对标与有效质疑",
            "The model against another one on the same rows.",
            "在相同样本上与另一模型的比较。",
            ("challenger",),
        ),
        Section(
            "monitoring",
            "Ongoing monitoring",
            "持续监测",
            "Stability so far, and the plan with its thresholds.",
            "目前的稳定性，以及带阈值的监测计划。",
            ("stability", "plan"),
        ),
        Section(
            "findings",
            "Findings and decision",
            "发现与决定",
            "What the thresholds flag, what is missing, and who decides.",
            "阈值提示的问题、缺失的检验，以及由谁决定。",
            ("findings", "missing", "decision"),
        ),
        Section(
            "documentation",
            "Documentation",
            "文档",
            "The record, and how to check every figure.",
            "记录以及核查每个数字的方法。",
            ("ledger", "reproduce"),
        ),
    ),
    "cn-loan": (
        Section(
            "scope",
            "Scope of the review",
            "评审范围",
            "What was reviewed, by whom independent of development, from which evidence.",
            "评审对象、独立于开发的评审人与所依据的证据。",
            ("scope",),
        ),
        Section(
            "quality",
            "Quality of risk data",
            "风险数据质量",
            "Whether the inputs are what the model needs.",
            "输入数据是否满足模型要求。",
            ("inputs",),
        ),
        Section(
            "testing",
            "Testing of the risk model",
            "风险模型测试",
            "Predicted against observed, with intervals and tests.",
            "预测与实际的比较，附区间与检验。",
            ("concept", "outcomes", "calibration", "segments", "fairness"),
        ),
        Section(
            "review",
            "Review of the risk model",
            "风险模型评审",
            "Comparison with another model, findings, what is missing, and the decision.",
            "与其他模型的比较、发现、缺失的检验以及决定。",
            ("challenger", "findings", "missing", "decision"),
        ),
        Section(
            "monitoring",
            "Monitoring of the risk model",
            "风险模型监测",
            "Stability so far, and the plan with its thresholds.",
            "目前的稳定性，以及带阈值的监测计划。",
            ("stability", "plan"),
        ),
        Section(
            "record",
            "Record of the risk model",
            "风险模型记录",
            "The record, and how to check every figure.",
            "记录以及核查每个数字的方法。",
            ("ledger", "reproduce"),
        ),
    ),
    "eu-aia": (
        Section(
            "scope",
            "Annex III 5(b): system under test",
            "附件三第5(b)项：受测系统",
            "What was tested, by whom, from which evidence.",
            "受测对象、测试人与所依据的证据。",
            ("scope",),
        ),
        Section(
            "risk",
            "Article 9: testing within the risk management system",
            "第9条：风险管理体系中的测试",
            "Whether the design holds; what the thresholds flag; what is missing.",
            "设计是否成立；阈值提示的问题；缺失的检验。",
            ("concept", "findings", "missing"),
        ),
        Section(
            "data",
            "Article 10: data, and examination for bias",
            "第10条：数据与偏差检查",
            "Whether the inputs are suitable, and how groups fare.",
            "输入是否适用，以及各群体的结果。",
            ("inputs", "segments", "fairness"),
        ),
        Section(
            "records",
            "Article 12: record-keeping",
            "第12条：记录保存",
            "The record, and how to check every figure.",
            "记录以及核查每个数字的方法。",
            ("ledger", "reproduce"),
        ),
        Section(
            "oversight",
            "Article 14: human oversight",
            "第14条：人工监督",
            "Who decides on the result of this validation.",
            "由谁对本次验证结果作出决定。",
            ("decision",),
        ),
        Section(
            "accuracy",
            "Article 15: accuracy, robustness and cybersecurity",
            "第15条：准确性、稳健性与网络安全",
            "Measured accuracy with intervals and tests, stability, thresholds.",
            "带区间与检验的准确性、稳定性与阈值。",
            ("outcomes", "calibration", "challenger", "stability", "plan"),
        ),
    ),
}
"""Format -> its sections in order."""
