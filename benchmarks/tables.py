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


def deployment(result: Result) -> str:
    """Return the job against plain sums, a round by part, memory, and the peers."""
    cases = result["cases"]
    parts = list(cases[0]["round_parts_s"])
    totals = [
        [
            str(case["parties"]),
            str(case["rounds"]),
            _spread(case["encrypted_s"]),
            _spread(case["plain_s"]),
            _spread(case["ratio"]),
            _spread(case["front_ratio"]),
            f"{case['mb_sent_per_party']:.1f} / {case['plain_mb_sent_per_party']:.1f}",
            str(case["repeats"]),
        ]
        for case in cases
    ]
    rounds = [
        [
            str(case["parties"]),
            which,
            *(f"{split[part]:.3f}" for part in parts),
            f"{whole:.3f}",
        ]
        for case in cases
        for which, split, whole in (
            ("first", case["first_round_parts_s"], case["first_round_s"]),
            ("later", case["round_parts_s"], case["mean_round_s"]),
        )
    ]
    bars = [
        [
            str(case["parties"]),
            _spread(case["round_s"]),
            _spread(case["plain_round_s"]),
            _spread(case["echo_front_s"]),
            _spread(case["echo_s"]),
            f"{case['echo_specified_s'][0]} to {case['echo_specified_s'][1]}",
            f"{case['round_s']['median'] / case['echo_front_s']['median']:.2f}x",
            f"{case['round_s']['median'] / case['echo_s']['median']:.2f}x",
            f"{case['round_s']['median'] / case['echo_specified_s'][1]:.2f}x",
        ]
        for case in cases
        if case["echo_specified_s"]
    ]
    stretches = [
        [
            str(case["parties"]),
            f"{case['start_s']:.1f}",
            f"{case['before_s']:.2f}",
            f"{case['first_round_s']:.2f}",
            f"{case['rounds'] - 1} x {case['mean_round_s']:.2f}",
            f"{case['after_s']:.2f}",
        ]
        for case in cases
    ]
    roles = list(dict.fromkeys(role for case in cases for role in case["memory_mb"]))
    memory = [
        [
            role,
            *(
                f"{case['memory_mb'][role]['processes']} x {case['memory_mb'][role]['mb_each']}"
                if role in case["memory_mb"]
                else "none"
                for case in cases
            ),
        ]
        for role in roles
    ]
    memory.append(
        [
            "together",
            *(
                f"{sum(m['processes'] * m['mb_each'] for m in case['memory_mb'].values()):.0f}"
                for case in cases
            ),
        ]
    )
    sections = [
        _machine(result),
        _table(
            [
                "parties",
                "rounds",
                "encrypted job, s",
                "plain job, s",
                "ratio (aim: 1.5)",
                "plain job, front / no front",
                "MB sent per party, encrypted / plain",
                "jobs",
            ],
            totals,
        ),
        "Mean seconds of a round by part, along its critical path:",
        _table(["parties", "round", *parts, "together"], rounds),
        "Seconds a round (without the first) against plain nodes exchanging "
        f"{cases[0]['echo_bytes'] // 1000} kB each way:",
        _table(
            [
                "parties",
                "encrypted round",
                "plain round",
                "exchange, through the front",
                "exchange, no front",
                "specified",
                "round / exchange through the front",
                "round / exchange, no front",
                "round / specified (aim: 1.5)",
            ],
            bars,
        ),
        "Seconds of a job by stretch; starting the daemons is not part of it:",
        _table(
            ["parties", "start of the daemons", "before", "first round", "later rounds", "after"],
            stretches,
        ),
        "Largest memory while a job runs, MB a process, shared pages shared out (PSS):",
        _table(["process", *(f"{case['parties']} parties" for case in cases)], memory),
    ]
    if result["peers"]:
        sections += ["Others on the same rows:", _peers(result)]
    return "\n\n".join(sections)


def ledger_append(result: Result) -> str:
    """Return appends and submissions a second beside the raw disk and the bare signature."""
    rows = [
        [
            store,
            *(
                _many(row[name])
                for name in (
                    "fsync_per_s",
                    "commit_per_s",
                    "verify_per_s",
                    "append_per_s",
                    "submit_per_s",
                )
            ),
            *(
                _spread(row[name])
                for name in ("append_per_fsync", "append_per_commit", "submit_per_verify")
            ),
        ]
        for store, row in result["stores"].items()
    ]
    head = [
        "store",
        "raw fsync/s",
        "raw SQLite commit/s",
        "bare Ed25519/s",
        "durable appends/s (aim: 5 000)",
        "submissions/s (aim: 2 000)",
        "appends / fsync",
        "appends / commit",
        "submissions / Ed25519",
    ]
    told = f"{result['submitters']} submitters, {result['entries']} entries a turn."
    return "\n\n".join([_machine(result), _table(head, rows), f"{told} {_end(result)}"])


