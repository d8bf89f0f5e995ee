"""What people see while a run goes on: the schema once, then a line a round, on standard error."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table

from fedcredit.requester import Progress
from fedcredit_models.schema import Feature

WORDS = {
    "approval": "approvals",
    "quantiles": "bin edges",
    "bins": "bins and weights of evidence",
    "newton": "Newton step",
    "metrics": "metrics",
}


def show_schema(
    features: Sequence[Feature], *, n_rows: Mapping[str, int], inferred: bool, stream: TextIO
) -> None:
    """Print the declared columns and the size of every party's table."""
    console = Console(file=stream)
    how = "inferred from all frames (a simulation may)" if inferred else "declared"
    table = Table(title=f"Schema, {how}", title_justify="left")
    for heading in ("column", "kind", "bounds or levels", "scale"):
        table.add_column(heading, overflow="fold")
    for feature in features:
        table.add_row(
            feature.name,
            feature.kind,
            f"{feature.lower:g} to {feature.upper:g}"
            if feature.lower is not None and feature.upper is not None
            else ", ".join(feature.levels[:8]) + (" ..." if len(feature.levels) > 8 else ""),
            feature.scale if feature.kind == "numeric" else "",
        )
    console.print(table)
    console.print(", ".join(f"{name}: {n} rows" for name, n in n_rows.items()))


@contextmanager
def show_progress(
    told: Callable[[Progress], None] | None, *, quiet: bool, stream: TextIO
) -> Iterator[Callable[[Progress], None]]:
    """Yield what a run reports its progress to.

    Parameters
    ----------
    told : callable or None
        The caller's own; then nothing is printed here.
    quiet : bool
        Print nothing.
    stream : text file
        A terminal gets a moving bar, a file one line a round.
    """
    if told is not None or quiet:
        yield told or (lambda progress: None)
        return
    console = Console(file=stream)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Bar(*columns, TextColumn("{task.fields[detail]}"), console=console) as bar:
        task = bar.add_task("asking", total=None, detail="")

        def move(progress: Progress) -> None:
            bar.update(
                task,
                description=sentence(progress),
                completed=progress.n_answered,
                total=progress.n_parties,
                detail=_loss(progress),
            )

        yield move


class _Lines:
    """One line for every new round, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: tuple[str, int] | None = None

    def __call__(self, progress: Progress) -> None:
        if self._last != (progress.phase, progress.round):
            self._last = (progress.phase, progress.round)
            self._console.print(f"{sentence(progress)}  {_loss(progress)}".rstrip())


def sentence(progress: Progress) -> str:
    """Return what is going on in a few words."""
    what = WORDS.get(progress.phase, progress.phase)
    if progress.round == 0:
        return f"asking {progress.n_parties} parties"
    return f"round {progress.round}: {what}"


def _loss(progress: Progress) -> str:
    return "" if progress.log_loss is None else f"log loss {progress.log_loss:.6f}"
