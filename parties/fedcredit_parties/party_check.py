"""``party check``: open what the daemon would open, and say what is wrong in words.

Nothing is written to the ledger and no row leaves: a table is read and its columns are compared
with the declared ones. Local things come first; what the coordinator says is asked at the end.
"""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from fedcredit_ledger.entry import parse_time
from fedcredit_ledger.errors import ForkError, LedgerError, MalformedEntryError
from fedcredit_models.schema import SchemaError, check_features
from fedcredit_parties.config import DataConfig, resolve
from fedcredit_parties.daemon import PartySetup, read_status, read_table
from fedcredit_parties.data import as_data_error
from fedcredit_parties.declared_columns import read_features
from fedcredit_parties.disk import SPARE_BYTES, disk_full, free_bytes
from fedcredit_parties.errors import ConfigError, MalformedMessageError, PartyError
from fedcredit_parties.finding import Finding, looked, wrong
from fedcredit_parties.front_request import CLOCK_WINDOW_S
from fedcredit_parties.kept_proofs import kept
from fedcredit_parties.member import Member
from fedcredit_parties.outside_route import OutsideRoute
from fedcredit_parties.own_place import check_place
from fedcredit_parties.secret_files import check_secret
from fedcredit_parties.served_certificate import fingerprint, look

SOON_DAYS = 30
"""A certificate that ends sooner than this is named."""

PATIENCE_S = 3.0
"""How long the coordinator is asked before the check says that it does not answer."""

_ERRORS = (PartyError, LedgerError)


def check_party(path: Path, *, app_hash: str = "") -> list[Finding]:
    """Return what was found, in the order in which a daemon would meet it.

    Parameters
    ----------
    path : Path
        ``party.toml``.
    app_hash : str
        Hash of the coordinator's app as this installation would build it; not compared when empty.
    """
    try:
        setup = PartySetup(path)
    except PartyError as error:
        return [wrong("configuration and keys", error)]
    found = [
        Finding(what="configuration and keys", sentence=f"{setup.config.name}, readable"),
        looked("secret files", lambda: _secrets(setup), *_ERRORS),
        looked("pinned authority", lambda: _authority(setup), *_ERRORS),
        looked("room on the disk", lambda: _room(setup), *_ERRORS),
        *_tables(setup),
    ]
    if setup.config.role == "data-holder":
        found.append(looked("pinned app", lambda: _app(setup, app_hash), *_ERRORS))
    found.append(_daemon(setup))
    found.append(looked("proofs of misbehaviour", lambda: _proofs(setup), *_ERRORS))
    return [*found, *_coordinator(setup)]


def _secrets(setup: PartySetup) -> str:
    name = setup.config.name
    folder = resolve(setup.folder, setup.config.identity)
    check_secret(folder / "identity.json", what="the identity", party=name)
    check_secret(setup.state, what="the state folder", party=name)
    return "identity and state are their owner's alone"


def _authority(setup: PartySetup) -> str:
    try:
        certificate = x509.load_pem_x509_certificate(setup.root_certificates)
        ssl.create_default_context(cadata=setup.root_certificates.decode("ascii"))
    except (ValueError, ssl.SSLError):
        raise ConfigError(
            "ca_file is not a PEM certificate",
            party=setup.config.name,
            expected="the authority that the coordinator's operator handed over",
            found="other bytes",
            remedy="ask for it again, and compare its fingerprint by telephone",
        ) from None
    now, end = datetime.now(UTC), certificate.not_valid_after_utc
    if not certificate.not_valid_before_utc <= now <= end:
        what = "has expired" if now > end else "is not valid yet"
        raise ConfigError(
            f"the pinned authority {what}, or this machine's clock is off",
            party=setup.config.name,
            expected=f"{certificate.not_valid_before_utc:%Y-%m-%d} to {end:%Y-%m-%d}",
            found=f"{now:%Y-%m-%d %H:%M} UTC",
            remedy="ask the coordinator for a new authority, or set the clock",
        )
    return f"valid until {end:%Y-%m-%d}{_soon(end, now)}, SHA-256 {fingerprint(certificate)}"


def _soon(end: datetime, now: datetime) -> str:
    return " (soon)" if end - now < timedelta(days=SOON_DAYS) else ""


def _room(setup: PartySetup) -> str:
    free = free_bytes(setup.state)
    if free < SPARE_BYTES:
        raise disk_full(
            setup.state,
            f"less than {SPARE_BYTES // 2**20} MiB are free for the state folder",
            party=setup.config.name,
        )
    return f"{free / 2**30:.1f} GiB free for the state folder"


def _tables(setup: PartySetup) -> list[Finding]:
    return [
        looked(f"table {data.name}", lambda data=data: _table(setup, data), *_ERRORS)  # type: ignore[misc]
        for data in setup.config.data
    ]


def _table(setup: PartySetup, data: DataConfig) -> str:
    table = read_table(setup.config.name, data, setup.folder)
    registered = table.registration()
    path = resolve(setup.folder, data.path)
    facts = (
        f"{path.name}, {path.stat().st_size} bytes, {len(registered['columns'])} columns, "
        f"digest {table.digest[:12]}"
    )
    if setup.config.schema_file is None:
        return f"{facts}; no schema_file to compare with"
    features = read_features(resolve(setup.folder, setup.config.schema_file))
    try:
        check_features(table.frame, list(features.values()))
    except SchemaError as error:
        raise as_data_error(error, party=setup.config.name) from None
    return f"{facts}; keeps to the {len(features)} declared columns"


