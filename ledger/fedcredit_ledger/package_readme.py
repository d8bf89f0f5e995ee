"""README.txt of an evidence package: what it is, proves and does not, and how to check it by hand.

The commands need OpenSSL 3.0 and a shell, and stand in the folder of the files; a test runs them.
"""

# ruff: noqa: RUF001 (Chinese punctuation is meant)

import hashlib
import re
from collections.abc import Sequence

from fedcredit_ledger.evidence_verifier import ALWAYS, FORMAT, REVOKED, Period, Policy, Proven
from fedcredit_ledger.statement import LEAVES_OPEN, PROVES


def readme(proven: Proven) -> bytes:
    """Return README.txt: what the package is, proves and does not, and how to check it by hand."""
    text = f"""\
{FORMAT}

存证包 / EVIDENCE PACKAGE
=========================

事项 Subject    {proven.subject}
账本 Ledger     {proven.origin}
创始记录 Founding entry
  {proven.founding_entry}
请通过电话或其他可靠途径核对该编号。 Compare this id by telephone, or by another way you trust.

内容 / WHAT IS INSIDE

  statement.html   可阅读、可打印的说明 / the readable, printable statement
  entries/         记录及其存在证明 / the entries, each with its inclusion proof
  checkpoint       见证方共同签署的检查点 / the head that the witnesses co-signed
  policy           须有哪些见证 / whose co-signatures are needed
  brackets/        其他检查点，界定形成时间 / other heads, which bracket the time of each entry
  keys/            公钥及其历史 / public keys for openssl, and their history
  openings/        已披露的承诺值 / values disclosed of what the entries commit to
  attachments/     摘要已存证的文件（如有） / documents whose digests were committed to, if any
  anchors/         可信时间戳（如有） / time stamps of a head by a third party, if any
  flow.txt         流程清单 / checklist of the flow: present, missing
  verify.py        核验程序 / the verifier, one file, Python 3.8 or later, nothing else
  SHA256SUMS       其余文件的摘要 / digests of all other files

证明 / IT PROVES
{_items(PROVES)}
不证明 / IT DOES NOT PROVE
{_items(LEAVES_OPEN)}
密钥指纹 / KEY FINGERPRINTS, to compare by telephone (SHA-256 of the 32 bytes)

{_fingerprints(proven)}
核验 / CHECK IT

  sha256sum verify.py          先与另行取得的摘要核对 / compare with a digest you got elsewhere
  python3 -I -S verify.py PACKAGE.zip --founding ID

{_by_hand(proven)}"""
    return text.encode()


def _fingerprints(proven: Proven) -> str:
    """Return a line for each key that counts under the checkpoint."""
    return "".join(
        f"  {hashlib.sha256(period.key.public).hexdigest()}  {period.party} {period.use}\n"
        for period in proven.keys
        if period.until == ALWAYS and period.use != "recovery"
    )


def _by_hand(proven: Proven) -> str:
    """Return commands for OpenSSL 3.0 and a shell, which stand in the folder of the files."""
    leaf = [leaf for leaf in proven.leaves if leaf.type != REVOKED][-1]
    place, author = leaf.place, leaf.author
    (key_id,) = (
        period.key.id.hex()
        for period in proven.keys
        if (period.party, period.use) == (author, "signing")
        and period.since <= max(place, 0) < period.until
    )
    text = f"""\
手工核验 / BY HAND (OpenSSL 3.0; entry {place} by {author})

  # 文件与清单一致 / every file is as listed
  sha256sum -c SHA256SUMS
  # 作者签名 / the author signed: the text from line 5 to the empty line
  tail -n +5 entries/{place}.leaf | sed '/^$/,$d' > text
  sed '1,/^$/d;q' entries/{place}.leaf | cut -d' ' -f3 | base64 -d | tail -c 64 > sig
  openssl pkeyutl -verify -rawin -pubin -inkey keys/{author}-{key_id}.pem -in text -sigfile sig
  # 记录在账本中 / it stands in the ledger: the last two lines printed are the same
  {{ printf '\\0'; cat entries/{place}.leaf; }} | sha256sum  # leaf hash
  {{ printf '\\0'; cat entries/{place}.leaf; }} | openssl dgst -sha256 -binary > node
  n={place} last=$(($(sed -n 2p checkpoint) - 1))
  sed '1,2d;/^$/,$d' entries/{place}.tlog-proof > proof
  while read -r line; do
    echo "$line" | base64 -d > other
    if [ $((n % 2)) = 1 ] || [ $n = $last ]; then
      {{ printf '\\1'; cat other node; }} | openssl dgst -sha256 -binary > above
      while [ $((n % 2)) = 0 ] && [ $n != 0 ]; do n=$((n / 2)) last=$((last / 2)); done
    else
      {{ printf '\\1'; cat node other; }} | openssl dgst -sha256 -binary > above
    fi
    mv above node
    n=$((n / 2)) last=$((last / 2))
  done < proof
  base64 node
  sed -n 3p checkpoint
"""
    if not proven.witnesses:
        return text
    name = sorted(proven.witnesses)[-1]
    key = Policy(proven.policy, "policy").witnesses[name]
    (file,) = {key_file(period) for period in proven.keys if period.key == key}
    return f"""{text}\
  # 见证方签名及时间 / a witness signed the checkpoint, and when
  grep '^— {key.name} ' checkpoint | cut -d' ' -f3 | base64 -d > line
  tail -c 64 line > sig
  seconds=$(od -An -tu8 --endian=big -j4 -N8 line | tr -d ' ')
  {{ printf 'cosignature/v1\\ntime %s\\n' "$seconds"; sed '/^$/,$d' checkpoint; }} > text
  openssl pkeyutl -verify -rawin -pubin -inkey {file} -in text -sigfile sig
  date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%SZ
"""


def key_file(period: Period) -> str:
    """Return the name of a key's file in a package; a witness outside may be named like a URL."""
    party = re.sub("[^A-Za-z0-9._-]", "-", period.party)[:80]
    return f"keys/{party}-{period.key.id.hex()}.pem"


def _items(pairs: Sequence[tuple[str, str]]) -> str:
    return "".join(f"\n  - {chinese}\n    {english}\n" for chinese, english in pairs)