def ledger_verify(result: Result) -> str:
    """Return each level's rate beside its primitive, and proofs, memory, going on from a head."""
    aims = {"V1": "0.12", "V2": "0.02", "V3": "0.85"}
    levels = [
        [
            _grouped(size["entries"]),
            level,
            "Ed25519" if level == "V3" else "SHA-256",
            _many(row["raw_per_s"]),
            _many(row["leaves_per_s"]),
            f"{row['ratio']['median']:.4f} ({row['ratio']['least']:.4f} to "
            f"{row['ratio']['most']:.4f})",
            aims[level],
            f"{row['whole_ratio']['median']:.2f}" if level == "V3" else "",
            f"{row['wall_s']['median']:.1f}",
            f"{row['peak_mb']['median']:.0f}",
            str(size["repeats"]),
        ]
        for size in result["sizes"]
        for level, row in size["levels"].items()
    ]
    others = [
        [
            _grouped(size["entries"]),
            f"{size['proof_ms']['median']:.2f} ({size['proof_ms']['least']:.2f} to "
            f"{size['proof_ms']['most']:.2f})",
            _grouped(size["since"]["new_leaves"]),
            _spread(size["since"]["cpu_s"]),
            _spread(size["since"]["kept_cpu_s"]),
            _spread(size["since"]["head_ms"]),
        ]
        for size in result["sizes"]
    ]
    head = ["entries", "level", "primitive", "primitive/s", "leaves/s", "ratio", "aim", "whole"]
    return "\n\n".join(
        [
            _machine(result),
            _table([*head, "wall, s", "peak MB", "repeats"], levels),
            f"{result['processes']} processes verify signatures. {_end(result)}",
            _table(
                [
                    "entries",
                    "inclusion proof, ms (aim: 5)",
                    "new leaves",
                    "from a bare head, CPU s",
                    "from a kept head, CPU s",
                    "newest head, kept, ms (aim: 20)",
                ],
                others,
            ),
        ]
    )


def evidence_batch(result: Result) -> str:
    """Return seconds and memory of a batch of packages."""
    rows = [
        [
            _grouped(size["entries"]),
            f"{size['packed']['median']:.0f} of {size['cases']['median']:.0f}",
            f"{size['bytes_a_package']['median'] / 1000:.0f}",
            f"{size['read_s']['median']:.1f} / {size['read_cpu_s']['median']:.1f}",
            f"{size['pack_s']['median']:.1f} / {size['pack_cpu_s']['median']:.1f}",
            f"{size['per_hash']['median']:.0f}x",
            f"{size['read_s']['median'] + size['pack_s']['median']:.1f}",
            f"{size['peak_mb']['median']:.0f}",
            f"{size['rules_cpu_s']['median']:.1f}",
            f"{size['rules_peak_mb']['median']:.0f}",
        ]
        for size in result["sizes"]
    ]
    head = [
        "entries",
        "cases packed",
        "kB a package",
        "read the ledger, check its chain, wall / CPU s",
        "pack, check signatures, wall / CPU s",
        "CPU of packing / SHA-256 of the packages",
        "together, wall s (aim: 10)",
        "peak MB",
        "rules beside, CPU s",
        "rules beside, peak MB",
    ]
    return "\n\n".join([_machine(result), _table(head, rows), _end(result)])


def rows(result: Result) -> str:
    """Return rows a CPU second and memory by size, with the seconds of each part."""
    cells = [
        [
            _grouped(size["rows"]),
            _many(size["rows_per_s"]),
            f"{size['peak_mb']['median']:.0f}",
            f"{size['file_mb']:.0f}",
            *(
                f"{size[f'{part}_s']['median'] / size['rows'] * 1e6:.2f}"
                for part in ("reading", "grids", "bins", "newton")
            ),
            f"{size['wall_s']['median']:.1f}",
        ]
        for size in result["sizes"]
    ]
    head = [
        "rows",
        "rows / CPU s (aim: 500 000)",
        "peak MB (aim: 1 000)",
        "file, MB",
        *(f"{part}, µs a row" for part in ("reading", "grids", "bins", "Newton")),
        "wall, s",
    ]
    told = f"{result['features']} columns, {_grouped(result['block'])} rows a block."
    return "\n\n".join([_machine(result), _table(head, cells), f"{told} {_end(result)}"])


