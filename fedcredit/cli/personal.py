"""``fedcredit party personalise``, ``allow-difference``: what a party gains, and what it adds."""

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


@verb
def allow_difference(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="This member's party.toml.")],
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids of planned runs.")],
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Allow planned runs that differ by us from an opened one: leave-one-out, Shapley.

    The difference of two runs' results, one with our rows and one without, is about our rows. The
    ledger refuses such a run unless we have allowed it; the word holds for 30 days.

    Example: fedcredit party allow-difference bank-a/party.toml 2f1c9a4e-0c8e-4d8e-9a55-7b1f0e2d3c4b
    """
    from fedcredit.cli.at_party import at_party
    from fedcredit.cli.founding_view import confirm
    from fedcredit_parties import ledger_acts

    if not yes:
        confirm(f"allow {len(runs)} runs that tell our rows apart?", otherwise="nothing written")
    with at_party(config) as (member, _):
        entries = [ledger_acts.allow_difference(member, run) for run in runs]
    if as_json:
        show_json(dict(zip(runs, entries, strict=True)))
    else:
        print(f"allowed: {len(runs)} runs, for 30 days")


def add_to(party: typer.Typer) -> None:
    """Put the verbs beside those of the member."""
    party.command("personalise")(personalise)
    party.command("allow-difference")(allow_difference)
