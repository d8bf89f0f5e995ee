"""Only integers that passed the policy leave the key holder, and never the rounding distance.

Three gates are attacked one by one: the type of what a release function returns, the cell rules,
and the opener's silence about how far a sum was from integers. The weak variants are a release of
real numbers, from which the noise of a ciphertext can be read, and a merge that forgot a rule.
"""

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import tenseal as ts

import fedcredit as fc
from fedcredit_ledger.canonical import decode
from fedcredit_models import binning
from fedcredit_parties import key_holder as key_holder_module
from fedcredit_parties import release as release_module
from fedcredit_parties.ckks import WIDE, Engine
from fedcredit_parties.errors import PrecisionError, SmallCellError
from tests.simulated import bank_frames, entries, newest_run, parts, small_federation, small_job


@pytest.fixture(scope="module")
def documents(federation: fc.Federation) -> list[dict[str, Any]]:
    """Return every document that one run released."""
    found: list[dict[str, Any]] = []
    honest = key_holder_module.release

    def release(course: Any, sums: Any, memory: Any) -> dict[str, Any]:
        found.append(honest(course, sums, memory))
        return found[-1]

    patch = pytest.MonkeyPatch()
    patch.setattr(key_holder_module, "release", release)
    federation.run(small_job())
    patch.undo()
    return found


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


def test_every_released_value_is_a_python_integer_or_a_word(
    documents: list[dict[str, Any]],
) -> None:
    leaves = [leaf for document in documents for leaf in _leaves(document)]

    assert len(leaves) > 100
    assert {type(leaf) for leaf in leaves} <= {int, str, bool}
    words = {leaf for leaf in leaves if type(leaf) is str}
    assert words <= {"quantiles", "bins", "newton", "metrics", "continue", "converged", "done"}


def test_no_computed_number_stands_in_the_ledger(
    federation: fc.Federation, documents: list[dict[str, Any]]
) -> None:
    """Whoever reads the ledger, the coordinator first of all, reads digests and outcomes."""
    (registered,) = entries(federation, "model-registered")

    assert set(registered.data) == {"model_id", "version", "model_digest", "card_digest", "run_id"}
    numbers = {
        str(leaf) for d in documents for leaf in _leaves(d["values"]) if abs(int(leaf)) > 10**6
    }
    told = " ".join(entry.text().decode() for entry in entries(federation))
    assert len(numbers) > 20
    assert [number for number in numbers if number in told] == []


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        1.0,
        np.float64(2.0),
        np.int64(3),
        np.array([1]),
        Decimal(1),
        Fraction(1, 2),
        None,
        b"1",
        1j,
        math.nan,
        {1},
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_but_an_integer_stops_the_release(value: Any) -> None:
    for nested in (value, [value], {"a": [{"b": value}]}):
        with pytest.raises(TypeError, match="integers only"):
            release_module._only_integers(nested)


def test_the_ledger_says_healthy_and_not_how_healthy(
    federation: fc.Federation, documents: list[dict[str, Any]]
) -> None:
    opened = entries(federation, "round-opened")

    assert len(opened) == len(documents)
    for entry in opened:
        assert entry.data["healthy"] is True
        assert set(entry.data) == {
            "run_id",
            "round",
            "aggregated",
            "aggregate_digest",
            "n_parties",
            "phase",
            "group",
            "healthy",
            "rules_passed",
            "outcome",
            "commits",
        }
        assert set(entry.data["commits"]) == {"result"}


def test_an_unhealthy_sum_is_refused_without_a_number(engine: Engine) -> None:
    keys = engine.new_keys(WIDE)
    context = ts.context_from(keys.public)
    for distance in (0.26, 0.3, 0.49):
        off = ts.ckks_vector(context, [distance] + [0.0] * (WIDE.slots - 1), scale=2.0**40)

        with pytest.raises(PrecisionError) as refused:
            engine.open(WIDE, keys.secret, (off.serialize(),), length=4, n_parties=3)

        said = " ".join([*map(str, refused.value.args), refused.value.diagnostics()])
        assert re.findall(r"\d*\.\d+", said) == []


