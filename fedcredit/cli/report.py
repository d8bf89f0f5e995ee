"""``fedcredit report``: the documents that a model's owner and its validator file."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from fedcredit.cli.output import AsJson, show_json, verb

if TYPE_CHECKING:
    from fedcredit.evaluation_file import EvaluationFile
    from fedcredit.report_section import Format
    from fedcredit.report_words import Language
    from fedcredit.result_file import ResultFile
    from fedcredit.saved_file import Saved

app = typer.Typer(
    help="Write reports, model cards and metrics of saved runs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

FORMATS = ("sr26-2", "cn-loan", "eu-aia")
LANGUAGES = ("en", "zh")

RunOrFile = Annotated[str, typer.Argument(hidden=True)]
StoreFolder = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Folder of saved runs (default: .fedcredit)."),
]
FormatOption = Annotated[
    str, typer.Option("--format", metavar="|".join(FORMATS), help="Whose headings.")
]
LanguageOption = Annotated[
    str, typer.Option("--language", metavar="|".join(LANGUAGES), help="Of the page.")
]


def _out(default: str) -> object:
    return typer.Option(
        "--out", "-o", metavar="FILE", show_default=False, help=f"Default: {default}."
    )


@app.command("model")
@verb
def model(
    run: RunOrFile,
    form: FormatOption = "sr26-2",
    language: LanguageOption = "en",
    out: Annotated[Path, _out("development-report.html")] = Path("development-report.html"),
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write the development report of RUN's model: one HTML file under a regulation's headings.

    RUN is the run's id, enough of its beginning, or a result.json with its ledger.db beside.
    The ledger is verified to the last signature first; nothing is written when it fails. The words
    that define bad are taken from the job.toml beside, when their digest is the ledger's.

    Example: fedcredit report model 4727d98f --format eu-aia --language zh -o model.html
    """
    from fedcredit import ledger_file
    from fedcredit.development_report import render

    checked, spoken = _choice(form, language)
    result, folder = _found(run, store)
    verified, facts = ledger_file.facts(folder / "ledger.db")
    text = render(result, facts, form=checked, language=spoken, definition=_definition(folder))
    _write(out, text)
    if as_json:
        show_json({"run_id": result.run_id, "report": str(out), "ledger": verified.document()})
        return
    print(f"{out}: the ledger's {verified.size} entries verify, every figure cites one of them")


