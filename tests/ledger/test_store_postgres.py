"""What only a database server can do to a ledger: promise too little, go away, be asked wrongly."""

import subprocess
import sys
from pathlib import Path

import pytest

from fedcredit_ledger.errors import StorageError
from fedcredit_ledger.log import Log
from fedcredit_ledger.store_postgres import PostgresStore
from tests.ledger.places import PostgresPlace
from tests.ledger.small_federation import ORIGIN, SmallFederation
from tests.ledger.test_stores import ENDORSEMENT, endorse
from tests.postgres_server import GUARDED, SECRET, PostgresServer


@pytest.fixture
def place(postgres_server: PostgresServer, tmp_path: Path) -> PostgresPlace:
    return PostgresPlace(postgres_server, tmp_path)


def text_of(error: BaseException) -> str:
    """Return all that a log or a terminal could show of an error."""
    shown = [repr(error), str(error), *getattr(error, "__notes__", [])]
    if isinstance(error, StorageError):
        shown.append(error.diagnostics())
    chained = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(shown) + (text_of(chained) if chained else "")


def test_a_session_that_confirms_before_the_disk_does_is_refused(place):
    place.url += "%20-c%20synchronous_commit%3Doff"

    with pytest.raises(StorageError) as caught:
        place.open()

    assert caught.value.found == "synchronous_commit = off"
    assert "synchronous_commit = on" in caught.value.remedy


def test_tables_from_which_rows_could_be_taken_are_refused(place):
    place.open().close()
    place.execute("ALTER TABLE leaf DISABLE TRIGGER leaf_only_added")

    with pytest.raises(StorageError, match="lets rows be changed"):
        place.open()


def test_a_table_is_not_emptied_either(place):
    with place.open() as store:
        SmallFederation(store)

    with pytest.raises(Exception, match="rows are only added"):
        place.execute("TRUNCATE leaf")


def test_two_ledgers_in_two_schemas_do_not_meet(place):
    with place.open() as one, place.another().open() as two:
        SmallFederation(one)
        assert (one.size, two.size) == (1, 0)


def test_a_reader_finds_no_ledger_where_there_is_none_and_makes_none(place):
    with pytest.raises(StorageError, match="holds no ledger"):
        place.open(read_only=True)
    with pytest.raises(StorageError, match="holds no ledger"):
        place.open(read_only=True)


def test_a_server_that_goes_away_stops_the_log_and_loses_nothing(place, postgres_server):
    store = place.open()
    fed = SmallFederation(store)
    endorse(fed, 2)
    assert postgres_server.end_sessions() == 1

    with pytest.raises(StorageError, match="cannot be read"):
        store.leaves()
    assert fed.log.failure is store.failure is not None
    with pytest.raises(StorageError):
        endorse(fed, 1)
    store.close()

    with place.open() as store:
        assert store.size == 3
        assert Log(store, fed.log_key, ORIGIN, fed.clock).size == 3


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda url: url.replace("postgresql://", "postgresql//"), id="no address"),
        pytest.param(lambda url: url.replace("host=", "hast="), id="an unknown option"),
        pytest.param(lambda url: url.replace("%2F", "%2G", 1), id="bad percent signs"),
        pytest.param(lambda url: url.replace("/postgres?", "/nowhere?"), id="no such database"),
        pytest.param(lambda url: url.replace("host=", "host=%2Fnowhere&user="), id="no server"),
        pytest.param(lambda url: url.replace("horse", "house"), id="a wrong password"),
    ],
)
def test_no_message_holds_a_password(place, postgres_server, spoil):
    good = postgres_server.address(role=GUARDED, password=SECRET)
    url = spoil(good)
    assert url != good

    with pytest.raises(StorageError) as caught:
        PostgresStore(url, head=place.head)

    shown = text_of(caught.value)
    for secret in ("horse", "house", "battery", "correct"):
        assert secret not in shown.replace("correct the address", "")


def test_the_right_password_opens(place, postgres_server):
    url = postgres_server.address(role=GUARDED, password=SECRET, schema=f"own_{GUARDED}")
    postgres_server.execute(f"CREATE SCHEMA own_{GUARDED} AUTHORIZATION {GUARDED}")

    with PostgresStore(url, head=place.head) as store:
        assert SmallFederation(store).log.size == store.size == 1


def test_a_role_that_may_only_add_writes_the_ledger(place, postgres_server):
    """Who makes the tables and who writes them may be two: then not even the owner's acts are."""
    place.open().close()
    ((schema,),) = postgres_server.execute("SELECT current_schema()", url=place.url)
    postgres_server.execute(
        f"GRANT USAGE ON SCHEMA {schema} TO {GUARDED}",
        f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA {schema} TO {GUARDED}",
    )
    url = postgres_server.address(role=GUARDED, password=SECRET, schema=schema)

    with PostgresStore(url, head=place.head) as store:
        fed = SmallFederation(store)
        fed.write("bank-a", "endorsement-given", ENDORSEMENT)
        fed.witness()
        assert store.size == 2


def test_a_missing_driver_is_named_with_what_to_install():
    """In a process of its own that cannot import it; everything else of the room works there."""
    program = (
        "import sys\n"
        "sys.modules['psycopg'] = None\n"
        "from fedcredit_ledger.errors import StorageError\n"
        "from fedcredit_ledger.store_postgres import PostgresStore\n"
        "try:\n"
        "    PostgresStore('postgresql://nobody@localhost/none')\n"
        "except StorageError as error:\n"
        "    print(error.diagnostics())\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert "pip install 'fedcredit[postgres]'" in done.stdout
    assert "psycopg" in done.stdout
