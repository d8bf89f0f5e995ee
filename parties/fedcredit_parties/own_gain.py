"""What a party gains by a run, computed by itself and told by itself to the requester alone.

Its own model of the run's settings, the joint one and its personal version of it are compared on
its own hold-out. It happens before the last round, in which the party commits to the figures; they
are told, sealed, when the run has finished. Nobody else can compute them, and nobody has to believe
more than that they are what the party committed to.
"""

from typing import Any

import numpy as np

from fedcredit_models import alone
from fedcredit_models.gain import NANO, gain
from fedcredit_models.personal import LEAST, Personal
from fedcredit_models.schema import Schema
from fedcredit_parties.course import Course
from fedcredit_parties.joint_models import joint_model
from fedcredit_parties.rows import Rows


def own_gain(rows: Rows, course: Course[Any], *, tells: bool) -> dict[str, Any]:
    """Return what the party commits to: figures, or the word that says why there are none.

    Parameters
    ----------
    rows : Rows
        The party's rows of the run.
    course : Course
        The run's course, up to the metrics.
    tells : bool
        Whether the party lets its gain be told.

    Returns
    -------
    dict
        ``{"withheld": word}``, or the integers of `fedcredit_models.gain.Gain.told` with
        ``choice``: ``kind`` and ``weight`` of the personal model.

    Disclosure
    ----------
    The figures, rounded to four decimals and counts to tens, go to the requester; a hold-out below
    the cell rules of the policy gives none.
    """
    if not tells:
        return {"withheld": "party"}
    if rows.abstains:
        return {"withheld": "abstains"}
    joint, task = joint_model(course), course.task
    if joint is None:
        return {"withheld": "no_model"}
    held = rows.sample == "holdout"
    bads = int(rows.y[held].sum())
    if task.policy.cells.broken(bads, int(held.sum()) - bads) is not None:
        return {"withheld": "small"}
    names = [feature.name for feature in task.features]
    schema = Schema(features=task.features, label=task.label)
    train = rows.frame[rows.train][names]
    y = rows.y[rows.train]
    local = None
    if min(int(y.sum()), int((1 - y).sum())) >= LEAST:
        local, _ = alone.fitted(alone.unfitted(joint), train, y, schema)
    personal = Personal.fit(joint, train, y, local=local, schema=schema, joint_rows=course.n_train)
    frame = rows.frame[held][names]
    models = {"local": local, "joint": joint, "personal": personal}
    scores = {
        name: np.asarray(model.decision_function(frame))
        for name, model in models.items()
        if model is not None
    }
    found = gain(scores, rows.y[held], cells=task.policy.cells)
    if found is None:
        return {"withheld": "small"}
    choice = personal.choice
    return found.told() | {
        "choice": {"kind": choice.kind, "weight": round(choice.weight * NANO)},
    }
