"""A saved result's figures as MLflow reads them: one flat JSON, and a run in its file store.

MLflow itself is not needed. ``metrics.json`` is a flat object of numbers. The run is written as
MLflow's own file store lays it out: ``<experiment>/<run>/`` with ``meta.yaml`` and one file each
metric (time in ms, value, step), parameter and tag. Names are the figures' names, so that a number
in MLflow leads back to the ledger.

References
----------
https://mlflow.org/docs/latest/ml/tracking/ (file store: ``mlruns``)
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from fedcredit.figure_names import figures_of
from fedcredit.model_view import ModelView
from fedcredit.result_file import ResultFile
from fedcredit.saved_file import Saved

EXPERIMENT_ID = "0"
EXPERIMENT = "Default"
METRICS = (
    "auc", "ks", "gini", "brier", "n", "stability", "bad_rate", "mean_p", "hosmer_lemeshow",
    "calibration_slope", "calibration_intercept", "delong", "mcnemar", "drift", "iv",
)  # fmt: skip
"""First parts of the figures that are metrics of a model."""

_NOT_ALLOWED = re.compile(r"[^\w.\- /]")


def metrics(saved: Saved) -> dict[str, float]:
    """Return the figures that are numbers, by name, in the order of their names."""
    found = {
        _name(name): figure.value
        for name, figure in figures_of(saved).items()
        if figure.value is not None and name.split(".")[0] in METRICS
    }
    return dict(sorted(found.items()))


def write_mlruns(saved: Saved, folder: Path) -> Path:
    """Write a run into a file store; return the run's folder.

    Parameters
    ----------
    saved : ResultFile or EvaluationFile
        What was saved of a run.
    folder : Path
        The store, ``mlruns``; other runs in it are left alone.

    Disclosure
    ----------
    The store repeats figures that were released to the requester. Whoever reads it learns them.
    """
    run = saved.run_id.replace("-", "")
    experiment = folder / EXPERIMENT_ID
    target = experiment / run
    for part in ("metrics", "params", "tags", "artifacts"):
        (target / part).mkdir(parents=True, exist_ok=True)
    start, end = _milliseconds(saved.started), _milliseconds(saved.finished)
    about = experiment / "meta.yaml"
    if not about.exists():
        about.write_text(
            _yaml(
                artifact_location=experiment.resolve().as_uri(),
                creation_time=start,
                experiment_id=EXPERIMENT_ID,
                last_update_time=start,
                lifecycle_stage="active",
                name=EXPERIMENT,
            ),
            "utf-8",
        )
    (target / "meta.yaml").write_text(
        _yaml(
            artifact_uri=(target / "artifacts").resolve().as_uri(),
            end_time=end,
            entry_point_name="",
            experiment_id=EXPERIMENT_ID,
            lifecycle_stage="active",
            run_id=run,
            run_name=f"{saved.label} {saved.run_id[:8]}",
            run_uuid=run,
            source_name="",
            source_type=4,
            source_version="",
            start_time=start,
            status=3,
            tags=[],
            user_id=saved.requester,
        ),
        "utf-8",
    )
    for name, value in metrics(saved).items():
        (target / "metrics" / name).write_text(f"{end} {value!r} 0\n", "utf-8")
    losses = [row for row in saved.history if row.log_loss is not None]
    if losses:
        lines = "".join(f"{end} {row.log_loss!r} {row.round}\n" for row in losses)
        (target / "metrics" / "log_loss").write_text(lines, "utf-8")
    for kind, rows in (("params", _params(saved)), ("tags", _tags(saved))):
        for name, text in rows:
            (target / kind / name).write_text(text, "utf-8")
    return target


def _params(saved: Saved) -> Iterator[tuple[str, str]]:
    yield "label", saved.label
    yield "purpose", saved.purpose
    yield "n_parties", str(len(saved.parties))
    if isinstance(saved, ResultFile):
        for name, value in ModelView.of(saved).settings:
            yield _name(name), f"{value:g}" if isinstance(value, float) else value


def _tags(saved: Saved) -> Iterator[tuple[str, str]]:
    yield "mlflow.runName", f"{saved.label} {saved.run_id[:8]}"
    yield "mlflow.user", saved.requester
    yield "fedcredit.run_id", saved.run_id
    yield "fedcredit.parties", ",".join(saved.parties)
    yield "fedcredit.checkpoint_root", "".join(saved.checkpoint.split("\n")[2:3])
    if saved.entries.model is not None:
        yield "fedcredit.model_entry", saved.entries.model


def _name(name: str) -> str:
    """Return a name that MLflow allows: letters, digits, ``_ . - /`` and spaces; no folder."""
    return _NOT_ALLOWED.sub("_", name).replace("/", "_")


def _milliseconds(moment: str) -> int:
    """Return a moment of the ledger in milliseconds since 1970."""
    return int(datetime.fromisoformat(moment).astimezone(UTC).timestamp() * 1000)


def _yaml(**fields: object) -> str:
    """Write flat fields as YAML; every JSON value is one."""
    return "".join(f"{name}: {json.dumps(value)}\n" for name, value in sorted(fields.items()))
