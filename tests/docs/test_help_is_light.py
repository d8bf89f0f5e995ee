"""`fedcredit --help` answers at once: the heavy packages are imported by those who need them."""

import json
import os
import subprocess
import sys

HEAVY = {"flwr", "sklearn", "tenseal", "torch"}

HELP = """
import sys
sys.argv = ["fedcredit", "--help"]
from fedcredit.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


def packages_after(program):
    """Run a program in a fresh interpreter; return its output and the packages it imported."""
    names = "{m.split('.')[0] for m in sys.modules}"
    report = f"\nimport json, sys\nprint('\\n' + json.dumps(sorted({names})))"
    done = subprocess.run(
        [sys.executable, "-c", program + report],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    output, _, modules = done.stdout.rstrip().rpartition("\n")
    return output, set(json.loads(modules))


def test_help_imports_neither_torch_nor_flwr_nor_scikit_learn():
    output, packages = packages_after(HELP)

    assert "ledger" in output and "job" in output
    assert packages & HEAVY == set()


def test_importing_the_front_door_alone_is_light():
    _, packages = packages_after("import fedcredit")

    assert "fedcredit" in packages
    assert packages & HEAVY == set()


def test_the_same_look_finds_a_heavy_package_that_was_imported():
    _, packages = packages_after("import sklearn")

    assert packages & HEAVY == {"sklearn"}
