# ruff: noqa: RUF001
"""The words that all pages of reports share: key -> (English, Chinese)."""

from collections.abc import Mapping

from fedcredit.ledger_words import LEDGER

Catalogue = Mapping[str, tuple[str, str]]

SHARED: Catalogue = {
    # names of samples, phases, outcomes, kinds
    "sample.holdout": ("Hold-out", "保留样本"),
    "sample.oot": ("Out of time", "跨期样本"),
    "sample.train": ("Training", "训练样本"),
    "phase.quantiles": ("bin edges", "分箱边界"),
    "phase.bins": ("bins and WOE", "分箱与WOE"),
    "phase.newton": ("Newton step", "牛顿步"),
    "phase.metrics": ("metrics", "指标"),
    "phase.start": ("cells", "单元格"),
    "phase.trees": ("tree level", "树的一层"),
    "phase.train": ("training round", "训练轮"),
    "phase.calibrate": ("calibration", "校准"),
    "outcome.continue": ("continue", "继续"),
    "outcome.converged": ("converged", "已收敛"),
    "outcome.done": ("done", "已完成"),
    "outcome.stopped": ("stopped", "已停止"),
    "released.quantile-edges": (
        "cell numbers of the bin edges of every numeric feature",
        "每个数值变量分箱边界所在的网格编号",
    ),
    "released.merged-bins": (
        "merged bins with their bad and good counts; the row total; why a feature is dropped",
        "合并后的分箱及其好坏计数；总行数；剔除变量的原因",
    ),
    "released.newton-step": (
        "coefficients after the step, step size, mean log loss before it",
        "该步之后的系数、步长、该步之前的平均对数损失",
    ),
    "released.tree-cells": (
        "bads and goods of all rows and of the hold-out; of each feature which values are rare, "
        "whether its information value is above 0.5, why it is dropped",
        "全部数据行与保留样本的好坏计数；各变量的稀有取值、信息值是否高于0.5、剔除原因",
    ),
    "released.tree-level": (
        "of each node of a level its split and its children's rows (to the nearest min_subjects) "
        "or its leaf's value; mean log losses",
        "一层中各节点的分裂及其子节点行数（按最小主体数取整）或叶值；平均对数损失",
    ),
    "released.input-figures": (
        "cell numbers of quantile edges, mean and deviation of every numeric feature; training and "
        "hold-out rows and bads; how many parties train",
        "每个数值变量的分位边界网格编号、均值与标准差；训练与保留样本的行数与坏客户数；参与训练的方数",
    ),
    "released.averaged-weights": (
        "the network's weights after the round, so also the parties' average update; mean losses "
        "before it; how many moves were cut",
        "该轮之后的网络权重，因而也包括各方的平均更新；该轮之前的平均损失；被截断的更新数",
    ),
    "released.calibration": (
        "intercept and slope of the score, the sample they are from",
        "评分的截距与斜率及其所依据的样本",
    ),
    "released.metrics": (
        "AUC, KS, Gini, Brier, score bands, ROC and calibration points",
        "AUC、KS、基尼系数、Brier分、分数段、ROC与校准点",
    ),
    "released.own-gain": (
        "AUC of its own, the joint and its personal model on its own hold-out with intervals, bad "
        "rate among approved; four decimals, counts in tens",
        "本方、联合与个性化模型在本方保留样本上的AUC及区间，通过者坏账率；四位小数，计数以十为单位",
    ),
    "basis.consent": ("consent", "同意"),
    "basis.contract": ("contract", "合同"),
    "basis.statute": ("statute", "法律规定"),
    "basis.court order": ("court order", "法院命令"),
    "basis.police order": ("police order", "公安机关命令"),
    "purpose.modelling": ("modelling", "建模"),
    "and": (" and ", "与"),
    "stop": (". ", "。"),
    "run.grant": ("grant of {party}", "{party} 的授权"),
    "run.proposal": ("run proposed", "提出运行"),
    "run.started": ("run started", "开始运行"),
    "run.model": ("model registered", "登记模型"),
    "run.finished": ("run finished", "运行结束"),
    # head of a page
    "fact.purpose": ("Purpose", "用途"),
    "fact.requester": ("Requested by", "申请方"),
    "fact.parties": ("Parties ({n})", "参与方（{n}）"),
    "fact.run": ("Run", "运行编号"),
    "fact.started": ("Started", "开始时间"),
    "fact.finished": ("Finished", "结束时间"),
    "cites": (
        "Every figure carries the ledger entry it came from (#index and the first digits of its "
        "id), listed with author and time at the {end}. {command} leads a figure back to its "
        "rounds, parties, grants and policy.",
        "每个数字都标明其所依据的账本条目（#序号及编号的前几位），条目的作者与时间列于{end}。"
        "{command} 可从数字追溯到其轮次、参与方、授权与策略。",
    ),
    "cites.end": ("end", "文末"),
    # discrimination
    "sample.no_rows": ("No party has a row of this sample.", "没有任何一方拥有该样本的数据。"),
    "sample.withheld": (
        "Withheld by the disclosure policy, rule {rule}.",
        "按披露策略未予公布，规则 {rule}。",
    ),
    "stat.auc": ("AUC", "AUC"),
    "stat.ks": ("KS", "KS"),
    "stat.gini": ("Gini", "基尼系数"),
    "stat.brier": ("Brier", "Brier分"),
    "stat.n": ("Applicants", "申请人数"),
    "stat.stability": ("Stability", "稳定性指数"),
    "note.exact": ("exact to ± {bound}", "误差不超过 ± {bound}"),
    "note.interval": ("95 %: {low} to {high}", "95 %：{low} 至 {high}"),
    "note.bads": ("{bads} bads, {share}", "坏客户 {bads}，{share}"),
    "note.against_training": ("against training: {word}", "与训练样本相比：{word}"),
    "stability.stable": ("stable", "稳定"),
    "stability.watch": ("watch", "关注"),
    "stability.act": ("act", "需处理"),
    "charts.title": ("{sample}: scores, ROC, calibration", "{sample}：分数、ROC、校准"),
    "charts.goods": ("goods (left)", "好客户（左）"),
    "charts.bads": ("bads (right)", "坏客户（右）"),
    "charts.distribution": ("Score distribution", "分数分布"),
    "charts.roc": ("ROC", "ROC曲线"),
    "charts.calibration": ("Calibration", "校准"),
    "charts.numbers": ("The numbers", "数据"),
    "charts.whiskers": (
        "Whiskers: Wilson’s {interval} interval of the observed bad rate.",
        "线段：实际坏账率的Wilson {interval} 区间。",
    ),
    "col.points_from": ("Points from", "分数自"),
    "col.to": ("to", "至"),
    "col.n": ("n", "n"),
    "col.bads": ("Bads", "坏客户"),
    "col.bad_rate": ("Bad rate", "坏账率"),
    "col.refused": ("Goods refused", "被拒绝的好客户"),
    "col.found": ("Bads found", "识别出的坏客户"),
    "col.predicted": ("Predicted", "预测"),
    "col.observed": ("Observed", "实际"),
    # points
    "points.title": ("Points", "分数"),
    "points.scale": (
        "{score} points at odds {odds} : 1, {pdo} points double the odds",
        "好坏比 {odds} : 1 时为 {score} 分，每 {pdo} 分好坏比翻倍",
    ),
    "points.order": (
        "Features by information value, strongest first; all WOE charts share one scale. Above "
        "zero a bin is safer than the average applicant.",
        "变量按信息值从高到低排列；所有WOE图使用同一刻度。高于零的分箱比平均申请人更安全。",
    ),
    "iv.none": ("none", "无"),
    "iv.weak": ("weak", "弱"),
    "iv.medium": ("medium", "中"),
    "iv.strong": ("strong", "强"),
    "iv.suspicious": ("suspicious", "可疑"),
    "points.iv": ("IV {iv} ({strength})", "IV {iv}（{strength}）"),
    "points.coefficient": ("coefficient {value}", "系数 {value}"),
    "points.woe": ("WOE by bin", "各分箱WOE"),
    "col.bin": ("Bin", "分箱"),
    "col.woe": ("WOE", "WOE"),
    "col.iv": ("IV", "IV"),
    "col.points": ("Points", "分数"),
    "points.sources": (
        "Counts, WOE, IV {bins} · points {points}",
        "计数、WOE、IV {bins} · 分数 {points}",
    ),
    "points.suspicious": (
        "{feature} has an information value of {iv}, above {limit}: check that its value was known "
        "before the outcome.",
        "{feature} 的信息值为 {iv}，高于 {limit}：请核实其取值在结果发生之前已知。",
    ),
    "points.left_out": ("Left out: {features}.", "未纳入：{features}。"),
    "dropped.constant": ("does not vary in the training rows", "在训练样本中没有变化"),
    "dropped.missing": ("is missing in every training row", "在所有训练行中均缺失"),
    "dropped.separates": (
        "separates good from bad almost alone (leak?): it may have been filled in after the "
        "outcome",
        "几乎单独即可区分好坏（是否泄漏？）：可能在结果发生之后才填写",
    ),
    "dropped.few": (
        "has fewer than two bins: too few bads or goods to tell values apart",
        "不足两个分箱：好坏客户过少，无法区分取值",
    ),
    # coefficients
    "coefficients.title": ("Coefficients", "系数"),
    "coefficients.odds": ("Log odds of bad", "坏客户的对数几率"),
    "col.term": ("Term", "项"),
    "col.coefficient": ("Coefficient", "系数"),
    "col.se": ("SE", "标准误"),
    "col.z": ("Wald z", "Wald z"),
    "col.p": ("p", "p值"),
    "coefficients.errors": ("Standard errors, z and p {errors}", "标准误、z与p值 {errors}"),
    "coefficients.held": (
        "Held at zero by the sign constraint: {terms}",
        "因符号约束取零：{terms}",
    ),
    "coefficients.intervals": ("95 % intervals", "95 % 区间"),
    # trees and networks
    "col.feature": ("Feature", "变量"),
    "model.title": ("The model", "模型"),
    "model.importance": ("How much the trees ask each feature", "各变量在树中的使用程度"),
    "col.splits": ("Splits", "分裂次数"),
    "col.rows": ("Training rows that pass, about", "经过的训练行数（约）"),
    "model.network": (
        "The network has {n} weights; its hidden layers stand among the settings. The weights are "
        "in the model’s file, whose digest is in the ledger.",
        "网络共有 {n} 个权重；隐藏层见参数。权重在模型文件中，其摘要记录在账本里。",
    ),
    "model.calibrated": (
        "Its output is calibrated on summed rows: intercept {intercept}, slope {slope}.",
        "其输出在汇总的数据行上校准：截距 {intercept}，斜率 {slope}。",
    ),
    # training
    "training.title": ("Training", "训练过程"),
    "training.rounds": ("{n} opened rounds", "{n} 轮已开启"),
    "col.round": ("Round", "轮次"),
    "col.phase": ("Phase", "阶段"),
    "col.loss": ("Log loss", "对数损失"),
    "col.step": ("Step", "步长"),
    "col.outcome": ("Outcome", "结果"),
    "col.entry": ("Entry", "条目"),
    "training.convergence": ("Convergence", "收敛过程"),
    # participation
    "participation.title": ("Participation", "参与情况"),
    "col.party": ("Party", "参与方"),
    "col.contributions": ("Contributions", "贡献次数"),
    "col.sent": ("Sent", "发送量"),
    "col.share": ("Share of the largest", "相对最大者"),
    "col.entries": ("Entries", "条目"),
    "participation.masked": (
        "Contributions were masked and encrypted before they left a party; their sizes do not "
        "depend on its rows.",
        "各方的贡献在离开本方之前已加掩码并加密；其大小与数据行数无关。",
    ),
    # who learned what
    "learned.title": ("Who learned what", "谁获知了什么"),
    "learned.releases": ("Releases of this run, in order", "本次运行按顺序的公布内容"),
    "col.function": ("Function", "函数"),
    "col.released": ("Released", "公布内容"),
    "col.to_whom": ("To", "公布对象"),
    "learned.others": (
        "The key holder saw, for the length of each call, the opened sums of all parties "
        "({sums}) and each party’s row count; no single contribution. The coordinator learned who "
        "answered when, sizes and digests, and the task’s columns; no number that was computed. "
        "Whoever holds this page learns everything on it.",
        "密钥方仅在每次调用期间看到各方之和（{sums}）以及各方行数，看不到任何一方的单独贡献。"
        "协调方获知谁在何时应答、大小与摘要以及任务的变量名，不获知任何计算出的数字。"
        "持有本页者获知页上全部内容。",
    ),
    "sums.scorecard": ("gradients, Hessians, fine histograms", "梯度、海森矩阵、细直方图"),
    "sums.gbdt": (
        "histograms of gradients and curvatures, kept until the tree’s next level; fine histograms",
        "梯度与曲率的直方图（保留至该树的下一层）、细直方图",
    ),
    "sums.network": (
        "weighted updates of the network, fine histograms",
        "网络的加权更新、细直方图",
    ),
    "sums.unknown": ("whatever the task asks for", "任务所要求的内容"),
    # gains
    "gains.title": ("What each party gains", "各参与方的收益"),
    "gains.none": (
        "No party has reported what the joint model gains over its own.",
        "尚无任何一方报告联合模型相对于其自有模型的收益。",
    ),
    "gains.text": (
        "Each party compared three models on its own hold-out: one of its own rows alone, with the "
        "run’s settings, the joint one, and its personal version of that. It committed to the "
        "figures before the run ended; nobody else can compute them. Counts are told in tens.",
        "各方在自己的保留样本上比较三个模型：按本次运行参数仅用本方数据的模型、联合模型以及其个性化版本。"
        "各方在运行结束前对这些数字作出承诺，其他任何人都无法计算。计数以十为单位。",
    ),
    "col.own_holdout": ("Own hold-out", "本方保留样本"),
    "col.alone": ("AUC alone", "单独AUC"),
    "col.joint": ("AUC joint", "联合AUC"),
    "col.personal": ("AUC personal", "个性化AUC"),
    "col.gain": ("Gain", "收益"),
    "col.bad_approved": ("Bad rate among approved", "通过者坏账率"),
    "col.choice": ("Personal model", "个性化模型"),
    "gains.bads": ("{n}, {bads} bads", "{n}，坏客户 {bads}"),
    "gains.gain": ("{gain} ({low} to {high})", "{gain}（{low} 至 {high}）"),
    "gains.from_to": ("{alone} alone, {personal} personal", "单独 {alone}，个性化 {personal}"),
    "choice.joint": ("the joint score", "联合评分"),
    "choice.alone": ("its own score", "自有评分"),
    "choice.mixture": ("a mixture, {weight} joint", "混合，联合占 {weight}"),
    "gain.party": ("the party does not tell it", "该方不公布"),
    "gain.abstains": ("the party took no part in training", "该方未参与训练"),
    "gain.no_model": ("there was no joint model", "没有联合模型"),
    "gain.small": ("the hold-out is below the cell rules", "保留样本不满足单元格规则"),
    "gain.silent": ("committed to, and not told in time", "已承诺，但未按时公布"),
    "gain.not_opened": (
        "what was told is not what was committed to",
        "所公布的内容与承诺不符",
    ),
    # the run report
    "run.title": ("Scorecard report: {label} ({run})", "评分卡报告：{label}（{run}）"),
    "run.kicker": ("FedCredit scorecard report", "FedCredit评分卡报告"),
    "run.heading": ("Scorecard for “{label}”", "“{label}”评分卡"),
    "run.title_model": ("Model report: {label} ({run})", "模型报告：{label}（{run}）"),
    "run.kicker_model": ("FedCredit model report", "FedCredit模型报告"),
    "run.heading_model": ("Model for “{label}”", "{label} 预测模型"),
    "run.event": ("Event: {event}. A higher score is safer.", "事件：{event}。分数越高越安全。"),
    "run.discrimination": ("Discrimination", "区分能力"),
    **LEDGER,
}
