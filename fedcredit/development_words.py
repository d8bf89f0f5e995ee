# ruff: noqa: RUF001
"""The words of a model development report: key -> (English, Chinese)."""

from fedcredit.shared_words import Catalogue

DEVELOPMENT: Catalogue = {
    "doc.title": ("Model development report: {label} ({run})", "模型开发报告：{label}（{run}）"),
    "doc.kicker": ("Model development report", "模型开发报告"),
    "doc.heading": ("Model for “{label}”", "{label} 预测模型"),
    "doc.structured": (
        "Structured after {name}. It follows the headings of that text and does not quote it; "
        "whether the model complies is for the institution to decide.",
        "本报告参照{name}的结构编制，仅采用其标题，不引用其条文；模型是否合规由机构自行判断。",
    ),
    "doc.contents": ("Contents", "目录"),
    "doc.event": (
        "The model predicts {event}. A higher score is safer.",
        "模型预测 {event}。分数越高越安全。",
    ),
    "doc.event_p": (
        "The model predicts the probability of {event}.",
        "模型预测 {event} 的概率。",
    ),
    # boxes that people fill in
    "fill.note": ("To be completed by the institution:", "由机构填写："),
    "fill.use": ("Intended use and users", "预期用途与使用者"),
    "fill.decisions": ("Decisions that rest on the score", "依据评分作出的决定"),
    "fill.excluded": ("Uses that are excluded", "禁止的用途"),
    "fill.exposure": ("Portfolio and exposure", "组合与敞口"),
    "fill.tier": ("Materiality tier, and why", "重要性等级及理由"),
    "fill.owner": ("Model owner", "模型责任人"),
    "fill.developer": ("Developed by", "开发人"),
    "fill.tester": ("Tested by", "测试人"),
    "fill.reviewer": ("Reviewed by, independent of development", "独立评审人"),
    "fill.monitor": ("Monitored by", "监测人"),
    "fill.approver": ("Approved by, date", "批准人及日期"),
    "fill.overrule": (
        "Who may overrule a decision, and how it is recorded",
        "可推翻决定的人员及记录方式",
    ),
    "fill.stop": ("Who may stop the system", "可停止系统的人员"),
    "fill.appeal": ("How an applicant asks for a review by a person", "申请人请求人工复核的途径"),
    "fill.affected": ("Persons and groups affected", "受影响的人员与群体"),
    "fill.harm": ("Possible harm, and what is done against it", "可能的损害及应对措施"),
    "fill.complaints": ("Governance and complaints", "治理与投诉机制"),
    "fill.trigger": ("What triggers the exit, and who decides", "触发退出的条件及决策人"),
    "fill.replacement": ("What replaces the model", "替代模型的安排"),
    "fill.archive": ("How long model and records are kept", "模型与记录的保存期限"),
    "fill.retention": ("Retention period of the source data at each party", "各方源数据的保存期限"),
    # purpose
    "purpose.title": ("Purpose", "用途"),
    "purpose.text": (
        "{requester} asked for the model under the purpose {purpose}, which every party’s grant "
        "allows. It was fitted on the rows of {parties} without bringing them together.",
        "{requester} 以{purpose}为用途申请了本模型，各方授权均允许该用途。模型在 {parties} "
        "的数据上拟合，而未将数据汇集到一处。",
    ),
    "materiality.title": ("Materiality", "重要性"),
    # bad
    "bad.title": ("Definition of bad", "坏客户定义"),
    "bad.words": ("{label} means: {definition}", "{label} 的含义：{definition}"),
    "bad.digest": (
        "The definition is fixed by its digest {digest} in the proposal {entry}. A party whose own "
        "definition has another digest is refused before a row is read.",
        "该定义由提案 {entry} 中的摘要 {digest} 固定。"
        "定义摘要不同的一方在读取任何数据之前即被拒绝。",
    ),
    "bad.unknown": (
        "The words are not part of the saved result; the digest identifies them.",
        "定义的文字不包含在已保存的结果中；由摘要加以识别。",
    ),
    # parties
    "parties.title": ("Parties", "参与方"),
    "parties.registered": ("Registered data", "登记的数据"),
    "col.asset": ("Table", "数据表"),
    "col.period": ("Period", "期间"),
    "col.definition": ("Definition of bad", "坏客户定义"),
    "parties.same": ("the same digest", "摘要一致"),
    "parties.other": ("another digest", "摘要不同"),
    "parties.period": ("{start} to {end}", "{start} 至 {end}"),
    # data
    "data.samples": ("Samples", "样本"),
    "col.sample": ("Sample", "样本"),
    "col.withheld": ("Withheld", "未公布"),
    "data.split": (
        "A keyed hash of the subject draws the hold-out, the same at every party, so that a "
        "subject known to two parties stands on one side; without an id column the row’s declared "
        "features stand for the subject, and a split column overrides.",
        "保留样本由带密钥的主体哈希抽取，各方一致，因此在两方都有记录的主体只落在一侧；"
        "没有主体编号列时以该行声明的变量代表主体，如有划分列则以其为准。",
    ),
    "data.columns": ("Features and declared bounds", "变量与声明的取值范围"),
    "data.bounds": (
        "Bounds and levels were declared before the run; a value outside is clipped, an undeclared "
        "level counts as other.",
        "取值范围与类别在运行前声明；超出范围的值被截断，未声明的类别归入其他。",
    ),
    "col.kind": ("Kind", "类型"),
    "kind.numeric": ("number", "数值"),
    "kind.categorical": ("category", "类别"),
    "col.bounds": ("Bounds or levels", "范围或类别"),
    "col.unit": ("Unit", "单位"),
    "col.special": ("Special codes", "特殊代码"),
    "bounds.range": ("{lower} to {upper}", "{lower} 至 {upper}"),
    "data.none": (
        "The model’s file lists no declared columns.",
        "模型文件未列出声明的变量。",
    ),
    "dropped.title": ("Features left out", "剔除的变量"),
    "dropped.none": ("No feature was left out.", "没有剔除任何变量。"),
    "col.reason": ("Reason", "原因"),
    # custody
    "custody.title": ("Protection of the data", "数据保护"),
    "custody.text": (
        "Rows never left a party. What left was a sum over its rows, masked with keys that it "
        "shares with the other parties and encrypted for the key holder, who opened only the sum "
        "over all parties and released only the results of a closed table of functions. Released "
        "cells obey the smallest numbers of subjects, bads and goods of the disclosure policy, "
        "digest {policy}.",
        "数据行从未离开任何一方。离开的只是对其数据行的求和，先以与其他各方共享的密钥加掩码，再为密钥方加密；"
        "密钥方只开启全体之和，并只公布封闭函数表的结果。公布的单元格须满足披露策略规定的最少主体数、"
        "坏客户数与好客户数，策略摘要为 {policy}。",
    ),
    "custody.kept": (
        "What remains after the run: the ledger, without values of rows; the released results, at "
        "the parties and the requester; this report.",
        "运行之后保留的内容：不含数据行取值的账本；各方与申请方持有的公布结果；本报告。",
    ),
    # method
    "method.title": ("Method", "方法"),
    "method.scorecard": (
        "A scorecard: features are cut into bins on summed counts, bins become weights of evidence "
        "ln(good/bad), and a logistic regression is fitted by Newton’s method on summed gradients "
        "and Hessians. After rounding it is the card that the pooled rows would have given.",
        "评分卡：按汇总计数将变量分箱，分箱转换为证据权重 ln(好/坏)，"
        "再用汇总的梯度与海森矩阵按牛顿法拟合逻辑回归。取整之后，结果与汇集全部数据行所得的评分卡相同。",
    ),
    "method.gbdt": (
        "Boosted trees: histograms of gradients and curvatures are summed in whole numbers, and "
        "the key holder releases each level’s chosen splits and the leaves’ values. The trees are "
        "those that the pooled rows would have given on the same bins.",
        "提升树：梯度与曲率的直方图以整数求和，密钥方公布每一层选定的分裂与叶值。"
        "所得的树与在相同分箱上汇集全部数据行所得的树相同。",
    ),
    "method.network": (
        "A neural network: each party trains on its own rows for some epochs, and the key holder "
        "releases the average of the encrypted updates. A party with too few rows or bads abstains "
        "and is told.",
        "神经网络：各方在自己的数据上训练若干轮，密钥方公布加密更新的平均值。数据行或坏客户过少的一方不参与训练，"
        "并会收到告知。",
    ),
    "method.unknown": (
        "This version does not know the model’s format {format}; its settings follow.",
        "本版本不认识模型格式 {format}；以下仅列出其参数。",
    ),
    "method.settings": ("Settings", "参数"),
    "col.setting": ("Setting", "参数"),
    "col.value": ("Value", "取值"),
    "method.assumed": (
        "Assumptions: rows are independent given the features; the past of the parties’ "
        "applicants resembles those who will be scored; only applicants whose outcome is known "
        "were used, so applicants who were refused are not represented.",
        "假设：在给定变量下各行相互独立；各方以往的申请人与未来被评分的人相似；仅使用已知结果的申请人，"
        "因此被拒绝的申请人未被代表。",
    ),
    # model
    "model.fitted": ("How it was fitted", "拟合过程"),
    # performance
    "performance.title": ("Performance by sample", "各样本的表现"),
    "calibration.title": ("Calibration", "校准"),
    "calibration.none": (
        "No calibration points were released.",
        "没有公布校准点。",
    ),
    "stability.title": ("Stability", "稳定性"),
    "stability.text": (
        "The index compares the distribution of the score with that of the training sample: below "
        "{watch} stable, up to {act} to be watched, above it to be acted on.",
        "该指数比较评分分布与训练样本的分布：低于 {watch} 为稳定，至 {act} 需关注，超过则需处理。",
    ),
    "stability.none": (
        "No sample beside training was released, so stability is not shown.",
        "除训练样本外未公布其他样本，因此未列出稳定性。",
    ),
    "explanation.title": ("What moves the score", "影响评分的因素"),
    "explanation.scorecard": (
        "An applicant’s score is the sum of the points of the bins. Reasons are named in the order "
        "of the points lost against each feature’s best bin; they are exact, not estimated.",
        "申请人的分数是各分箱分数之和。原因按相对于各变量最优分箱所失分数排序给出；这些数值是精确的，而非估计。",
    ),
    "explanation.gbdt": (
        "An applicant’s log odds are the sum of the exact Shapley contributions of the features; "
        "reasons are named in their order.",
        "申请人的对数几率等于各变量精确Shapley贡献之和；原因按贡献大小排序给出。",
    ),
    "explanation.network": (
        "A network’s score is no sum of parts. Reasons need an approximation, which this report "
        "does not contain.",
        "神经网络的评分不是各部分之和。给出原因需要近似方法，本报告不包含。",
    ),
    "col.best": ("Best bin", "最优分箱"),
    "col.worst": ("Worst bin", "最差分箱"),
    "col.reach": ("Reach", "分差"),
    # limitations
    "limitations.title": ("Limitations", "局限"),
    "limit.selection": (
        "Outcomes are known of accepted applicants only; for those who would have been refused the "
        "model extrapolates.",
        "仅已接受的申请人有已知结果；对本会被拒绝的申请人，模型是外推。",
    ),
    "limit.oot": (
        "No out-of-time sample was released: how the model does on later applicants is not shown.",
        "未公布跨期样本：模型对后期申请人的表现未得到检验。",
    ),
    "limit.holdout": (
        "No hold-out was released: the figures are those of the rows on which the model was "
        "fitted, and too good.",
        "未公布保留样本：所列数字来自拟合所用的数据行，因而偏乐观。",
    ),
    "limit.groups": (
        "Nothing was computed by group of persons; a validation run does that.",
        "未按人群计算任何指标；由验证运行完成。",
    ),
    "limit.suspicious": (
        "{feature} has an information value of {iv}; it may have been filled in after the outcome.",
        "{feature} 的信息值为 {iv}；可能在结果发生之后才填写。",
    ),
    "limit.too_good": (
        "{feature} has an information value above the limit of suspicion; it may have been filled "
        "in after the outcome.",
        "{feature} 的信息值高于可疑界限；可能在结果发生之后才填写。",
    ),
    "limit.rows": (
        "A party’s rows are what it says they are; sums cannot show that a party lied about its "
        "own rows.",
        "各方数据的真实性由其自行负责；求和无法发现某一方对自身数据的虚报。",
    ),
    "limit.memory": (
        "The ledger of this run was kept in memory; the figures cannot be checked any more.",
        "本次运行的账本仅保存在内存中；这些数字已无法再核查。",
    ),
    "limit.final": (
        "The result is not final: too few witnesses have co-signed it.",
        "结果尚未最终确定：联署的见证方不足。",
    ),
    # monitoring
    "monitoring.title": ("Monitoring", "监测"),
    "monitoring.text": (
        "An evaluation run by the same parties gives these figures again, each month and without "
        "training; the command ends with a number when a threshold is crossed.",
        "由相同各方每月进行一次评估运行即可重新得到下列指标，无需训练；超过阈值时命令以相应代码结束。",
    ),
    "col.measure": ("Measure", "指标"),
    "col.watch": ("Watch", "关注"),
    "col.act": ("Act", "处理"),
    "col.often": ("How often", "频率"),
    "often.month": ("monthly", "每月"),
    "often.quarter": ("quarterly", "每季度"),
    "measure.score": ("Stability of the score", "评分稳定性指数"),
    "measure.feature": ("Stability of each feature", "各变量稳定性指数"),
    "measure.calibration": ("Actual against predicted bads, z", "实际与预测坏客户之差，z值"),
    "measure.auc": ("AUC against the hold-out’s interval", "AUC与保留样本区间的比较"),
    "measure.below": ("below the interval", "低于区间"),
    "measure.twice": ("below it twice", "连续两次低于区间"),
    # oversight, impact, roles, exit
    "oversight.title": ("Human oversight", "人工监督"),
    "oversight.text": (
        "The score is advice to a person or to a rule that persons have set. A party can take its "
        "grant back at any time, which stops the next round; a witness can refuse to co-sign.",
        "评分是供人员或由人员设定的规则参考的建议。任何一方可随时撤回授权，下一轮随即停止；见证方可拒绝联署。",
    ),
    "impact.title": ("Persons affected", "受影响的人"),
    "roles.title": ("Roles", "职责"),
    "exit.title": ("Exit", "退出"),
    # changes
    "changes.title": ("Change log", "变更记录"),
    "changes.text": (
        "Models that the ledger beside this report has registered, oldest first.",
        "本报告所附账本登记的模型，由旧到新。",
    ),
    "col.version": ("Version", "版本"),
    "col.digest": ("Digest", "摘要"),
    "col.when": ("When", "时间"),
    "changes.this": ("this model", "本模型"),
    # vendor
    "vendor.title": ("Software", "软件"),
    "vendor.text": (
        "The run was computed by FedCredit, open source, whose package digest {code} every member "
        "compared with its own before it took part. It rests on Flower for transport, TenSEAL for "
        "encryption, NumPy, pandas and scikit-learn for arithmetic, and PyTorch for networks.",
        "本次运行由开源软件FedCredit计算，其程序包摘要为 {code}，"
        "各成员在参与之前均与本方的摘要核对。"
        "它依赖Flower进行传输，TenSEAL进行加密，NumPy、pandas与scikit-learn进行计算，PyTorch用于神经网络。",
    ),
    # reproduce
    "reproduce.title": ("Repeat it, and check it", "重复与核查"),
    "reproduce.text": (
        "The task, its quantisation and the first evaluation point are fixed by digests in the "
        "proposal {entry}. The same job on the same rows with the same split gives the same "
        "integers; keys and masks are new each time.",
        "任务、量化规则与初始求值点由提案 {entry} 中的摘要固定。"
        "相同的任务、相同的数据行与相同的样本划分得到相同的整数；密钥与掩码每次都是新的。",
    ),
    "reproduce.figure": (
        "Where one figure came from, here of the hold-out’s AUC:",
        "查询某个数字的来源，此处以保留样本的AUC为例：",
    ),
    "reproduce.again": ("The run again, from its job file:", "用任务文件重新运行："),
}
"""Key -> (English, Chinese), of a model development report."""
