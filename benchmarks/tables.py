"""Write the tables of ``benchmarks/README.md`` from the results beside it.

``python benchmarks/tables.py`` replaces what stands between the markers; a test compares. Standard
library only.
"""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE / "README.md"

Result = dict[str, Any]


def current(text: str) -> str:
    """Return the README with every table as the results give it.

    Raises
    ------
    ValueError
        When a table has no place in the text.
    """
    for name, table in TABLES.items():
        result = json.loads((HERE / "results" / f"{name}.json").read_text(encoding="utf-8"))
        block = f"<!-- {name} -->\n{table(result)}\n<!-- end of {name} -->"
        place = re.compile(rf"<!-- {name} -->.*?<!-- end of {name} -->", re.DOTALL)
        text, n_found = place.subn(lambda _, block=block: block, text)
        if n_found != 1:
            raise ValueError(f"README.md has {n_found} places for the table {name}")
    return text


def ckks_cost(result: Result) -> str:
    """Return what the locks cost, each figure with its ratio to the specification."""
    words = {
        "mask_ns": "mask",
        "encrypt_ns": "encrypt",
        "add_ns": "add",
        "add_from_bytes_ns": "add, from bytes",
        "decrypt_ns": "decrypt",
        "decrypt_from_bytes_ns": "open, from bytes",
        "bytes": "bytes",
    }
    rows = []
    for row in result["rows"]:
        cells = [row["parameters"], str(row["parties"])]
        for name in words:
            bar = row["specified"].get(name)
            ratio = f" ({row[name] / bar:.2f}x)" if bar else ""
            cells.append(f"{_number(row[name])}{ratio}")
        rows.append([*cells, f"{row['agreement_us_per_peer']:.0f}"])
    head = ["parameters", "parties", *words.values(), "key agreement, µs per peer"]
    return "\n\n".join([_machine(result), _table(head, rows)])


def horizontal_vs_pooled(result: Result) -> str:
    """Return seconds against the pooled fit, then seconds and bytes by phase, then the help."""
    totals, phases = [], []
    for row in result["rows"]:
        case = [f"{row['rows']:,}".replace(",", " "), str(row["parties"])]
        totals.append(
            [
                *case,
                f"{row['largest_coefficient_difference']:.0e}",
                "yes" if row["counts_equal"] else "no",
                f"{row['pooled_s']:.2f}",
                f"{row['run_s']:.2f}",
                f"{row['ratio']:.1f}x",
                f"{row['founding_s']:.2f}",
                f"{row['mb_sent_per_party']:.1f}",
                f"{row['peak_mb']} / {row['peak_mb_with_children']}",
            ]
        )
        phases.append(
            [
                *case,
                *(
                    f"{row['phase_s'][p]:.2f} s"
                    + (
                        f", {row['phase_mb_sent_per_party'][p]:.2f} MB in {n} "
                        f"round{'s' if n > 1 else ''}"
                        if (n := row["phase_rounds"][p])
                        else ""
                    )
                    for p in row["phase_s"]
                ),
            ]
        )
    parts = [
        _machine(result),
        _table(
            [
                "rows",
                "parties",
                "largest difference of a coefficient",
                "counts equal",
                "pooled fit, s",
                "encrypted run, s",
                "ratio",
                "founding, s",
                "MB sent per party",
                "peak MB, process / with children",
            ],
            totals,
        ),
        "By phase: seconds between the ledger's own times, and ciphertext bytes that one party "
        "sends.",
        _table(["rows", "parties", *result["rows"][0]["phase_s"]], phases),
    ]
    if result["help_s"] is not None:
        parts.append(f"`fedcredit --help`: {result['help_s']:.2f} s (aim: under 0.4 s).")
    return "\n\n".join(parts)


def _machine(result: Result) -> str:
    facts = result["machine"]
    load = ", ".join(f"{value:.1f}" for value in facts["load_average"])
    return (
        f"{facts['date']}: {facts['processor']}, {facts['cores']} cores, Python {facts['python']}, "
        f"TenSEAL {facts['tenseal']}; medians of {result['repeats']}; "
        f"load average at the start {load}."
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 20 else f"{value:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


TABLES: dict[str, Callable[[Result], str]] = {
    "ckks_cost": ckks_cost,
    "horizontal_vs_pooled": horizontal_vs_pooled,
}


def main() -> None:
    """Bring the README up to date."""
    README.write_text(current(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
