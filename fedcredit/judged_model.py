"""A model that is to be judged, from whatever the modeller has at hand.

A fitted estimator, a training result, the folder or file that was saved of one, or the model's own
JSON. What comes with a training result is kept: the score bands that its run released are the
baseline of drift.
"""

import json
from pathlib import Path
from typing import Self

from fedcredit.errors import JobError
from fedcredit.model_kind import FACTOR, OFFSET
from fedcredit.model_kinds import kind_of
from fedcredit.result_file import ResultFile
from fedcredit.results import TrainingResult
from fedcredit_models.bad_classifier import BadClassifier
from fedcredit_models.saved_model import SavedModel, canonical_text, read_model
from fedcredit_models.score_bands import BAND_UNITS, ETA_LIMIT

STEP_NANO = round(2 * ETA_LIMIT / BAND_UNITS * 1_000_000_000)
"""Released bands end at multiples of this, in eta."""


class JudgedModel:
    """A model and what is known of its training.

    Parameters
    ----------
    saved : SavedModel
        The model, as it was read.
    text : str
        Its JSON in the one form that `to_json` writes; the digest is of this.
    bands : tuple of (int, int)
        Released training bands: upper end in eta in units of 1e-9, and rows; empty when unknown.
    drawn_by : tuple of str
        Columns of the job that fitted it, in their order: without an id column they draw the
        hold-out; empty when unknown.
    """

    def __init__(
        self,
        *,
        saved: SavedModel,
        text: str,
        bands: tuple[tuple[int, int], ...] = (),
        drawn_by: tuple[str, ...] = (),
    ) -> None:
        self.saved = saved
        self.text = text
        self.bands = bands
        self.drawn_by = drawn_by

    @property
    def scale(self) -> tuple[float, float]:
        """Offset and factor: points = offset - factor * eta."""
        return _scale(self.saved.model)

    @classmethod
    def of(cls, given: object) -> Self:
        """Read a model.

        Parameters
        ----------
        given : fitted estimator, TrainingResult, path, or JSON text
            A path leads to a model's JSON, to ``result.json``, or to the folder of a saved run.

        Raises
        ------
        JobError
            When it is none of these; says what it is.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, TrainingResult):
            return cls._of_estimator(given.model, given.file)
        if isinstance(given, BadClassifier):
            return cls._of_estimator(given, None)
        if isinstance(given, str) and given.lstrip().startswith("{"):
            return cls._of_text(given, "the text")
        if isinstance(given, str | Path):
            return cls._of_path(Path(given))
        raise _no_model(
            type(given).__name__,
            "fc.Evaluation(model=result, ...) takes what a run has given, a fitted model or a path",
        )

    @classmethod
    def _of_path(cls, path: Path) -> Self:
        file = path / "result.json" if path.is_dir() else path
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            raise JobError(
                f"there is no model at {path}",
                expected="a model's JSON, result.json, or the folder of a saved run",
                found="no file that can be read as text",
                remedy="correct the path; in a file it is relative to the file",
            ) from None
        return cls._of_text(text, file.name)

    @classmethod
    def _of_text(cls, text: str, what: str) -> Self:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise _no_model(f"{what}, which is not JSON", "give the path of a model") from None
        if isinstance(document, dict) and document.get("format") == "fedcredit-result/v1":
            result = ResultFile.parse(text)
            return cls._of_estimator(_read(result.model_json(), what).model, result)
        return cls._of_estimator(_read(text, what).model, None)

    @classmethod
    def _of_estimator(cls, model: BadClassifier, result: ResultFile | None) -> Self:
        if not hasattr(model, "feature_names_in_"):
            raise _no_model(
                f"a {type(model).__name__} that is not fitted",
                "fit it, or run the job that fits it, first",
            )
        text = canonical_text(model)
        bands: tuple[tuple[int, int], ...] = ()
        if result is not None and "train" in result.metrics:
            offset, factor = _scale(model)
            # The bands of a saved result are in points, from safe to risky.
            bands = tuple(
                (round((offset - band.points_low) / factor * 1e9 / STEP_NANO) * STEP_NANO, band.n)
                for band in result.metrics["train"].bands
            )
        return cls(
            saved=read_model(text),
            text=text,
            bands=bands if len(bands) > 1 else (),
            drawn_by=() if result is None else result.features,
        )


def _scale(model: BadClassifier) -> tuple[float, float]:
    kind = kind_of(model)
    return (OFFSET, FACTOR) if kind is None else kind.scale(model)


def _read(text: str, what: str) -> SavedModel:
    try:
        return read_model(text)
    except ValueError as error:
        raise _no_model(f"{what}: {error}", "give the JSON that to_json() has written") from None


def _no_model(found: str, remedy: str) -> JobError:
    return JobError(
        "what is to be judged is no model",
        expected="a fitted model, a training result, or the path of a saved one",
        found=found,
        remedy=remedy,
    )
