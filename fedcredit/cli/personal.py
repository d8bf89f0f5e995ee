"""``fedcredit party personalise``: the joint model made this party's own."""

from pathlib import Path
from typing import Annotated

import typer

from fedcredit.cli.output import AsJson, show_json, show_table, verb


@verb
def personalise(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="This member's party.toml.")],
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="Model's JSON, result.json or a run's folder.")
    ],
    label: Annotated[str, typer.Option(help="The 0/1 column, 1 = bad.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File of the personal model.")],
    table: Annotated[
        str | None, typer.Option(help="Name of the table, when party.toml has several.")
    ] = None,
    holdout: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of rows to judge by, drawn here.")
    ] = 0.3,
    split_column: Annotated[
        str | None, typer.Option(help="Column that says train or holdout, as in the run.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw and of the folds.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Make a joint model our own: calibrated, mixed with our own model, compared on our hold-out.

    Nothing leaves this machine, and no daemon needs to run. Without --split-column the hold-out is
    drawn here: the joint model may have been trained on some of it, and looks better than it is.

    Example: fedcredit party personalise bank-a/party.toml model.json --label bad -o ours.json
    """
    from fedcredit.personalising import personalise as make

    found = make(
        config,
        model,
        label=label,
        table=table,
        holdout=holdout,
        split_column=split_column,
        seed=seed,
    )
    output.write_text(found.personal.to_json(), encoding="utf-8")
    choice = found.personal.choice
    if as_json:
        show_json(
            {
                "choice": {"kind": choice.kind, "weight": choice.weight, "why": choice.why},
                "own_layer": choice.own_layer,
                "calibration": vars(found.personal.calibration),
                "holdout": found.rows(),
                "written": str(output),
            }
        )
        return
    print(f"chosen: {choice.kind}, weight of the joint score {choice.weight:g}: {choice.why}")
    if found.gain is None:
        print("no comparison: the hold-out has fewer than 10 bads or goods")
    else:
        show_table(found.rows(), right=("auc", "low", "high", "bad_rate_approved"))
    print(f"written: {output}")


def add_to(party: typer.Typer) -> None:
    """Put the verb beside those of the member."""
    party.command("personalise")(personalise)
