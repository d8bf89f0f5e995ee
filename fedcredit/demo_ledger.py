"""What the demonstration tells from its ledger: grants, quorum, and under what was contributed."""

import time
from collections.abc import Collection
from pathlib import Path

from fedcredit import ledger_file
from fedcredit.allowed import Allowed
from fedcredit.demo_ground import Daemons, InProcess
from fedcredit.demo_outcome import listed
from fedcredit.demo_telling import Telling
from fedcredit.federation import Federation
from fedcredit.quorum import Quorum, head, policy_in_force
from fedcredit_ledger.store import Store


def let_grant(
    ground: InProcess | Daemons, federation: Federation, ledger: Path, telling: Telling
) -> None:
    """Let every bank grant, and tell what makes that final; a late bank comes last.

    Parameters
    ----------
    ground : InProcess or Daemons
        Who is there, and who is late.
    federation : Federation
        Founded; its ledger is saved for a look.
    ledger : Path
        Where the ledger is saved.
    telling : Telling
        Where it is told.
    """
    telling.step("The grants", "each bank signs what may be computed on its rows, and for whom")
    for name in ground.early:
        ground.grant(federation, name)
    begun = time.monotonic()
    federation.save_ledger(ledger)
    waited_s = time.monotonic() - begun
    told = _tell_grants(ledger, telling)
    quorum = quorum_of(ledger)
    telling.say(
        f"an entry of the ledger is final when {quorum.rule} have signed one digest over all "
        "entries up to it; from then on nobody can change one unseen"
    )
    if not ground.late:
        telling.say(f"so any one of {listed(quorum.may_be_late, 'or')} may be late")
        return
    telling.say(
        f"{ground.late} is late: the grants above were final without it, signed within "
        f"{waited_s:.1f} s by {listed(quorum.signed)}; but a run needs every bank, so it starts now"
    )
    ground.complete()
    ground.grant(federation, ground.late)
    federation.save_ledger(ledger)
    _tell_grants(ledger, telling, but=told)


def tell_course(ledger: Path, run_id: str, telling: Telling) -> Quorum:
    """Tell under what the contributions of a run were made, and who has signed; return the latter.

    Parameters
    ----------
    ledger : Path
        The ledger's file, which was verified.
    run_id : str
        A finished run of it.
    telling : Telling
        Where it is told.
    """
    first, *others = (
        line
        for line in ledger_file.lines(ledger)
        if line.type == "round-contributed" and line.data["run_id"] == run_id
    )
    root = str(first.data.get("grants_root", ""))
    telling.say(
        f"each of the {1 + len(others)} contributions names its grant, as entry {first.index} of "
        f"{first.author} names {', '.join(first.data.get('grant_ids', ()))}"
        + (f", and one digest of all that it rests on, {root[:16]}…" if root else "")
    )
    quorum = quorum_of(ledger)
    missing = [name for name in quorum.witnesses if name not in quorum.signed]
    telling.say(
        f"the result is {'final' if quorum.is_final else 'NOT final'}: a digest over all of it is "
        f"signed by {listed(quorum.signed)}"
        + (f"; nobody had to wait for {listed(missing)}" if missing and quorum.is_final else "")
    )
    return quorum


def quorum_of(ledger: Path) -> Quorum:
    """Return how a ledger file's newest checkpoint stands to its witness policy."""
    policy = policy_in_force((x.entry_id, x.type, x.data) for x in ledger_file.lines(ledger))
    assert policy is not None, "a ledger begins with its founding entry"
    with Store(ledger, read_only=True) as store:
        return Quorum.of(policy.lines, head(store, store.checkpoint_sizes()[-1]))


def _tell_grants(ledger: Path, telling: Telling, *, but: Collection[str] = ()) -> frozenset[str]:
    """Tell the grants of a ledger file but those of these ids; return all their ids."""
    found = [
        (line.index, Allowed.of(line.entry_id, line.author, line.data))
        for line in ledger_file.lines(ledger)
        if line.type == "grant-issued"
    ]
    for index, grant in sorted(found, key=lambda one: one[1].issuer):
        if grant.grant_id not in but:
            telling.detail(
                f"{grant.issuer}  entry {index:>3}  {grant.grantee}: {grant.what}, "
                f"{grant.purpose}, until {grant.until}"
            )
    return frozenset(grant.grant_id for _, grant in found)
