# ruff: noqa: RUF001
"""What reports say of grants, ledger, witnesses and evidence: key -> (English, Chinese)."""

from collections.abc import Mapping

LEDGER: Mapping[str, tuple[str, str]] = {
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
    "operation.train": ("training", "训练"),
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
}
"""Key -> (English, Chinese)."""
