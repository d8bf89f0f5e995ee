"""What an entry of each type proves and what it does not, in English and Chinese.

An entry is a signed statement. That it was made, by whom, when and in which order can be proved;
whether it was true when it was made cannot. The sentences here draw that line type by type, for the
statement in an evidence package and for whoever reads a ledger.
"""

# ruff: noqa: RUF001 (Chinese punctuation is meant)

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """What one type of entry says.

    Attributes
    ----------
    title, title_zh : str
        A few words.
    proves, proves_zh : str
        What follows from the entry and its proof.
    leaves_open, leaves_open_zh : str
        What does not follow.
    """

    title: str
    title_zh: str
    proves: str
    proves_zh: str
    leaves_open: str
    leaves_open_zh: str


MEANINGS: dict[str, Meaning] = {
    "federation-created": Meaning(
        "federation founded",
        "联邦创建",
        "These founders signed together which keys, roles, witnesses and disclosure policy hold.",
        "各创始方共同签署了所列密钥、角色、见证方和披露政策。",
        "That a key belongs to the institution it is named after: compare it outside the system.",
        "不证明密钥确属其所称机构：须在系统之外核对。",
    ),
    "he-context-published": Meaning(
        "encryption context published",
        "公布加密参数",
        "The key holder committed to one encryption context for this run before it was proposed.",
        "密钥方在提出任务之前，为该任务确定了唯一的加密参数。",
        "That the secret key was kept or destroyed as promised.",
        "不证明私钥确已按承诺保管或销毁。",
    ),
    "endorsement-given": Meaning(
        "endorsement given",
        "表示同意或不同意",
        "The party approved or declined exactly the act with this digest.",
        "该方对具有此摘要的行为明确表示同意或不同意。",
        "What the act is: its text is known only to whoever has it.",
        "不说明行为的内容：只有持有原文者知晓。",
    ),
    "data-asset-registered": Meaning(
        "data set registered",
        "登记数据资产",
        "The holder declared these columns and this period, and committed to its counts.",
        "数据提供方声明了所列字段和期间，并对行数和统计值作出承诺。",
        "That the rows exist, are right, or were lawfully collected.",
        "不证明数据真实、准确，也不证明其来源合法。",
    ),
    "grant-issued": Meaning(
        "authorization given",
        "授权",
        "The holder authorized this grantee for this purpose, data, operations and time.",
        "数据提供方授权被授权方在所列目的、数据、操作和期限内使用。",
        "That the person behind it consented: the document itself is only committed to.",
        "不证明本人已经同意：授权书本身仅以承诺值记录。",
    ),
    "grant-narrowed": Meaning(
        "authorization narrowed",
        "缩小授权",
        "The issuer made the authorization smaller from here on.",
        "授权方自此缩小了授权范围。",
        "Why.",
        "不说明原因。",
    ),
    "grant-revoked": Meaning(
        "authorization withdrawn",
        "撤销授权",
        "From this entry on no contribution under the authorization is accepted.",
        "自本条起，依该授权作出的贡献不再被接受。",
        "That results computed before it were deleted.",
        "不证明此前得出的结果已被删除。",
    ),
    "run-proposed": Meaning(
        "computation proposed",
        "提出计算任务",
        "Purpose, parties, rules, starting point and code were fixed before anybody answered.",
        "请求方在各方答复之前，即已固定目的、参与方、规则、初始值和代码。",
        "What the request says in words: it stands behind its digest.",
        "不显示请求全文：全文对应其摘要。",
    ),
    "run-approved": Meaning(
        "answer of a data holder",
        "数据提供方答复",
        "The holder approved (citing its authorizations) or declined exactly this proposal.",
        "数据提供方（引用其授权）同意或拒绝了该任务。",
        "Who at the holder decided.",
        "不说明该机构内由何人决定。",
    ),
    "run-started": Meaning(
        "computation started",
        "任务开始",
        "These parties, having all approved, form the roster; it may not change after an opening.",
        "所列各方均已同意，构成参与名单；首次开启后名单不得变更。",
        "Anything that was computed.",
        "不涉及任何计算结果。",
    ),
    "round-attempted": Meaning(
        "round begun",
        "轮次开始",
        "A round began at exactly the input that the previous opening released.",
        "该轮以上一次开启所发布的结果为唯一输入。",
        "That it was completed.",
        "不证明该轮已完成。",
    ),
    "round-contributed": Meaning(
        "contribution committed",
        "提交贡献",
        "The party committed to one ciphertext before any was sent, under these authorizations.",
        "该方在任何密文发出之前，依所列授权对一份密文作出承诺。",
        "What is in the ciphertext, or that the rows behind it were right.",
        "不显示密文内容，也不证明其数据正确。",
    ),
    "round-aggregated": Meaning(
        "contributions added",
        "汇总",
        "The sum is named after exactly the committed contributions of the whole roster.",
        "汇总值恰好对应名单内全部已承诺的贡献。",
        "By itself, that the addition is right: the key holder adds again before it opens.",
        "本条本身不证明相加正确：密钥方在开启前会重新相加。",
    ),
    "round-abandoned": Meaning(
        "attempt given up",
        "放弃该次尝试",
        "The attempt ended without an opening; the parties named had committed nothing.",
        "该次尝试未开启即告结束；所列各方未作承诺。",
        "Why a party was silent.",
        "不说明未答复的原因。",
    ),
    "round-opened": Meaning(
        "sum opened",
        "开启汇总值",
        "The key holder opened this one sum, once, and committed to what it released of it.",
        "密钥方仅开启该汇总值一次，并对发布内容作出承诺。",
        "The released values, unless the commitment is opened; any party's share of them.",
        "除非公开承诺值，否则不显示发布的数值；不显示任何一方的份额。",
    ),
    "opening-refused": Meaning(
        "opening refused",
        "拒绝开启",
        "The key holder refused to open, by the rule named.",
        "密钥方依所列规则拒绝开启。",
        "The value that broke the rule: it is never written.",
        "不显示违反规则的数值：该值从不记录。",
    ),
    "disclosure-refused": Meaning(
        "disclosure refused",
        "拒绝披露",
        "The holder refused to take part, by the rule named.",
        "数据提供方依所列规则拒绝参与。",
        "The value that broke the rule: it is never written.",
        "不显示违反规则的数值：该值从不记录。",
    ),
    "run-finished": Meaning(
        "computation finished",
        "任务完成",
        "The run ended after this many openings, with the result of the last.",
        "任务在所列次数的开启之后结束，结果为最后一次开启的结果。",
        "That the model is good or fair.",
        "不证明模型质量或公平性。",
    ),
    "run-failed": Meaning(
        "computation failed",
        "任务失败",
        "The run ended without a result, for the class of error named.",
        "任务因所列错误类别而终止，没有结果。",
        "Whose fault it was.",
        "不说明责任方。",
    ),
    "model-registered": Meaning(
        "model registered",
        "登记模型",
        "The author holds a model with this digest and says that the run made it.",
        "登记方持有具有此摘要的模型，并声明其由该任务产生。",
        "How the model is used.",
        "不说明模型如何使用。",
    ),
    "fact-sealed": Meaning(
        "fact of a loan sealed",
        "贷款事实存证",
        "The bank committed to these fields of one fact when it happened, or soon after.",
        "银行在事实发生时或其后不久，对该事实的所列字段作出承诺。",
        "That the fact is as the bank says; what a field holds, unless it is disclosed.",
        "不证明事实与银行所述一致；除非公开，否则不显示字段内容。",
    ),
    "evidence-issued": Meaning(
        "packages issued",
        "签发存证包",
        "The bank made exactly this set of packages from a witnessed head.",
        "银行依据经见证的检查点制作了这一组存证包。",
        "To whom they were given.",
        "不说明交付给何人。",
    ),
    "dispute-filed": Meaning(
        "dispute filed",
        "提出异议",
        "The party disputes the entry named, on the ground named.",
        "该方以所列理由对所指记录提出异议。",
        "Who is right.",
        "不说明何方正确。",
    ),
    "dispute-resolved": Meaning(
        "dispute resolved",
        "异议处理完毕",
        "The dispute ended with the outcome named.",
        "异议以所列结果处理完毕。",
        "That everybody agrees with the outcome.",
        "不证明各方均同意该结果。",
    ),
    "entry-refused": Meaning(
        "entry refused",
        "拒绝收录",
        "The coordinator refused an entry of this author by the rule named, and says so.",
        "调度方依所列规则拒绝收录该方的一条记录，并予以公示。",
        "What the refused entry said: its text is kept beside the ledger.",
        "不显示被拒绝记录的内容：其文本另行保存。",
    ),
}
"""Entry type -> what it says; exactly the types of the ledger."""