def test_what_a_contributor_adds_below_the_threshold_changes_nothing_that_is_returned(
    engine: Engine,
) -> None:
    """The oracle of Li and Micciancio has no answer to read: integers in, integers out."""
    keys = engine.new_keys(WIDE)
    context = ts.context_from(keys.public)

    def opened(nudge: float) -> Any:
        values = [7.0 + nudge, 1.0 - nudge] + [0.0] * (WIDE.slots - 2)
        blob = ts.ckks_vector(context, values, scale=2.0**40).serialize()
        return engine.open(WIDE, keys.secret, (blob,), length=4, n_parties=3)

    answers = [opened(nudge) for nudge in (0.0, 0.01, 0.1, 0.2)]

    assert all(a.dtype == np.int64 and a.tolist() == [7, 1, 0, 0] for a in answers)


def test_an_opener_that_publishes_the_distance_answers_the_contributor(engine: Engine) -> None:
    """The weak variant: the published figure follows what the contributor added."""
    keys = engine.new_keys(WIDE)
    public, secret = ts.context_from(keys.public), ts.context_from(keys.secret)

    def published(nudge: float) -> float:
        values = [7.0 + nudge] + [0.0] * (WIDE.slots - 1)
        blob = ts.ckks_vector(public, values, scale=2.0**40).serialize()
        raw = np.array(ts.ckks_vector_from(secret, blob).decrypt())
        return float(np.abs(raw - np.rint(raw)).max())

    read = [published(nudge) for nudge in (0.05, 0.1, 0.2)]

    assert np.allclose(read, [0.05, 0.1, 0.2], atol=0.01)


def test_a_merge_that_forgot_the_cell_rules_is_stopped_by_the_policy(
    federation: fc.Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every raw cell becomes a bin: the policy is applied after the function, independently."""

    def merge(raw: Any, bads: Any, goods: Any, rules: Any) -> tuple[int, ...]:
        return tuple(range(raw.n))

    monkeypatch.setattr(binning, "merge", merge)
    with pytest.raises(SmallCellError) as refused:
        federation.run(small_job())

    run = newest_run(federation)
    rule = entries(federation, "opening-refused")[-1].data["rule"]
    assert (run.failure, rule) == ("SmallCellError", "SmallCellError")
    assert len(run.opened) == 1
    assert re.findall(r"found.*\d", str(refused.value)) == []


def test_every_released_cell_keeps_to_a_stricter_policy() -> None:
    policy = fc.DisclosurePolicy(min_subjects=60, min_bads=25, min_goods=25)
    with small_federation(bank_frames(n_rows=300), policy=policy) as federation:
        result = federation.run(small_job())

        table = result.model.table()
        assert len(table) > 2
        assert table["n"].min() >= 60
        assert table["bads"].min() >= 25
        assert (table["n"] - table["bads"]).min() >= 25
        for sample in ("train", "holdout"):
            for band in result.file.metrics[sample].model_dump().get("bands") or []:
                assert band["n"] >= 60 and band["bads"] >= 25 and band["n"] - band["bads"] >= 25


def test_the_opened_sums_are_kept_nowhere(
    federation: fc.Federation, documents: list[dict[str, Any]]
) -> None:
    """Gradients and histograms die with the call: the vault holds releases, and a ledger head.

    Beside them stand the public keys of those who have been sent the split key.
    """
    key_holder = parts(federation).key_holder
    vault = key_holder._vault

    kept = {name.split(".")[0] for name in vault.names("")}
    assert kept <= {"head", "key", "release", "split-key-sent-to"}
    parties = parts(federation).log.state.parties
    holders = {parties[name].mask_key for name in parts(federation).holders}
    assert set(decode(vault.get("split-key-sent-to"))) == holders
    assert set(decode(vault.get("head"))) == {"root", "size"}
    for value in vars(key_holder).values():
        assert not isinstance(value, np.ndarray)
