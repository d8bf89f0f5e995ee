"""A network of 100 000 parameters: a round under encryption against a round of plain FedAvg.

``python benchmarks/mlp_rounds.py`` trains the same network on the same rows of three parties, in
one process: over encrypted updates with two numbers and with one number to a slot, and by plain
averaging of the same local training, parties side by side as in the federation. Seconds of a
round, bytes a party sends in it, and the hold-out's AUC of each. NVFlare's encrypted averaging
trains the same network on the same coded rows in the same run (`peers`). Every run draws orders of
rows of its own (they follow from its task), so the AUCs differ by that as well.
"""

import argparse
import logging
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from measuring import machine, spread, write
from peers import nvflare_he
from sklearn.metrics import roc_auc_score
from synthetic_applicants import LABEL, SCHEMA, applicants

import fedcredit as fc
from fedcredit_models import local_training
from fedcredit_models.network import as_floats
from fedcredit_models.network_inputs import coded
from fedcredit_models.network_loss import summed_loss
from fedcredit_models.network_rounds import NetworkRows, Rounds, Totals
from fedcredit_parties.ckks import NARROW, WIDE, Engine

PARTIES = 3
FLOAT32_BYTES = 4
"""What plain FedAvg sends for a parameter."""

CASES = (("narrow", 17), ("narrow", 34), ("wide", 20))
"""Encryption and bits of each number of an update."""

SLOTS_BESIDE = 7
"""Slots of a round beside the update: rows, clipped, cut, two losses of two limbs."""

Row = dict[str, Any]


SAMPLE = "sample"
NUMBERS = tuple(feature for feature in SCHEMA.features if feature.kind == "numeric")
TASK = fc.Schema(features=NUMBERS, label=LABEL, split_column=SAMPLE)


def network(rounds: int, bits: int | None = None) -> fc.Mlp:
    """Return the network: 100 000 parameters on the applicants' numbers."""
    return fc.Mlp(
        hidden=(400, 192, 64), rounds=rounds, batch_size=256, learning_rate=0.02, update_bits=bits
    )


def tables(n_rows: int) -> dict[str, pd.DataFrame]:
    """Return each party's rows, a third of them held out."""
    frame = applicants(n_rows)
    frame[SAMPLE] = np.where(np.arange(n_rows) % 3 == 0, "holdout", "train")
    bank = np.random.default_rng(1).integers(0, PARTIES, n_rows)
    return {f"bank-{i}": frame[bank == i].reset_index(drop=True) for i in range(PARTIES)}


def encrypted(
    parts: dict[str, pd.DataFrame], rounds: int, name: str, bits: int
) -> tuple[Row, fc.Mlp]:
    """Return the figures of a federated run, and its network."""
    parameters = {"narrow": NARROW, "wide": WIDE}[name]
    model = network(rounds, bits)
    with fc.Federation.simulate(parts, schema=TASK, quiet=True) as federation:
        job = fc.HorizontalJob(
            purpose="modelling",
            label=LABEL,
            model=model,
            encryption=name,  # type: ignore[arg-type]
            split_column=SAMPLE,
            run_deadline_s=1800,
        )
        result = federation.run(job)
    received = {int(f["index"]): datetime.fromisoformat(str(f["received"])) for f in result.facts}
    at = [received[int(row.index or 0)] for row in result.file.history]
    seconds = [
        (later - earlier).total_seconds()
        for (earlier, later), row in zip(pairwise(at), result.file.history[1:], strict=True)
        if row.phase == "train"
    ]
    shape = result.model.architecture_
    packing = Rounds(shape, model.rules(parameters.modulus_bits), Totals(n=100, bads=10)).packing
    n_ciphertexts = parameters.n_ciphertexts(packing.n_slots + SLOTS_BESIDE)
    with Engine() as engine:
        keys = engine.new_keys(parameters)
        (one,) = engine.encrypt(parameters, keys.public, np.zeros(parameters.slots, np.int64))
    found = {
        "system": f"FedCredit, {name}, {packing.per_slot} to a slot",
        "round_s": spread(seconds[1:]),
        "mb_sent_per_party": float(f"{n_ciphertexts * len(one) / 1e6:.3g}"),
        "bytes_a_parameter": round(n_ciphertexts * len(one) / shape.n_parameters, 1),
        "step": float(f"{packing.step:.3g}"),
        "auc": round(result.metrics["holdout"]["auc"], 5),
    }
    return found, result.model


