# ruff: noqa: RUF001
"""The words that all pages of reports share: key -> (English, Chinese)."""

from collections.abc import Mapping

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
    "outcome.continue": ("continue", "继续"),
    "outcome.converged": ("converged", "已收敛"),
    "outcome.finished": ("finished", "已完成"),
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
    "released.metrics": (
        "AUC, KS, Gini, Brier, score bands, ROC and calibration points",
        "AUC、KS、基尼系数、Brier分、分数段、ROC与校准点",
    ),
    "basis.consent": ("consent", "同意"),
    "basis.contract": ("contract", "合同"),
    "basis.statute": ("statute", "法律规定"),
    "basis.court order": ("court order", "法院命令"),
    "basis.police order": ("police order", "公安机关命令"),
    "purpose.modelling": ("modelling", "建模"),
    "and": (" and ", "和"),
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
        "(gradients, Hessians, fine histograms) and each party’s row count; no single "
        "contribution. The coordinator learned who answered when, sizes and digests, and the "
        "task’s columns; no number that was computed. Whoever holds this page learns everything "
        "on it.",
        "密钥方仅在每次调用期间看到各方之和（梯度、海森矩阵、细直方图）以及各方行数，看不到任何一方"
        "的单独贡献。协调方获知谁在何时应答、大小与摘要以及任务的变量名，不获知任何计算出的数字。"
        "持有本页者获知页上全部内容。",
    ),
    # grants
    "grants.title": ("Grants", "授权"),
    "grants.what": (
        "Each party signed what may be computed on its rows, and for whom; without that it answers "
        "nothing. Every contribution names the grant that it was made under, and a grant that is "
        "taken back stops the next round.",
        "各方签署了可对其数据进行何种计算、为谁计算；没有授权则不作任何应答。每次贡献都注明所依据的"
        "授权，授权一经撤回，下一轮即停止。",
    ),
    "col.grant": ("Grant", "授权编号"),
    "col.allows": ("Allows", "允许内容"),
    "col.purpose": ("Purpose", "用途"),
    "col.basis": ("Rests on", "依据"),
    "col.until": ("Until", "有效期至"),
    "grants.all": (
        "{grantee}: {operations} over all columns of {assets}",
        "{grantee}：对 {assets} 的全部变量进行{operations}",
    ),
    "grants.some": (
        "{grantee}: {operations} over {n} columns of {assets}",
        "{grantee}：对 {assets} 的 {n} 个变量进行{operations}",
    ),
    "operation.sum": ("sums", "求和"),
    "grants.uses": (", {n} runs", "，{n} 次运行"),
    # ledger
    "ledger.title": ("Ledger", "账本"),
    "ledger.origin": ("Origin", "来源"),
    "ledger.size": ("Size", "条目数"),
    "ledger.entries": ("{n} entries", "{n} 条"),
    "ledger.root": ("Root", "树根"),
    "ledger.signatures": ("Signatures", "签名数"),
    "quorum.title": ("Quorum", "见证法定数"),
    "quorum.demanded": ("Demanded", "要求"),
    "quorum.signed": ("Co-signed by", "已联署"),
    "quorum.result": ("This result is", "本结果"),
    "quorum.final": ("final", "已最终确定"),
    "quorum.not_final": ("not final yet", "尚未最终确定"),
    "quorum.at": (", witnessed at {time}", "，见证时间 {time}"),
    "quorum.means": (
        "An entry is final when the witnesses that the policy demands have co-signed a head of the "
        "ledger over it: from then on nobody can take it out or change it unseen.",
        "当策略要求的见证方联署了覆盖该条目的账本头时，该条目即最终确定：此后无人能在不被察觉的情况下"
        "删除或更改它。",
    ),
    "quorum.may_be_late": (
        "Any one of {witnesses} may be late.",
        "{witnesses} 中任何一方可以迟到。",
    ),
    "quorum.never_late": (
        "Nothing is final without {witnesses}.",
        "没有 {witnesses} 则任何条目都不会最终确定。",
    ),
    "ledger.run_entries": ("The run’s own entries", "本次运行的条目"),
    "col.what": ("What", "内容"),
    "check.title": ("Check it yourself", "自行核查"),
    "check.memory": (
        "This run’s ledger was kept in memory and ended with its process. To keep it, name a file "
        "when the federation is founded; {command} always does.",
        "本次运行的账本仅保存在内存中，已随进程结束。如需保留，请在创建联邦时指定文件；"
        "{command} 总会这样做。",
    ),
    "check.file": (
        "The ledger file {file} belongs to this report. This command replays every entry, every "
        "signature and every rule, and ends with the head above:",
        "账本文件 {file} 属于本报告。下列命令重放每个条目、每个签名与每条规则，"
        "并以上述账本头结束：",
    ),
    "check.checkpoint": ("Checkpoint", "检查点"),
    # evidence
    "evidence.title": ("Evidence", "证据"),
    "evidence.beside": (
        "The package {file} beside this page is for somebody who has neither the ledger nor "
        "FedCredit. Its verifier, one file in it, needs nothing but Python:",
        "本页旁的证据包 {file} 供既没有账本也没有FedCredit的人使用。"
        "其中的单文件验证程序只需Python：",
    ),
    "evidence.memory": (
        "In the notebook {command} packs the run for somebody who has neither the ledger nor "
        "FedCredit.",
        "在笔记本中，{command} 可将本次运行打包，供既没有账本也没有FedCredit的人使用。",
    ),
    "evidence.pack": (
        "A package of this run for somebody who has neither the ledger nor FedCredit, and its "
        "verifier, one file in it, that needs nothing but Python:",
        "为既没有账本也没有FedCredit的人打包本次运行；其中的单文件验证程序只需Python：",
    ),
    "evidence.founding": (
        "Tell the receiver the id after {option} by another way: it fixes the keys of all members.",
        "请通过其他途径告知接收方 {option} 之后的编号：它确定了全体成员的密钥。",
    ),
    # cited entries
    "cited.title": ("Cited entries", "引用的条目"),
    "col.index": ("Index", "序号"),
    "col.type": ("Type", "类型"),
    "col.author": ("Author", "作者"),
    "col.received": ("Received", "接收时间"),
    "footer": (
        "Written by FedCredit from a saved result and a ledger. One file, no network, no script.",
        "由FedCredit根据已保存的结果和账本生成。单一文件，不联网，无脚本。",
    ),
    # the run report
    "run.title": ("Scorecard report: {label} ({run})", "评分卡报告：{label}（{run}）"),
    "run.kicker": ("FedCredit scorecard report", "FedCredit评分卡报告"),
    "run.heading": ("Scorecard for “{label}”", "“{label}”评分卡"),
    "run.event": ("Event: {event}. A higher score is safer.", "事件：{event}。分数越高越安全。"),
    "run.discrimination": ("Discrimination", "区分能力"),
}