@app.command("validation")
@verb
def validation(
    run: RunOrFile,
    evaluation: Annotated[
        Path | None,
        typer.Option(
            "--evaluation",
            metavar="FILE",
            help="The evaluation.json of this model, with its ledger.db beside.",
        ),
    ] = None,
    form: FormatOption = "sr26-2",
    language: LanguageOption = "en",
    out: Annotated[Path, _out("validation-report.html")] = Path("validation-report.html"),
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write the validation report of RUN's model: tests, findings, what is missing, a decision box.

    RUN is the run's id, enough of its beginning, or a result.json with its ledger.db beside.
    Without --evaluation the report has the training run's own figures and lists the missing tests.
    Findings do not change how the command ends; --json lists them.

    Example: fedcredit report validation 4727d98f --evaluation evaluation.json -o validation.html
    """
    from fedcredit import findings, ledger_file
    from fedcredit.model_view import ModelView
    from fedcredit.validation_report import render

    checked, spoken = _choice(form, language)
    result, folder = _found(run, store)
    verified, facts = ledger_file.facts(folder / "ledger.db")
    judged = None
    if evaluation is not None:
        judged = _evaluation(evaluation)
        facts = [*facts, *ledger_file.facts(evaluation.with_name("ledger.db"))[1]]
    text = render(result, facts, evaluation=judged, form=checked, language=spoken)
    _write(out, text)
    flagged = findings.findings(result, ModelView.of(result), judged)
    absent = findings.missing(result, judged)
    if as_json:
        show_json(
            {
                "run_id": result.run_id,
                "report": str(out),
                "findings": [
                    {"severity": one.severity, "key": one.key, "about": one.about}
                    for one in flagged
                ],
                "missing": absent,
                "ledger": verified.document(),
            }
        )
        return
    grave = sum(one.severity == "act" for one in flagged)
    print(f"{out}: {len(flagged)} findings, {grave} to be acted on; missing tests: {len(absent)}")


@app.command("card")
@verb
def card(
    run: RunOrFile,
    out: Annotated[Path, _out("model-card.json")] = Path("model-card.json"),
    language: LanguageOption = "en",
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write the model card of RUN: JSON, Markdown or HTML, as the name of the file ends.

    RUN is the run's id, enough of its beginning, or a result.json with its ledger.db beside.
    The JSON form has every figure with its value and its ledger entry, and no language.

    Example: fedcredit report card 4727d98f -o model-card.md
    """
    from fedcredit import ledger_file, model_card

    _, spoken = _choice(FORMATS[0], language)
    if out.suffix not in (".json", ".md", ".html"):
        raise typer.BadParameter("--out ends in .json, .md or .html")
    result, folder = _found(run, store)
    _, facts = ledger_file.facts(folder / "ledger.db")
    found = model_card.document(result, facts)
    if out.suffix == ".json":
        text = model_card.to_json(found)
    elif out.suffix == ".md":
        text = model_card.to_markdown(found, language=spoken)
    else:
        text = model_card.to_html(result, facts, language=spoken)
    _write(out, text)
    if as_json:
        show_json(found)
        return
    print(f"{out}: {len(found['figures'])} figures, each with its ledger entry")


@app.command("metrics")
@verb
def metrics(
    run: RunOrFile,
    out: Annotated[Path, _out("metrics.json")] = Path("metrics.json"),
    mlruns: Annotated[
        Path | None,
        typer.Option("--mlruns", metavar="DIR", help="Also a run in MLflow's file store."),
    ] = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write RUN's metrics as MLflow reads them: a flat JSON, and with --mlruns its file store.

    RUN is the run's id, enough of its beginning, a result.json or an evaluation.json.
    The ledger beside it is verified first. MLflow itself is not needed.

    Example: fedcredit report metrics 4727d98f --mlruns mlruns
    """
    import json

    from fedcredit import ledger_file, metrics_export

    saved, folder = _saved(run, store)
    ledger_file.facts(folder / "ledger.db")
    found = metrics_export.metrics(saved)
    _write(out, json.dumps(found, indent=1, allow_nan=False) + "\n")
    written = metrics_export.write_mlruns(saved, mlruns) if mlruns is not None else None
    if as_json:
        show_json({"run_id": saved.run_id, "metrics": found, "mlruns": str(written or "")})
        return
    print(f"{out}: {len(found)} metrics" + (f"; {written}" if written is not None else ""))


def _choice(form: str, language: str) -> "tuple[Format, Language]":
    """Return format and language, or say which there are."""
    if form not in FORMATS:
        raise typer.BadParameter(f"--format is one of {', '.join(FORMATS)}")
    if language not in LANGUAGES:
        raise typer.BadParameter(f"--language is one of {', '.join(LANGUAGES)}")
    return cast("Format", form), cast("Language", language)


def _saved(run: str, store: Path | None) -> "tuple[Saved, Path]":
    """Return what was saved of a run and the folder in which its ledger lies."""
    from fedcredit import saved_file
    from fedcredit.job_store import FOLDER, JobStore

    path = Path(run)
    if path.suffix == ".json":
        if not path.is_file():
            raise typer.BadParameter(f"there is no file {path.name} at that path")
        return saved_file.load(path), path.parent
    saved, result = JobStore(store or Path(FOLDER)).finished(run)
    return result, saved.folder


def _found(run: str, store: Path | None) -> "tuple[ResultFile, Path]":
    """Return a saved result, not an evaluation, and the folder of its ledger."""
    from fedcredit.result_file import ResultFile

    saved, folder = _saved(run, store)
    if not isinstance(saved, ResultFile):
        raise typer.BadParameter("that is an evaluation: name the run that made the model")
    return saved, folder


def _evaluation(path: Path) -> "EvaluationFile":
    """Return a saved evaluation."""
    from fedcredit.evaluation_file import EvaluationFile

    saved, _ = _saved(str(path), None)
    if not isinstance(saved, EvaluationFile):
        raise typer.BadParameter("--evaluation names an evaluation.json")
    return saved


def _definition(folder: Path) -> str:
    """Return the words that define bad in the job file beside a result; empty without one."""
    path = folder / "job.toml"
    if not path.is_file():
        return ""
    from fedcredit.request import DEFAULT_DEFINITION

    try:
        job = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return ""  # the ledger's digest stands in the report all the same
    words = job.get("bad_definition", DEFAULT_DEFINITION)
    return words if isinstance(words, str) else ""


def _write(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
