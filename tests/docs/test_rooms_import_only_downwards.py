"""The four rooms and their doors: who may import whom, and which file may import what is heavy."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HOME = {
    "fedcredit_ledger": ROOT / "ledger" / "fedcredit_ledger",
    "fedcredit_models": ROOT / "models" / "fedcredit_models",
    "fedcredit_parties": ROOT / "parties" / "fedcredit_parties",
    "fedcredit": ROOT / "fedcredit",
}

MAY_IMPORT = {
    "fedcredit_ledger": set(),
    "fedcredit_models": set(),
    "fedcredit_parties": {"fedcredit_ledger", "fedcredit_models"},
    "fedcredit": {"fedcredit_ledger", "fedcredit_models", "fedcredit_parties"},
}

# An auditor installs the ledger room and nothing heavy; the models room is mathematics.
ONLY_THIRD_PARTY = {
    "fedcredit_ledger": {"cryptography"},
    "fedcredit_models": {"numpy", "pandas", "scipy", "sklearn", "torch"},
}

# An extra: asked for by name at run time, so that the room loads without it.
EXTRAS = {"psycopg": "ledger/fedcredit_ledger/store_postgres.py"}

# One door per heavy dependency, as paths within the checkout.
DOORS = {
    "tenseal": ("parties/fedcredit_parties/ckks",),
    "flwr": (
        "parties/fedcredit_parties/wire.py",
        "parties/fedcredit_parties/flower",
        "parties/fedcredit_parties/handlers.py",
        "fedcredit/coordinator/",
        "fedcredit/federation.py",
        "fedcredit/simulation",
    ),
    "typer": ("fedcredit/cli/",),
    "torch": ("models/fedcredit_models/",),
}

READS_CODE = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}

FILES = [
    pytest.param(room, path, id=path.relative_to(ROOT).as_posix())
    for room, home in HOME.items()
    for path in sorted(home.rglob("*.py"))
]


def imported(path: Path) -> set[str]:
    """Return the first names of everything a file imports, wherever the import stands in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # A relative import stays within its room.
            names |= {node.module.split(".")[0]} if node.module and node.level == 0 else set()
    return names


def test_every_room_has_files():
    counts = {room: len(list(home.rglob("*.py"))) for room, home in HOME.items()}

    assert all(counts.values()), counts


@pytest.mark.parametrize(("room", "path"), FILES)
def test_a_room_imports_only_rooms_below_it(room, path):
    rooms = imported(path) & HOME.keys()

    assert rooms <= MAY_IMPORT[room] | {room}


@pytest.mark.parametrize(
    ("room", "path"), [case for case in FILES if case.values[0] in ONLY_THIRD_PARTY]
)
def test_ledger_and_models_stay_light(room, path):
    third_party = imported(path) - sys.stdlib_module_names - HOME.keys()
    place = path.relative_to(ROOT).as_posix()
    third_party -= {name for name, door in EXTRAS.items() if door == place}

    assert third_party <= ONLY_THIRD_PARTY[room]


@pytest.mark.parametrize(("room", "path"), FILES)
def test_a_heavy_dependency_has_one_door(room, path):
    place = path.relative_to(ROOT).as_posix()

    beside_the_door = {
        name
        for name in imported(path) & DOORS.keys()
        if not any(place.startswith(door) for door in DOORS[name])
    }

    assert beside_the_door == set()


@pytest.mark.parametrize(("room", "path"), FILES)
def test_nothing_reads_a_format_that_runs_code(room, path):
    assert imported(path) & READS_CODE == set()


def test_an_import_inside_a_function_is_seen(tmp_path):
    path = tmp_path / "chain.py"
    path.write_text("def extend():\n    from fedcredit.report import render\n    import torch.nn\n")

    assert imported(path) == {"fedcredit", "torch"}