def table(result: Result) -> str:
    """Return the sets by partition and model, then what is left out and who is worse off."""
    lines, worse = [], []
    for row in result["rows"]:
        case = [row["set"], f"{row['partition']} ({row['parties']})", row["model"]]
        if "not_run" in row:
            lines.append([*case, f"not run: {row['not_run'].partition(' (')[0]}"] + [""] * 8)
            continue
        own = row["own"]
        lines.append(
            [
                *case,
                _auc(row["local"]),
                _auc(row["local_worst"]),
                _auc(row["federated"]),
                _auc(row["pooled"]),
                *(_auc(own[model]) for model in ("local", "joint", "personal")),
                f"{row['better_off']} of {row['own_tests']}",
                str(len(row["worse_off"])),
            ]
        )
        worse += [
            f"{', '.join(case)}: {party['party']}, {party['bads']} bads in its test rows, "
            f"{party['difference']:.4f} ({party['interval'][0]:.4f} to {party['interval'][1]:.4f})"
            for party in row["worse_off"]
        ]
    head = [
        "set",
        "partition (parties)",
        "model",
        "alone, mean",
        "alone, worst",
        "federated",
        "pooled",
        "own tests: alone",
        "federated",
        "personal",
        "better off",
        "worse off",
    ]
    n_judged = sum(row.get("own_tests", 0) for row in result["rows"])
    n_missing = result["cases"] - len(result["rows"])
    told = [
        *([f"**{n_missing} rows are missing**; `--check` names them."] if n_missing else []),
        f"{len(worse)} of {n_judged} comparisons find a party worse off than alone by more than "
        f"its own 95 % interval (by chance alone {0.025 * n_judged:.0f} would)"
        f"{': ' if worse else '.'}" + "; ".join(worse) + ("." if worse else ""),
        "Left out: " + "; ".join(f"{k} ({why})" for k, why in result["left_out"].items()) + ".",
        f"Rows took {sum(row['seconds'] for row in result['rows']) / 60:.0f} minutes together, "
        f"{result['processes']} at once. {_end(result)}",
    ]
    return "\n\n".join([_machine(result), _table(head, lines), *told])


