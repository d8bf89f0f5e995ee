"""The readable statement of an evidence package, in Chinese and English.

It is made from what the package proves and from nothing else, so a reader can make it again and
compare. The statement is one HTML page without script or link, printable on A4; every text
that came from an entry is escaped. It is not the evidence: the entries are.
"""

# ruff: noqa: RUF001 (Chinese punctuation is meant)

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from fedcredit_ledger.case_form import case_facts, elements, evidence_list
from fedcredit_ledger.evidence_verifier import ALWAYS, FORMAT, Proven
from fedcredit_ledger.explain import MEANINGS

_SAID = (
    "federation", "min_parties", "asset", "grant_id", "basis", "grantee", "purpose", "operations",
    "categories", "columns", "holders", "data_from", "data_to", "max_uses", "valid_from",
    "valid_until", "reason", "stage", "captured_at", "party", "use", "query_kind",
    "request_kind", "parties", "decision", "grant_ids", "roster",
    "round", "attempt", "phase", "group", "missing", "n_parties", "outcome", "rule", "n_rounds",
    "error", "model_id", "version", "act_type", "code", "query_id", "n_subjects_padded",
    "coverage_percent", "rules_passed", "report_id", "report_kind", "action_id", "level",
    "dispute_id", "ground", "day", "n_served", "n_refused", "budget", "token_epoch",
    "n_entries_band", "names", "legal_basis", "accused", "size", "n_findings", "tool_version",
    "from_size", "source", "checkpoint_size", "n_packages", "n_reads",
)  # fmt: skip
"""Fields that the timeline repeats; digests and keys stay in the entries."""

_STYLE = """
@page { size: A4; margin: 16mm 14mm; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 24px; color: #18212b; background: #fff;
  font: 14px/1.5 "Helvetica Neue", Arial, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei",
  sans-serif;
  overflow-wrap: anywhere; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 28px 0 6px;
  border-bottom: 2px solid #18212b; break-after: avoid; }
p { margin: 6px 0; max-width: 84ch; } code { font: 12px/1.4 "DejaVu Sans Mono", monospace; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; }
th { text-align: left; border-bottom: 1px solid #18212b; padding: 4px 8px 4px 0; }
td { border-bottom: 1px solid #d9dee3; padding: 4px 8px 4px 0; vertical-align: top; }
.wide td:nth-child(3) { overflow-wrap: normal; }
tr { break-inside: avoid; } small { color: #55616e; } .n { white-space: nowrap; }
@media print { body { padding: 0; font-size: 10pt; } table { font-size: 8pt; } }
""".strip()

PROVES = (
    (
        "所列每条记录均由其作者签名，位于账本中所示位置，并被所列见证方共同签署的检查点覆盖；"
        "此后任何一个字节的改动、删除、插入或调换均可被发现。",
        "Every entry listed was signed by its author, stands at its place in the ledger, and is "
        "covered by a checkpoint that the witnesses listed have co-signed; one byte changed, "
        "removed, inserted or swapped since then is found.",
    ),
    (
        "每条记录形成于所示两个见证时间之间（允许 600 秒误差）。作者时间和接收时间为其各自的陈述。",
        "Every entry was made between the two witnesses' times shown (give or take 600 s). The "
        "author's time and the time of receipt are those parties' own statements.",
    ),
)
LEAVES_OPEN = (
    (
        "不证明记录内容在作出时即为真实（参见《人民法院在线诉讼规则》第十八条）。",
        "Not that a statement was true when it was made (cf. Online Litigation Rules, art. 18).",
    ),
    (
        "不证明流程清单之外别无其他记录；未列出的记录可能存在。",
        "Not that nothing else happened: the checklist names what its flow demands, no more.",
    ),
    (
        "如未通过其他途径核对创始记录编号，则仅证明与包内密钥一致。",
        "Without the founding entry's id learned elsewhere: only consistency with the keys inside.",
    ),
    (
        "本页便于阅读，证据是 entries/ 中的记录；FedCredit 会重新生成本页并比对，"
        "verify.py 不比对。",
        "This page is for reading; the evidence is in entries/. FedCredit makes this page again "
        "and compares; verify.py does not.",
    ),
)


