"""A run without a federation: the product's own sums and release functions, added as whole numbers.

Every party's addend is quantised as it would be, the slots are added modulo M and turned back, the
release function is applied: what is left out is masks, ciphertexts, ledger and opening. So a model
has the bits that an encrypted run gives (``tests/equivalence``; ``table.py --encrypted SET``).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

import fedcredit as fc
from fedcredit.model_kinds import kind_of
from fedcredit_models.bad_classifier import BadClassifier
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import PartyError
from fedcredit_parties.procedure import addend
from fedcredit_parties.procedures import PROCEDURES, course_of, sums_of
from fedcredit_parties.release import release
from fedcredit_parties.rows import Rows

SPLIT_KEY = bytes(32)
"""The sets say themselves which rows are held out; no key decides."""


class NotRunError(Exception):
    """The rules of the product let no model be made of these parties' rows."""


def model_of_sums(
    model: BadClassifier,
    parts: Mapping[str, pd.DataFrame],
    schema: fc.Schema,
    policy: DisclosurePolicy,
) -> BadClassifier:
    """Return the model that a federation of these parties would release; its figures are left out.

    Parameters
    ----------
    model : Scorecard or Mlp
        Unfitted settings.
    parts : mapping of str to DataFrame
        Each party's rows, with label and split column.
    schema : Schema
    policy : DisclosurePolicy

    Raises
    ------
    NotRunError
        When every party abstains, or the run would fail by rule.
    """
    kind = kind_of(model)
    assert kind is not None, "only models that a job may ask for"
    job = fc.HorizontalJob(
        purpose="modelling", label=schema.label, split_column=schema.split_column, model=model
    )
    task = job.task(schema, parties=tuple(sorted(parts)), policy=policy)
    course, bits = course_of(task), task.parameters.modulus_bits
    sides = []
    for part in parts.values():
        rows = Rows(
            part, task.table_schema, holdout=task.holdout, oot_from=None, split_key=SPLIT_KEY
        )
        if PROCEDURES[task.kind].abstains(rows, task):
            rows.abstain()
        sides.append((rows, sums_of(rows, task)))
    if all(rows.abstains for rows, _ in sides):
        raise NotRunError("every party is below the floor of 200 rows and 20 bads, and abstains")
    memory: dict[str, Any] = {}
    try:
        while course.phase not in (None, "metrics"):
            tensor = course.tensor()
            total = np.zeros(tensor.n_slots, dtype=np.int64)
            n_clipped = 0
            for rows, side in sides:
                found = addend(rows, side, course) | {"clipped": np.array([0])}
                slots, clipped = tensor.quantise(found, bits)
                total, n_clipped = (total + slots) % (1 << bits), n_clipped + clipped
            opened = tensor.dequantise(total, bits, n_parties=len(sides))
            sums = {name: tensor.to_float(name, values) for name, values in opened.items()}
            sums["clipped"] = np.array([n_clipped])
            course.absorb(release(course, sums, memory))
    except PartyError as error:
        raise NotRunError(str(error).splitlines()[0]) from error
    return kind.fitted(course, model, {})
