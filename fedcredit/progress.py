"""What people see while a run goes on: the schema once, then a line a round, on standard error."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fedcredit.run_progress import APPROVAL, CONTEXT, Progress
from fedcredit_models.schema import Feature

LATE_S = 3.0
"""A wait of this length is told, with those who are waited for."""

WORDS = {
    CONTEXT: "the key holder makes the run's key",
    APPROVAL: "approvals",
    "quantiles": "bin edges",
    "bins": "bins and weights of evidence",
    "newton": "Newton step",
    "metrics": "metrics",
}


def show_schema(
    features: Sequence[Feature],
    *,
    left_out: Mapping[str, str],
    n_rows: Mapping[str, int],
    inferred: bool,
    stream: TextIO,
) -> None:
    """Print the declared columns, those that are left out, and the size of every party's table."""
    console = Console(file=stream)
    how = "inferred from all frames (a simulation may)" if inferred else "declared"
    table = Table(title=f"Schema, {how}", title_justify="left")
    for heading in ("column", "kind", "bounds or levels", "scale"):
        table.add_column(heading, overflow="fold")
    for feature in features:
        table.add_row(
            escape(feature.name),
            feature.kind,
            f"{feature.lower:g} to {feature.upper:g}"
            if feature.lower is not None and feature.upper is not None
            else escape(", ".join(feature.levels[:8]))
            + (" ..." if len(feature.levels) > 8 else ""),
            feature.scale if feature.kind == "numeric" else "",
        )
    console.print(table)
    if left_out:
        console.print("Left out of a job that names no features:")
    for name, why in left_out.items():
        console.print(f"  {name} {why}", markup=False, highlight=False, soft_wrap=True)
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
        A terminal gets one line that is written again, a file one line a round.
    """
    if told is not None or quiet:
        yield told or (lambda progress: None)
        return
    console = Console(file=stream)
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Live(console=console, refresh_per_second=4, transient=False) as live:
        yield lambda progress: live.update(
            Text(sentence(progress), no_wrap=True, overflow="ellipsis")
        )


class _Lines:
    """One line for every new round, and for a wait that has become long; for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: tuple[object, ...] = ()

    def __call__(self, progress: Progress) -> None:
        is_late = progress.waiting_s > LATE_S
        whose = progress.waiting_for if is_late else ()
        if self._last != (progress.phase, progress.round, whose):
            is_new = self._last[:2] != (progress.phase, progress.round)
            self._last = (progress.phase, progress.round, whose)
            if is_new or is_late:
                # At a round's beginning nobody has answered yet: a count belongs to a wait.
                line = sentence(progress, with_count=is_late)
                self._console.print(line, soft_wrap=True, highlight=False)


def sentence(progress: Progress, *, with_count: bool = True) -> str:
    """Return in one line what is going on, since when, and for whom it waits.

    Parameters
    ----------
    progress : Progress
        What is told.
    with_count : bool, default True
        Say how many parties have answered so far.
    """
    what = WORDS.get(progress.phase, progress.phase)
    parts = [f"round {progress.round}: {what}" if progress.round else what]
    if with_count and progress.phase != CONTEXT:
        parts.append(f"{progress.n_answered} of {progress.n_parties} parties")
    if progress.waiting_for and progress.waiting_s > LATE_S:
        parts.append(f"waiting {progress.waiting_s:.0f} s for {', '.join(progress.waiting_for)}")
    if progress.log_loss is not None:
        parts.append(f"log loss {progress.log_loss:.6f}")
    if progress.ciphertext_bytes:
        parts.append(f"ciphertexts > {progress.ciphertext_bytes / 1e6:.1f} MB")
    parts.append(f"{progress.elapsed_s:.0f} s of {progress.deadline_s:.0f}")
    return ", ".join(parts)