def _auc(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _end(result: Result) -> str:
    load = ", ".join(f"{value:.1f}" for value in result["load_average_at_the_end"])
    return f"Load average at the end {load}."


def _grouped(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def _many(values: dict[str, float]) -> str:
    return " ".join(
        [
            _grouped(values["median"]),
            f"({_grouped(values['least'])} to {_grouped(values['most'])})",
        ]
    )


def _peers(result: Result) -> str:
    rows = []
    for peer in result["peers"]:
        if "unavailable" in peer:
            rows.append([peer["name"], str(peer["parties"]), f"unavailable: {peer['unavailable']}"])
            rows[-1] += [""] * 4
            continue
        sent = peer["mb_sent_per_party"]
        rows.append(
            [
                peer["name"],
                str(peer["parties"]),
                str(peer["rounds"]),
                f"{peer['first_round_s']:.2f}",
                _spread(peer["round_s"]),
                f"{peer['job_s']:.1f}",
                "not counted" if sent is None else f"{sent:.2f}",
            ]
        )
    for case in result["cases"]:
        if case["parties"] == result["peers"][0]["parties"]:
            rows.append(
                [
                    "FedCredit, CKKS and masks",
                    str(case["parties"]),
                    str(case["rounds"]),
                    f"{case['first_round_s']:.2f}",
                    _spread(case["round_s"]),
                    f"{case['first_round_s'] + (case['rounds'] - 1) * case['mean_round_s']:.1f}",
                    f"{case['mb_sent_per_party']:.2f}",
                ]
            )
    head = ["system", "sites", "rounds", "first round, s", "later rounds, s", "all rounds, s"]
    return _table([*head, "MB sent per site"], rows)


def mlp_rounds(result: Result) -> str:
    """Return seconds and bytes of a network's round, each with its ratio to plain averaging."""
    plain = result["cases"][0]["round_s"]["median"]
    rows = []
    for case in result["cases"]:
        step = case["step"]
        rows.append(
            [
                case["system"],
                _spread(case["round_s"]),
                f"{case['round_s']['median'] / plain:.1f}x",
                f"{case['mb_sent_per_party']:.2f}",
                f"{case['bytes_a_parameter']:.1f}",
                "none" if step is None else f"{step:.1e}",
                f"{case['auc']:.4f}",
            ]
        )
    for peer in result["peers"]:
        if "unavailable" in peer:
            rows.append([peer["name"], "unavailable", "-", "-", "-", "-", peer["unavailable"]])
            continue
        sent = peer["mb_sent_per_party"]
        rows.append(
            [
                f"{peer['name']}, processes over TLS",
                _spread(peer["round_s"]),
                f"{peer['round_s']['median'] / plain:.1f}x",
                "not counted" if sent is None else f"{sent / peer['rounds']:.2f}",
                "-" if sent is None else f"{sent * 1e6 / peer['rounds'] / peer['parameters']:.1f}",
                "-",
                "-",
            ]
        )
    head = ["system", "a round, s", "ratio", "MB a party sends", "bytes a parameter", "step"]
    case = (
        f"{_thousands(result['parameters'])} parameters, {result['parties']} parties, "
        f"{_thousands(result['rows'])} rows of which two thirds are trained on, "
        f"{result['rounds']} rounds."
    )
    return "\n\n".join([_machine(result), case, _table([*head, "hold-out AUC"], rows)])


def gbdt_vs_pooled(result: Result) -> str:
    """Return trees against scikit-learn's, CPU seconds by part, ciphertexts, and the daemons."""
    fits = [
        (f"scikit-learn, {bins} bins, {words}", fit)
        for words, group in (
            ("its own threads", result["pooled"]),
            ("one thread", result["pooled_one_thread"]),
        )
        for bins, fit in group.items()
    ]
    pooled = [
        [name, f"{fit['seconds']:.2f}", f"{fit['cpu_s']:.2f}", f"{fit['auc']:.4f}"]
        for name, fit in fits
    ]
    runs = [
        [
            row["ledger"],
            str(row["trees"]),
            str(row["rounds"]),
            f"{row['seconds']:.1f}",
            f"{row['ratio']:.1f}x",
            f"{row['cpu_s']:.1f}",
            f"{row['cpu_ratio']:.1f}x",
            f"{1000 * row['s_per_round']:.0f}",
            f"{row['mb_sent_per_party']:.0f}",
            f"{row['auc']:.4f}",
        ]
        for row in result["encrypted"]
    ]
    parts = list(result["encrypted"][0]["parts_cpu_s"])
    shares = [
        [
            row["ledger"],
            *(f"{row['parts_cpu_s'][part]:.1f}" for part in parts),
            f"{row['cpu_s']:.1f}",
        ]
        for row in result["encrypted"]
    ]
    counts = result["encrypted"][0]["ciphertexts_per_tree"]
    trips = [[name, *map(str, n), str(sum(n))] for name, n in counts.items() if len(n) == 5]
    sections = [
        _machine(result),
        _table(["pooled rows", "seconds", "CPU seconds", "AUC in training"], pooled),
        _table(
            [
                "ledger",
                "trees",
                "rounds",
                "encrypted, s",
                "ratio (aim: 12)",
                "CPU seconds",
                "ratio of CPU seconds",
                "ms a round",
                "MB sent per party",
                "AUC in training",
            ],
            runs,
        ),
        "CPU seconds by part; all members share the machine's cores:",
        _table(["ledger", *parts, "together"], shares),
        "Ciphertexts of one party in a full tree, by level:",
        _table(["what is summed", "root", "1", "2", "3", "4", "together"], trips),
        "Two levels a trip need one joint histogram for every pair of features, "
        f"{' + '.join(map(str, counts['two levels a trip']))} ciphertexts for levels 0 to 5 in "
        "three trips.",
    ]
    if result["daemons"]:
        row = result["daemons"]
        trip = row["s_per_round_trip"]
        sections.append(
            f"On three daemons over Flower: {row['trees']} trees, {row['rounds']} rounds, "
            f"{row['seconds']:.0f} s; a round trip {_spread(trip)} s. 100 trees of depth 5 are 500 "
            f"round trips, {500 * trip['median'] / 60:.0f} minutes at that pace."
        )
    return "\n\n".join(sections)


def _thousands(n: int) -> str:
    return f"{n:,}".replace(",", " ")


def _spread(values: dict[str, float]) -> str:
    return f"{values['median']:.2f} ({values['least']:.2f} to {values['most']:.2f})"


def _machine(result: Result) -> str:
    facts = result["machine"]
    load = ", ".join(f"{value:.1f}" for value in facts["load_average"])
    repeats = f"medians of {result['repeats']}; " if "repeats" in result else ""
    return (
        f"{facts['date']}: {facts['processor']}, {facts['cores']} cores, Python {facts['python']}, "
        f"TenSEAL {facts['tenseal']}; {repeats}load average at the start {load}."
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 20 else f"{value:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


TABLES: dict[str, Callable[[Result], str]] = {
    "ckks_cost": ckks_cost,
    "horizontal_vs_pooled": horizontal_vs_pooled,
    "gbdt_vs_pooled": gbdt_vs_pooled,
    "deployment": deployment,
    "ledger_append": ledger_append,
    "ledger_verify": ledger_verify,
    "evidence_batch": evidence_batch,
    "mlp_rounds": mlp_rounds,
    "rows": rows,
    "table": table,
}


def main() -> None:
    """Bring the README up to date."""
    README.write_text(current(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
