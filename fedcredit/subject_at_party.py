"""What one party knows of a person: the openings that it keeps, and the batches that name them.

Read from the party's own state folder; nobody is asked, so it works while the coordinator is down.
"""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from fedcredit.ledger_file import Line
from fedcredit.ledger_view import Openings
from fedcredit_parties.daemon import PartySetup
from fedcredit_parties.sealed_grants import SealedGrants


def kept_about(
    config: Path, lines: Iterable[Line], subject: str
) -> tuple[Openings, frozenset[str]]:
    """Return what a party keeps about a person.

    Parameters
    ----------
    config : Path
        The party's ``party.toml``.
    lines : iterable of Line
        The entries of a copy of the ledger.
    subject : str
        The person's token.

    Returns
    -------
    openings : mapping
        Of the party's own entries about the person, by index.
    batches : frozenset of str
        Ids of the sealed batches that hold an authorization of the person.

    Raises
    ------
    ConfigError
        When the file or the identity is not usable.
    EncryptionError
        When what is kept was not written by this party.
    """
    setup = PartySetup(config)
    with closing(setup.openings()) as kept:
        sealed = SealedGrants(setup.vault(), kept)
        own = {found.grant_id for found in sealed.all().values() if found.subject == subject}
        about = set(kept.about(subject))
        openings, batches = {}, set()
        for line in lines:
            digests = about.intersection(line.data.get("commits", {}).values())
            if digests:
                openings[line.index] = [o for o in map(kept.get, sorted(digests)) if o is not None]
            if line.type == "grants-sealed" and line.author == setup.config.name:
                batch_id = str(line.data["batch_id"])
                if own.intersection(sealed.members(batch_id)):
                    batches.add(batch_id)
    return openings, frozenset(batches)
