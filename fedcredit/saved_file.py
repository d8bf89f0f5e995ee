"""What is saved of a run, of either kind: the result that made a model, or what judged one."""

import json
from pathlib import Path

from fedcredit.errors import JobError
from fedcredit.evaluation_file import EvaluationFile
from fedcredit.result_file import ResultFile

Saved = ResultFile | EvaluationFile


def load(path: Path) -> Saved:
    """Read ``result.json`` or ``evaluation.json``; the file's own format says which it is.

    Raises
    ------
    JobError
        When it is neither; names the first wrong field.
    """
    text = path.read_bytes()
    try:
        document = json.loads(text)
    except ValueError:
        raise JobError(
            "the saved file is not JSON",
            expected="a result.json or an evaluation.json",
            found=path.name,
            remedy="fedcredit job list says where saved runs lie",
        ) from None
    named = document.get("format") if isinstance(document, dict) else None
    if named == "fedcredit-evaluation/v1":
        return EvaluationFile.parse(text)
    return ResultFile.parse(text)