def plain(parts: dict[str, pd.DataFrame], rounds: int, like: fc.Mlp) -> Row:
    """Return the figures of federated averaging in the clear: the same training, floats added."""
    shape, rules = like.architecture_, network(rounds).rules()
    rows, held = [], []
    for frame in parts.values():
        inputs = coded(frame, shape.features, like.standards_)
        is_train, y = (frame[SAMPLE] == "train").to_numpy(), frame[LABEL].to_numpy(dtype=np.int64)
        rows.append(NetworkRows(inputs.chosen(is_train), y[is_train]))
        held.append((inputs.chosen(~is_train), y[~is_train]))
    n = sum(len(part.train) for part in rows)
    course = Rounds(shape, rules, Totals(n, sum(int(part.y.sum()) for part in rows)))
    weights, seconds = as_floats(course.weights), []

    def work(part: NetworkRows, number: int) -> np.ndarray:
        summed_loss(shape.log_odds(weights, part.train), part.y, rules.local.loss, (1.0, 1.0))
        return (
            len(part.train)
            / n
            * local_training.train(
                weights,
                shape,
                part.train,
                part.y,
                rules.local,
                course.row_weights,
                seed=local_training.seed_of("", number),
            )
        )

    with ThreadPoolExecutor(PARTIES) as pool:
        for number in range(1, rounds + 1):
            begun = time.perf_counter()
            weights = np.sum(list(pool.map(work, rows, [number] * PARTIES)), axis=0)
            seconds.append(time.perf_counter() - begun)
    score = np.concatenate([shape.log_odds(weights, inputs) for inputs, _ in held])
    return {
        "system": "plain FedAvg, in process",
        "round_s": spread(seconds[1:]),
        "mb_sent_per_party": float(f"{shape.n_parameters * FLOAT32_BYTES / 1e6:.3g}"),
        "bytes_a_parameter": FLOAT32_BYTES,
        "step": None,
        "auc": round(float(roc_auc_score(np.concatenate([y for _, y in held]), score)), 5),
    }


def nvflare(parts: dict[str, pd.DataFrame], rounds: int, like: fc.Mlp, work: Path) -> Row:
    """Return the figures of NVFlare's encrypted averaging, or why there are none."""
    shape, settings = like.architecture_, network(rounds)
    sites = []
    for frame in parts.values():
        train = frame[frame[SAMPLE] == "train"]
        inputs = coded(train, shape.features, like.standards_)
        sites.append((inputs.numbers, train[LABEL].to_numpy(dtype=np.int64)))
    training = {
        "epochs": settings.local_epochs,
        "batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "momentum": settings.momentum,
    }
    return nvflare_he.network_row(
        sites, shape.layers, as_floats(shape.start(0)), work, rounds=rounds, training=training
    )


def main() -> None:
    """Measure every case and write ``results/mlp_rounds.json``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=9_000)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--no-peers", action="store_true", help="leave NVFlare out")
    parser.add_argument("--dry", action="store_true", help="print, and write nothing")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    facts = machine()
    parts = tables(options.rows)
    rows: list[Row] = []
    for name, bits in CASES:
        found, model = encrypted(parts, options.rounds, name, bits)
        rows.append(found)
        print(found, flush=True)
    rows.insert(0, plain(parts, options.rounds, model))
    print(rows[0], flush=True)
    peers = []
    if not options.no_peers:
        with tempfile.TemporaryDirectory() as folder:
            peers.append(nvflare(parts, options.rounds, model, Path(folder)))
        print(peers[0], flush=True)
    result = {
        "machine": facts,
        "parameters": model.architecture_.n_parameters,
        "parties": PARTIES,
        "rows": options.rows,
        "rounds": options.rounds,
        "cases": rows,
        "peers": peers,
    }
    if not options.dry:
        print(write("mlp_rounds", result))


if __name__ == "__main__":
    main()
