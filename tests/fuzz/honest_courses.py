"""Honest runs of every kind: their tasks, and what a key holder released of each, in order.

Sums are quantised and added in the open: what is left out is masks, ciphertexts and the ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import fedcredit as fc
from fedcredit_models.schema import infer
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.procedure import Memory, addend
from fedcredit_parties.procedures import course_of, sums_of
from fedcredit_parties.release import release
from fedcredit_parties.rows import Rows
from fedcredit_parties.task import Task
from tests.simulated import bank_frames, small_job


@dataclass(frozen=True)
class HonestCourse:
    """One honest run: its task, every released document in order, slots of each sum."""

    task: Task
    documents: list[dict[str, Any]]
    slots: list[int]


def honest_courses() -> dict[str, HonestCourse]:
    """Return one run of every kind over three banks."""
    frames = bank_frames(n_rows=600)
    schema = infer(frames, label="bad")
    card = fc.Scorecard().fit(
        pd.concat(frames.values()).drop(columns="bad"), pd.concat(frames.values())["bad"]
    )
    asked: list[Any] = [
        small_job(),
        small_job(model=fc.Gbdt(n_trees=2, max_depth=3, min_rows=10)),
        small_job(model=fc.Mlp(hidden=(4,), rounds=3, batch_size=64, learning_rate=0.05)),
        fc.Evaluation(purpose="modelling", label="bad", model=card),
        fc.Survey(purpose="modelling", label="bad", crosstabs=[("income", "home")], select=True),
    ]
    parties = tuple(sorted(frames))
    tasks = [job.task(schema, parties=parties, policy=DisclosurePolicy()) for job in asked]
    return {task.kind: _run(task, frames) for task in tasks}


def _run(task: Task, frames: Mapping[str, pd.DataFrame]) -> HonestCourse:
    rows = [
        Rows(
            frame,
            task.draw_schema,
            holdout=task.holdout,
            oot_from=task.oot_from,
            split_key=bytes(32),
        )
        for frame in frames.values()
    ]
    sides = [sums_of(own, task) for own in rows]
    course, bits, memory = course_of(task), task.parameters.modulus_bits, Memory()
    honest = HonestCourse(task, [], [])
    while course.phase is not None:
        tensor, clipped = course.tensor(), {"clipped": np.array([0])}
        slots = [
            tensor.quantise(addend(own, side, course) | clipped, bits)[0]
            for own, side in zip(rows, sides, strict=True)
        ]
        opened = tensor.dequantise(sum(slots) % (1 << bits), bits, n_parties=len(rows))
        sums = {name: tensor.to_float(name, values) for name, values in opened.items()}
        document = release(course, sums, memory)
        course.absorb(document)
        honest.documents.append(document)
        honest.slots.append(tensor.n_slots)
    return honest
