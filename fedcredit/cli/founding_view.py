"""How the founding verbs show keys, a draft and pins to the people who compare them."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedcredit.cli.output import show_json, show_table

if TYPE_CHECKING:
    from fedcredit.founding_file import FoundingFile
    from fedcredit.member_founding import Founder
    from fedcredit_parties.identity import Identity


def show_keys(
    identity: "Identity", folder: Path, public: Path, *, as_json: bool, front: str = ""
) -> None:
    """Print a new member's fingerprint and which file goes where."""
    from fedcredit_parties.identity_files import fingerprint

    mark = fingerprint(identity.signing.vkey)
    if as_json:
        document = {
            "name": identity.name,
            "roles": sorted(identity.roles),
            "fingerprint": mark,
            "founder_file": str(public),
            "front": front,
        }
        show_json({key: value for key, value in document.items() if value})
        return
    print(f"{identity.name}: {mark}")
    if front:
        print(f"front:  {front}; its authority is {folder / 'ca.crt'}")
    print(f"\nsend {public} to the {'members' if front else 'coordinator and the other members'};")
    print("it holds public keys only. Everything else here is secret and stays.")
    print(f"back up {folder / 'identity'} off-line now: lost keys are a lost member.")
    if front:
        print(
            f"take {folder / 'ca.key'} off this machine: it is needed to issue certificates only."
        )
    print("read the fingerprint above to the others by telephone; it is the beginning of trust.")


def show_founding(file: "FoundingFile", compared: Mapping[str, str] | None = None) -> None:
    """Print everything that a member signs or pins, for a person to read.

    Parameters
    ----------
    file : FoundingFile
        What is shown.
    compared : mapping of str to str, optional
        By member, whether its keys were compared with a file from itself.
    """
    from fedcredit.member_founding import grouped

    document = founding_document(file)
    print(f"federation   {document['federation']}, ledger {document['ledger']}")
    print(f"front        {document['coordinator']}")
    print(f"authority    SHA-256 {grouped(document['ca_sha256'][:32])}")
    print(f"app          {grouped(document['app_hash'][:32])}, as installed here")
    others = document["outside_witnesses"]
    named = f", and {', '.join(others)} outside the federation" if others else ""
    print(f"quorum       {document['quorum']} of {document['witnesses']} witnesses{named}")
    for name, witness in others.items():
        print(f"  {name:<10} {witness['vkey']} at {witness['url']}")
    numbers = ", ".join(f"{k} = {v}" for k, v in document["disclosure_policy"].items())
    print(f"policy       {numbers}\n")
    show_table(
        [
            {
                "member": row["party"],
                "roles": ", ".join(row["roles"]),
                "key": row["fingerprint"],
                **({} if compared is None else {"with its own file": compared[row["party"]]}),
            }
            for row in document["members"]
        ]
    )
    words = grouped(document["founding_id"]).split()
    print("\nfounding id  " + " ".join(words[:8]) + "\n             " + " ".join(words[8:]))
    unseen = [name for name, word in (compared or {}).items() if word == "not compared"]
    if unseen:
        print(
            f"\nNOT COMPARED: {', '.join(unseen)}. Nobody but {file.coordinator} has told you these"
        )
        print("keys; get each founder file from its owner and give it with --known FILE.")


def founding_document(file: "FoundingFile") -> dict[str, Any]:
    """Return the same as JSON-able values."""
    from fedcredit_parties.identity_files import fingerprint

    data, terms = file.entry.entry.data, file.terms
    return {
        "federation": data["federation"],
        "founding_id": file.id,
        "ledger": file.entry.entry.ledger,
        "coordinator": terms.coordinator,
        "ca_sha256": terms.ca_sha256,
        "app_hash": terms.app_hash,
        "disclosure_policy": terms.disclosure_policy.model_dump(),
        "quorum": file.quorum,
        "witnesses": sum("witness" in row["roles"] for row in file.founders),
        "outside_witnesses": {one.name: {"vkey": one.vkey, "url": one.url} for one in file.outside},
        "log_vkey": data["log_vkey"],
        "members": [
            {
                "party": row["party"],
                "roles": row["roles"],
                "fingerprint": fingerprint(row["signing_vkey"]),
                "signing_vkey": row["signing_vkey"],
            }
            for row in file.founders
        ],
        "signed_by": [line.name for line in file.entry.signatures],
    }


def show_pins(founder: "Founder", *, as_json: bool) -> None:
    """Print a member's own fingerprint, and those that its party.toml pins."""
    from fedcredit.member_founding import grouped
    from fedcredit_parties.identity_files import fingerprint

    trust = founder.config.trust
    rows = [{"member": founder.config.name, "key": fingerprint(founder.identity.signing.vkey)}]
    if trust is not None:
        pinned = {trust.key_holder.split("+")[0]: trust.key_holder, **trust.peers}
        rows += [{"member": name, "key": fingerprint(key)} for name, key in pinned.items()]
    if as_json:
        founding_id = {} if trust is None else {"founding_id": trust.founding_entry}
        show_json({**founding_id, "own": rows[0], "pinned": rows[1:]})
        return
    show_table(rows)
    if trust is None:
        print("\nno federation is pinned yet; the line above is our own key")
        return
    words = grouped(trust.founding_entry).split()
    print("\nfounding id  " + " ".join(words[:8]) + "\n             " + " ".join(words[8:]))


def answer(question: str) -> str:
    """Ask on standard error; return one line of standard input, empty at its end."""
    print(question, end=" ", file=sys.stderr, flush=True)
    given = sys.stdin.readline().strip()
    if not sys.stdin.isatty():
        print(file=sys.stderr)  # nobody pressed a key that ends the line
    return given


def confirm(question: str, *, otherwise: str) -> None:
    """Ask for a typed ``yes``.

    Raises
    ------
    ConfigError
        When the answer is another one.
    """
    from fedcredit_parties.errors import ConfigError

    if answer(f"{question} Type the whole word yes:") != "yes":
        raise ConfigError(
            otherwise,
            expected="the whole word yes, typed by a person who has read the above",
            found="another answer",
            remedy="repeat the command, or give --yes where a script has checked the draft",
        )
