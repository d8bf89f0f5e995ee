"""What the entries about parties, keys, policies and the ledger's end prove and leave open."""

# ruff: noqa: RUF001 (Chinese punctuation is meant)

from fedcredit_ledger.meaning import Meaning

MEANINGS: dict[str, Meaning] = {
    "party-joined": Meaning(
        "party joined",
        "参与方加入",
        "The coordinator admitted this party, which signed with it, and a quorum of the parties "
        "had endorsed exactly these roles and keys.",
        "协调方接纳了该参与方，后者共同签署；达到法定数的参与方已认可其角色与公钥。",
        "That the organisation is who it says: its fingerprints were compared by telephone.",
        "不证明该机构的真实身份；其公钥指纹由各方另行核对。",
    ),
    "party-left": Meaning(
        "party left",
        "参与方退出",
        "From the next entry on this party signs nothing more, and its authorizations have ended.",
        "自下一条起，该参与方不再签署任何条目，其授权均已终止。",
        "Why, beyond the word left or expelled.",
        "除“退出”或“除名”外，不说明原因。",
    ),
    "party-key-rotated": Meaning(
        "key rotated",
        "更换密钥",
        "The party went over to a new key; the old and the new key have both signed this.",
        "该参与方改用新密钥；新旧密钥均已签署本条。",
        "That the old key was destroyed.",
        "不证明旧密钥已被销毁。",
    ),
    "party-key-revoked": Meaning(
        "key revoked",
        "吊销密钥",
        "From the next entry on the key signs nothing; what it signed since the time named is "
        "valid and disputed.",
        "自下一条起该密钥不再有效；其自所列时间起签署的条目有效但存疑。",
        "Whether anybody misused the key.",
        "不证明密钥是否被他人滥用。",
    ),
    "policy-changed": Meaning(
        "policy changed",
        "变更规则",
        "A quorum of the parties under the old policy endorsed this one; it holds from here on.",
        "达到法定数的参与方依旧规则认可了本规则；自此生效。",
        "That the new policy is stricter than the old one.",
        "不证明新规则比旧规则更严格。",
    ),
    "log-key-rotated": Meaning(
        "log key rotated",
        "更换日志密钥",
        "Heads over this entry are signed by the new key; a quorum of the parties endorsed it.",
        "包含本条的检查点由新密钥签署，并经法定数的参与方认可。",
        "That the old key was destroyed.",
        "不证明旧密钥已被销毁。",
    ),
    "log-closed": Meaning(
        "ledger closed",
        "账本关闭",
        "This is the last entry of the ledger, as a quorum of the parties endorsed.",
        "这是账本的最后一条，经法定数的参与方认可。",
        "What happened afterwards; a successor, where one is named, says so.",
        "不涉及其后发生之事；如列有后继账本，以其为准。",
    ),
}
