"""The room's door: light to open, complete, and looking nowhere but down."""

import ast
import subprocess
import sys
from pathlib import Path

import fedcredit_models

ROOM = Path(fedcredit_models.__file__).parent
ALLOWED = {
    "numpy", "pandas", "scipy", "sklearn", "torch", "fedcredit_models", *sys.stdlib_module_names,
}  # fmt: skip
RIM = {"os", "pathlib", "socket", "time", "datetime", "io", "subprocess", "pickle", "threading"}


def test_importing_the_room_imports_neither_numpy_nor_pandas() -> None:
    heavy = "{'numpy', 'pandas', 'sklearn'}"
    code = f"import sys, fedcredit_models; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOM.parent
    )
    assert done.stdout.strip() == "[]"


def test_every_public_name_resolves_to_a_thing_of_that_name() -> None:
    for name in fedcredit_models.__all__:
        assert getattr(fedcredit_models, name).__name__ == name


def test_the_room_imports_mathematics_only() -> None:
    for path in sorted(ROOM.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                top = name.split(".")[0]
                assert top in ALLOWED, f"{path.name} imports {name}"
                assert top not in RIM, f"{path.name} imports {name}"