def moment(seconds: int) -> str:
    """Write Unix seconds as UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def statement(proven: Proven) -> bytes:
    """Return statement.html.

    Parameters
    ----------
    proven : Proven
        What the package proves.

    Disclosure
    ----------
    The page repeats the entries and the values that the package discloses, and nothing else.
    """
    latest = max(proven.witnesses.values(), default=0)
    facts = [
        ("事项 Subject", proven.subject),
        ("账本 Ledger", proven.origin),
        ("创始记录 Founding entry", proven.founding_entry),
        ("检查点 Checkpoint", f"{proven.size} leaves, root {proven.root}"),
        ("记录数 Entries", str(len(proven.leaves))),
        (
            "最后见证时间 Last co-signature",
            f"{moment(latest)} UTC / 北京时间 {moment(latest + 8 * 3600)}",
        ),
    ]
    parts = [
        "<!doctype html>",
        '<html lang="zh"><head><meta charset="utf-8">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(f'存证说明书 Evidence statement: {proven.subject}')}</title>",
        f"<style>\n{_STYLE}\n</style></head><body>",
        f"<h1>存证说明书 <small>Evidence statement</small></h1><p><small>{FORMAT}</small></p>",
        _table((), facts),
        _section("本包证明", "What this package proves"),
        *(f"<p>{escape(zh)}<br><small>{escape(en)}</small></p>" for zh, en in PROVES),
        _section("本包不证明", "What it does not prove"),
        *(f"<p>{escape(zh)}<br><small>{escape(en)}</small></p>" for zh, en in LEAVES_OPEN),
        _section("各方及密钥", "Parties and keys"),
        _table(
            (
                "一方 Party",
                "角色 Roles",
                "用途 Use",
                "密钥指纹 Key fingerprint (SHA-256)",
                "有效序号 Valid from – to",
            ),
            _keys(proven),
        ),
        _section("见证", "Witnesses"),
        _table(
            ("见证方 Witness", "签署时间 Co-signed at (UTC)"),
            [(name, moment(seen)) for name, seen in sorted(proven.witnesses.items())],
        ),
        *_case(proven),
        _section("流程清单", "Checklist of the flow"),
        _flow(proven.files["flow.txt"].decode().splitlines()[2:]),
        _section("时间线", "Timeline"),
        _table(
            (
                "序号 Index",
                "记录 Entry",
                "作者 Author",
                "接收 Received (UTC)",
                "晚于 After",
                "早于 Before",
                "内容 Content",
            ),
            _timeline(proven),
            kind="wide",
        ),
        _section("各类记录的证明范围", "What each kind of entry proves"),
        _table(
            ("记录 Entry", "证明 Proves", "不证明 Leaves open"),
            _meanings(leaf.type for leaf in proven.leaves),
        ),
        _section("已披露的承诺值", "Committed values disclosed"),
        _opened(proven),
        _section("如何核验", "How to check"),
        "<p>见 README.txt：可用 verify.py，或仅用 openssl 与 shell 手工核验。<br>",
        "<small>See README.txt: with verify.py, or by hand with openssl and a shell.</small></p>",
        "</body></html>",
    ]
    return ("\n".join(parts) + "\n").encode()


def _section(chinese: str, english: str) -> str:
    return f"<h2>{chinese} <small>{english}</small></h2>"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "plain") -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<table class="{kind}">' + f"{f'<tr>{head}</tr>' if head else ''}\n{body}\n</table>"


def _keys(proven: Proven) -> Iterable[tuple[str, ...]]:
    roles: dict[str, str] = {"log": "coordinator"}
    for leaf in proven.leaves:
        rows = leaf.data.get("founders", ()) if not leaf.place else ()
        for row in (leaf.data,) if leaf.type == "party-joined" else rows:
            roles[row["party"]] = ", ".join(row["roles"])
    for period in proven.keys:
        if period.use != "recovery":
            until = "" if period.until == ALWAYS else str(period.until)
            yield (
                period.party,
                roles.get(period.party, "witness"),
                period.use,
                hashlib.sha256(period.key.public).hexdigest(),
                f"{period.since} – {until}",
            )


def _case(proven: Proven) -> Iterable[str]:
    """Yield the two tables of a case about a loan; nothing for another subject."""
    facts = case_facts(proven, disclosed(proven.files))
    if facts:
        yield _section("要素表", "Elements of the claim")
        yield _table(("要素 Element", "内容 Value", "记录 Entry"), elements(facts))
        yield _section("证据目录", "List of evidence")
        yield _table(
            (
                "编号 No.",
                "证据 Evidence",
                "记录 Entry",
                "接收 Received (UTC)",
                "已披露 Disclosed",
            ),
            evidence_list(proven, facts),
        )


def _flow(lines: Sequence[str]) -> str:
    missing = [line for line in lines if line.startswith("missing ")]
    n_present = sum(line.startswith("present ") for line in lines)
    told = f"{n_present} present, {len(missing)} missing"
    shown = [line for line in lines if not line.startswith("present ")]
    items = "".join(f"<li>{escape(line)}</li>" for line in shown)
    return f"<p>{told}</p>" + (f"<ul>{items}</ul>" if items else "")


def _timeline(proven: Proven) -> Iterable[tuple[str, ...]]:
    for leaf in proven.leaves:
        low, high = proven.brackets[leaf.place]
        meaning = MEANINGS.get(leaf.type)
        title = f"{meaning.title_zh} {leaf.type}" if meaning else leaf.type
        yield (
            str(leaf.place),
            f"{title} {leaf.id[:16]}",
            leaf.author,
            leaf.received[:19].replace("T", " "),
            moment(low) if low else "-",
            moment(high),
            "; ".join(f"{name}={_words(leaf.data[name])}" for name in _SAID if name in leaf.data),
        )


def _words(value: Any) -> str:
    items = value if isinstance(value, list) else [value]
    return ", ".join(str(x["name"] if isinstance(x, dict) and "name" in x else x) for x in items)


def _meanings(kinds: Iterable[str]) -> Iterable[tuple[str, str, str]]:
    for kind in dict.fromkeys(kinds):
        if kind in MEANINGS:
            m = MEANINGS[kind]
            yield (
                f"{m.title_zh} {m.title}",
                f"{m.proves_zh} {m.proves}",
                f"{m.leaves_open_zh} {m.leaves_open}",
            )


def _opened(proven: Proven) -> str:
    rows = [
        (str(place), name, json.dumps(value, ensure_ascii=False, sort_keys=True))
        for place, opened in sorted(disclosed(proven.files).items())
        for _, name, value in opened
    ]
    told = f"<p>{proven.n_disclosed} disclosed, {proven.n_withheld} withheld</p>"
    return told + (_table(("序号 Index", "名称 Name", "值 Value"), rows) if rows else "")


def disclosed(files: Mapping[str, bytes]) -> dict[int, list[list[Any]]]:
    """Return the openings of a package, [salt, name, value], by index of their entry."""
    return {
        int(name[9:-5]): json.loads(raw) for name, raw in files.items() if name[:9] == "openings/"
    }