def _app(setup: PartySetup, app_hash: str) -> str:
    pinned = setup.config.app_hash
    if pinned is None:
        raise ConfigError(
            "party.toml pins no app",
            party=setup.config.name,
            expected="app_hash = the SHA-256 of the coordinator's Flower app",
            found="none",
            remedy="fedcredit party trust pins it",
        )
    if app_hash and app_hash != pinned:
        raise ConfigError(
            "the pinned app is not the one of this installation",
            party=setup.config.name,
            expected=f"app_hash {pinned[:16]}",
            found=f"{app_hash[:16]}",
            remedy="install the version of FedCredit that the members agreed on, or pin again",
        )
    return f"{pinned[:16]}" + (", as installed here" if app_hash else "")


def _daemon(setup: PartySetup) -> Finding:
    """Say whether the daemon runs, and what it last complained of; a note, never an error."""
    said = read_status(setup.state)
    if said["process"] is None:
        last = said.get("ended_with")
        sentence = "does not run" + (f"; it ended with {last}" if last else "")
    else:
        problem = said.get("problem")
        sentence = f"process {said['process']}" + (f"; {problem}" if problem else "")
    return Finding(what="daemon", sentence=sentence)


def _proofs(setup: PartySetup) -> str:
    paths = kept(setup.state)
    if paths:
        raise ForkError(
            "this member has refused heads that contradict its ledger, and has kept them",
            party=setup.config.name,
            expected="none",
            found=", ".join(str(path) for path in paths),
            remedy="send them to the other members and to the regulator; who has the log's key "
            "verifies a proof with fedcredit witness proof FILE --log VKEY",
        )
    return "none kept: no head contradicted this member's ledger"


def _coordinator(setup: PartySetup) -> list[Finding]:
    what = "certificate as served"
    front = setup.front(patience_s=PATIENCE_S)
    try:
        said = front.status()
        here = datetime.now(UTC)
    except _ERRORS as error:
        return [wrong("coordinator", error)]
    finally:
        front.close()
    found = [
        Finding(what="coordinator", sentence=f"answers at {setup.config.coordinator}"),
        _served(setup, what),
        looked("clock", lambda: _clock(str(said.get("time")), here), *_ERRORS),
    ]
    try:
        member = setup.member(patience_s=PATIENCE_S)
    except _ERRORS as error:
        return [*found, wrong("ledger and pins", error)]
    try:
        return [*found, *_ledger(setup, member)]
    finally:
        member.stop()


def _served(setup: PartySetup, what: str) -> Finding:
    """Return the dates of a certificate that was accepted a moment ago."""
    served = look(setup.config.coordinator)
    if served is None:
        return Finding(what=what, sentence="it was accepted, and is not shown any more")
    end = served.not_valid_after_utc
    return Finding(what=what, sentence=f"valid until {end:%Y-%m-%d}{_soon(end, datetime.now(UTC))}")


def _clock(theirs: str, here: datetime) -> str:
    try:
        ahead_s = (here - parse_time(theirs)).total_seconds()
    except MalformedEntryError:
        raise MalformedMessageError(
            "the front's status carries no time", expected="a time", found="none"
        ) from None
    soon = f"; {CLOCK_WINDOW_S} s are refused" if abs(ahead_s) > CLOCK_WINDOW_S / 4 else ""
    return f"{abs(ahead_s):.1f} s {'ahead of' if ahead_s > 0 else 'behind'} the coordinator's{soon}"


def _ledger(setup: PartySetup, member: Member) -> list[Finding]:
    """Look at the ledger that the coordinator serves, after the pins were compared."""
    replica, state = member.ledger.replica, member.ledger.state
    head = f"{replica.size} entries, head {replica.root.hex()[:12]}, pins hold"
    return [
        Finding(what="ledger and pins", sentence=head),
        looked(
            "own place in the federation",
            lambda: ", ".join(check_place(setup.config, setup.identity, state)),
            *_ERRORS,
        ),
        looked("disclosure policy", lambda: _policy(setup, member), *_ERRORS),
        *_outside(member),
    ]


def _outside(member: Member) -> list[Finding]:
    """Ask the witnesses that are no members, by the route that passes by the coordinator."""
    route = OutsideRoute(member.ledger)
    try:
        if not route.urls:
            return [
                Finding(
                    what="outside witnesses",
                    sentence="none: an entry that the coordinator withholds is noticed by its "
                    "author only, and stops nobody's co-signature",
                )
            ]
        return [
            looked(
                f"outside witness {name}",
                lambda name=name: _seen_outside(route, name),  # type: ignore[misc]
                *_ERRORS,
            )
            for name in route.urls
        ]
    finally:
        route.close()


def _seen_outside(route: OutsideRoute, name: str) -> str:
    size = route.compare(name, lambda offered, error: None)
    where = route.urls[name]
    return f"answers at {where}; " + (
        f"its newest head, of {size} entries, is of this ledger" if size else "has seen no head yet"
    )


def _policy(setup: PartySetup, member: Member) -> str:
    founded, own = (
        member.ledger.state.disclosure_digest,
        setup.config.disclosure.digest(),
    )
    if founded != own:
        raise ConfigError(
            "[disclosure] is not the federation's policy",
            party=setup.config.name,
            expected=f"a policy with digest {founded[:12]}",
            found=own[:12],
            remedy="copy the policy of the founding, or of policy-changed, into party.toml",
        )
    return "as the federation agreed"
