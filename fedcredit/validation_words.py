# ruff: noqa: RUF001
"""The words of a validation report: key -> (English, Chinese)."""

from fedcredit.shared_words import Catalogue

VALIDATION: Catalogue = {
    "doc.title": ("Validation report: {label} ({run})", "模型验证报告：{label}（{run}）"),
    "doc.kicker": ("Validation report", "模型验证报告"),
    "doc.heading": ("Validation of the model for “{label}”", "{label} 预测模型的验证"),
    # scope
    "sample.champion": ("Champion", "现用模型"),
    "sample.challenger": ("Challenger", "挑战模型"),
    "scope.title": ("What was validated", "验证对象"),
    "scope.model": (
        "The model that {author} registered as {entry}, with the digest {digest}.",
        "{author} 以 {entry} 登记的模型，摘要为 {digest}。",
    ),
    "scope.unregistered": (
        "The model of the run {run}, which was not registered in the ledger.",
        "运行 {run} 的模型，未在账本中登记。",
    ),
    "scope.evaluation": (
        "It was judged without training in the run {run} by {parties}, on these rows: {rows}.",
        "由 {parties} 在运行 {run} 中进行评估而不重新训练，所用数据行：{rows}。",
    ),
    "rows.all": ("all", "全部"),
    "rows.train": ("training", "训练样本"),
    "rows.holdout": ("hold-out", "保留样本"),
    "rows.oot": ("out of time", "跨期样本"),
    "scope.none": (
        "No evaluation run stands behind this report: its figures are those that the training run "
        "released. The list of missing tests says what an evaluation would add.",
        "本报告没有评估运行作为依据：所列数字来自训练运行的公布结果。缺失检验清单说明了评估可补充的内容。",
    ),
    "scope.generated": (
        "Figures and findings are generated from saved results; judgement is left to the people "
        "who sign.",
        "数字与发现由已保存的结果自动生成；判断由签字人作出。",
    ),
    "col.role": ("Role", "角色"),
    "col.model": ("Kind", "类型"),
    "model.scorecard": ("scorecard", "评分卡"),
    "model.gbdt": ("boosted trees", "提升树"),
    "model.mlp": ("neural network", "神经网络"),
    "model.network": ("neural network", "神经网络"),
    "fill.validator": ("Validated by", "验证人"),
    "fill.independence": ("Independence of development", "与开发的独立性"),
    # concept
    "concept.title": ("Design", "设计"),
    "concept.signs": ("Signs", "符号方向"),
    "concept.signs_right": (
        "Every coefficient has the expected sign or is held at zero: more weight of evidence means "
        "less risk.",
        "所有系数的符号均符合预期或取零：证据权重越高，风险越低。",
    ),
    "concept.signs_wrong": (
        "These coefficients have the wrong sign: {terms}.",
        "下列系数符号有误：{terms}。",
    ),
    "concept.monotone": (
        "Bins of numbers were merged under the settings of the card; their order can be read from "
        "the points in the development report.",
        "数值变量的分箱按评分卡参数合并；其顺序可见开发报告中的分数表。",
    ),
    "concept.other": (
        "A model of this kind has no signs to check; monotone constraints, where they were set, "
        "stand among the settings of the development report.",
        "此类模型没有可检查的符号；如设置了单调约束，见开发报告中的参数。",
    ),
    "inputs.title": ("Inputs", "输入"),
    "inputs.features": ("Features by information value", "按信息值排列的变量"),
    "inputs.limits": (
        "Below {weak} a feature says nothing; from {high} on it may know the outcome.",
        "低于 {weak} 的变量没有信息；达到 {high} 及以上的变量可能已知结果。",
    ),
    "inputs.list": ("Features: {features}.", "变量：{features}。"),
    "col.strength": ("Strength", "强度"),
    # outcomes
    "outcomes.title": ("Rank order", "排序能力"),
    "outcomes.training": ("By the training run", "训练运行的结果"),
    "outcomes.evaluation": ("By the evaluation", "评估运行的结果"),
    "outcomes.gains": ("Gains and lift", "增益与提升"),
    "col.depth": ("Depth", "深度"),
    "col.captured": ("Bads captured", "捕获的坏客户"),
    "col.lift": ("Lift", "提升度"),
    "outcomes.cutoff": ("At a cut", "在切分点上"),
    "cutoff.asked": ("Asked approval rate", "设定通过率"),
    "cutoff.rate": ("Approval rate", "通过率"),
    "cutoff.approved": ("Approved", "通过人数"),
    "cutoff.bad_approved": ("Bad rate among the approved", "通过者坏账率"),
    "cutoff.bad_refused": ("Bad rate among the refused", "拒绝者坏账率"),
    "cutoff.expected": ("Expected loss", "预期损失"),
    "cutoff.observed": ("Observed loss", "实际损失"),
    # calibration
    "calibration.title": ("Calibration", "校准"),
    "calibration.none": ("No calibration was released.", "没有公布校准结果。"),
    "col.test": ("Test", "检验"),
    "col.estimate": ("Estimate", "估计值"),
    "col.interval": ("95 % interval", "95 % 区间"),
    "test.slope": ("Calibration slope, expected {value}", "校准斜率，期望值 {value}"),
    "test.intercept": ("Calibration intercept, expected {value}", "校准截距，期望值 {value}"),
    "test.hosmer": ("Hosmer–Lemeshow, {n} groups", "Hosmer–Lemeshow检验，{n} 组"),
    "test.mean": ("Mean prediction against bad rate", "平均预测值与坏账率"),
    # challenger
    "challenger.title": ("Champion and challenger", "现用模型与挑战模型"),
    "challenger.none": (
        "The model was not compared with another one on the same rows.",
        "未在相同数据行上与其他模型比较。",
    ),
    "challenger.withheld": (
        "Withheld by the disclosure policy, rule {rule}.",
        "按披露策略未予公布，规则 {rule}。",
    ),
    "delong.title": ("DeLong’s test of the two AUCs", "两个AUC的DeLong检验"),
    "delong.champion": ("AUC of the champion", "现用模型AUC"),
    "delong.challenger": ("AUC of the challenger", "挑战模型AUC"),
    "delong.difference": ("Challenger less champion", "挑战模型减现用模型"),
    "delong.z": ("z", "z值"),
    "delong.exact": ("to ± {bound}", "误差 ± {bound}"),
    "mcnemar.title": ("McNemar’s test at the cut", "切分点上的McNemar检验"),
    "mcnemar.champion": ("Only the champion is right", "仅现用模型正确"),
    "mcnemar.challenger": ("Only the challenger is right", "仅挑战模型正确"),
    "mcnemar.chi": ("Chi-square", "卡方值"),
    "mcnemar.exact": ("Exact p", "精确p值"),
    # stability
    "stability.title": ("Stability so far", "目前的稳定性"),
    "stability.none": (
        "No sample beside training was released, so stability is not shown.",
        "除训练样本外未公布其他样本，因此未列出稳定性。",
    ),
    "drift.title": ("By month", "按月"),
    "drift.baseline": ("Compared with: {baseline}.", "比较基准：{baseline}。"),
    "baseline.training": ("the training rows", "训练样本"),
    "col.month": ("Month", "月份"),
    "col.index_score": ("Score", "评分"),
    "col.largest": ("Largest feature", "最大变量"),
    "col.actual": ("Actual", "实际"),
    "col.expected": ("Predicted", "预测"),
    "col.calibration_z": ("z", "z值"),
    "col.verdict": ("Verdict", "结论"),
    "verdict.steady": ("steady", "稳定"),
    "verdict.watch": ("watch", "关注"),
    "verdict.act": ("act", "处理"),
    # segments and fairness
    "segments.title": ("By segment and period", "按细分与期间"),
    "segments.none": (
        "The model was not judged by segment or period.",
        "未按细分或期间评估模型。",
    ),
    "by.period": ("By period: {column}", "按期间：{column}"),
    "by.segment": ("By segment: {column}", "按细分：{column}"),
    "by.group": ("By group: {column}", "按人群：{column}"),
    "col.slice": ("Slice", "切片"),
    "slice.other": ("other", "其他"),
    "slice.missing": ("missing", "缺失"),
    "slice.withheld": ("withheld ({rule})", "未公布（{rule}）"),
    "col.gini_interval": ("Gini, 95 %", "基尼系数，95 %"),
    "fairness.title": ("Fairness by group", "按人群的公平性"),
    "fairness.none": (
        "No group of persons was declared, so nothing is said about fairness. That is a gap and no "
        "result.",
        "未声明任何人群，因此对公平性没有结论。这是缺口，而不是结果。",
    ),
    "fairness.text": (
        "At the champion’s cut. The ratio is the approval rate over that of the group with the "
        "highest one; below {limit} it is flagged. Groups below the smallest cells are withheld.",
        "在现用模型的切分点上。比率为该人群通过率与最高通过率人群之比；低于 {limit} 即予提示。"
        "小于最小单元格的人群不予公布。",
    ),
    "col.approval": ("Approval rate", "通过率"),
    "col.ratio": ("Ratio", "比率"),
    "col.good_approval": ("Approval of goods", "好客户通过率"),
    "col.difference": ("Difference", "差异"),
    # plan, findings, missing, decision
    "plan.title": ("Monitoring plan", "监测计划"),
    "findings.title": ("Findings", "发现"),
    "findings.none": ("No threshold was crossed.", "没有指标超过阈值。"),
    "col.severity": ("Severity", "严重程度"),
    "severity.act": ("act", "需处理"),
    "severity.watch": ("watch", "关注"),
    "severity.note": ("note", "提示"),
    "col.finding": ("Finding", "发现"),
    "finding.iv_high": (
        "{about}: information value {iv}. Check that its value was known before the outcome.",
        "{about}：信息值 {iv}。请核实其取值在结果发生之前已知。",
    ),
    "finding.iv_low": (
        "{about}: information value {iv}. The feature says almost nothing.",
        "{about}：信息值 {iv}。该变量几乎没有信息。",
    ),
    "finding.too_good": (
        "{about}: information value above the limit of suspicion. Check that its value was known "
        "before the outcome.",
        "{about}：信息值高于可疑界限。请核实其取值在结果发生之前已知。",
    ),
    "finding.sign": (
        "{about}: coefficient {value} has the wrong sign.",
        "{about}：系数 {value} 符号有误。",
    ),
    "finding.p_value": (
        "{about}: p = {p}. The coefficient cannot be told from zero.",
        "{about}：p = {p}。系数与零无显著差异。",
    ),
    "finding.stability": (
        "{about}: the score’s distribution has moved, index {index}.",
        "{about}：评分分布发生偏移，指数 {index}。",
    ),
    "finding.overfit": (
        "{about}: the upper end of the Gini’s interval, {high}, is below the training rows’ "
        "{train}. The model may be fitted too closely.",
        "{about}：基尼系数区间上限 {high} 低于训练样本的 {train}。模型可能过拟合。",
    ),
    "finding.not_final": (
        "The result is not final: too few witnesses have co-signed it.",
        "结果尚未最终确定：联署的见证方不足。",
    ),
    "finding.slope": (
        "{about}: the calibration slope’s interval, {low} to {high}, does not hold one.",
        "{about}：校准斜率区间 {low} 至 {high} 不包含一。",
    ),
    "finding.intercept": (
        "{about}: the calibration intercept’s interval, {low} to {high}, does not hold zero.",
        "{about}：校准截距区间 {low} 至 {high} 不包含零。",
    ),
    "finding.hosmer_lemeshow": (
        "{about}: Hosmer–Lemeshow’s test rejects the calibration, p = {p}.",
        "{about}：Hosmer–Lemeshow检验拒绝校准假设，p = {p}。",
    ),
    "finding.delong": (
        "The challenger ranks better: AUC {difference}, p = {p}.",
        "挑战模型排序更优：AUC {difference}，p = {p}。",
    ),
    "finding.mcnemar": (
        "The challenger decides better at the cut: it alone is right {challenger} times, the "
        "champion alone {champion} times.",
        "挑战模型在切分点上决策更优：仅其正确 {challenger} 次，仅现用模型正确 {champion} 次。",
    ),
    "finding.withheld": (
        "{about}: withheld by the disclosure policy; nothing is known of this slice.",
        "{about}：按披露策略未予公布；该切片情况未知。",
    ),
    "finding.weaker": (
        "{about}: the upper end of the Gini’s interval, {high}, is below the overall {overall}.",
        "{about}：基尼系数区间上限 {high} 低于总体的 {overall}。",
    ),
    "finding.calibration_z": (
        "{about}: actual bads differ from predicted ones by {z} standard deviations.",
        "{about}：实际坏客户数与预测相差 {z} 个标准差。",
    ),
    "finding.adverse": (
        "{about}: approval rate {ratio} of that of the group with the highest one.",
        "{about}：通过率为最高人群的 {ratio}。",
    ),
    "finding.drift": (
        "{about}: drift, index of the score {index}.",
        "{about}：出现漂移，评分稳定性指数 {index}。",
    ),
    "finding.drift_most": (
        "{about}: drift, index of the score {index}, largest of a feature {largest}.",
        "{about}：出现漂移，评分稳定性指数 {index}，变量中最大者 {largest}。",
    ),
    "finding.rows": (
        "{about}: the training run counted {ours} rows, the evaluation {theirs}. They are not the "
        "same rows, so training rows may be among the evaluated ones; an id column fixes the "
        "split.",
        "{about}：训练运行为 {ours} 行，评估运行为 {theirs} 行。两者并非相同的数据行，"
        "评估中可能包含训练用的数据行；指定主体编号列可固定划分。",
    ),
    "finding.worse_off": (
        "{about}: its personal model ranks worse than its own alone, by {gain} ({low} to {high}).",
        "{about}：其个性化模型的排序不如其单独模型，相差 {gain}（{low} 至 {high}）。",
    ),
    "missing.title": ("Tests that are missing", "缺失的检验"),
    "missing.nothing": ("No test of the list is missing.", "清单中的检验均已完成。"),
    "missing.holdout": (
        "Performance on a hold-out that took no part in the fit.",
        "未参与拟合的保留样本上的表现。",
    ),
    "missing.oot": ("Performance out of time.", "跨期样本上的表现。"),
    "missing.evaluation": (
        "An evaluation run of the registered model by the parties.",
        "由各方对已登记模型进行的评估运行。",
    ),
    "missing.challenger": (
        "Comparison with a challenger on the same rows (DeLong, McNemar).",
        "在相同数据行上与挑战模型的比较（DeLong、McNemar）。",
    ),
    "missing.hosmer_lemeshow": ("Hosmer–Lemeshow’s test.", "Hosmer–Lemeshow检验。"),
    "missing.slope": ("Calibration slope and intercept.", "校准斜率与截距。"),
    "missing.period": ("Performance by period.", "按期间的表现。"),
    "missing.segment": ("Performance by segment.", "按细分的表现。"),
    "missing.group": ("Fairness by group.", "按人群的公平性。"),
    "missing.drift": ("Drift by month.", "按月漂移。"),
    "decision.title": ("Decision", "决定"),
    "decision.text": (
        "This report does not decide. The validator and the approver do, and sign.",
        "本报告不作决定。由验证人与批准人决定并签字。",
    ),
    "decision.fit": ("Fit for use", "可以使用"),
    "decision.conditions": ("Fit for use under conditions", "附条件使用"),
    "decision.unfit": ("Not fit for use", "不可使用"),
    "fill.conditions": ("Conditions and deadlines", "条件与期限"),
    "fill.sign_validator": ("Validator: name, date, signature", "验证人：姓名、日期、签字"),
    "fill.sign_approver": ("Approver: name, date, signature", "批准人：姓名、日期、签字"),
    "evaluation.checkpoint": ("Checkpoint of the evaluation", "评估运行的检查点"),
    "evaluation.ledger": (
        "The entries of the evaluation’s run {run} stand in the ledger {file} that was saved with "
        "it; it may be another file than the training run’s.",
        "评估运行 {run} 的条目在随其保存的账本 {file} 中；该文件可能与训练运行的账本不同。",
    ),
    "reproduce.figures": (
        "Figures of the training run and of the evaluation are led back by the run that released "
        "them:",
        "训练运行与评估运行的数字分别按公布它们的运行追溯：",
    ),
}
"""Key -> (English, Chinese), of a validation report."""
