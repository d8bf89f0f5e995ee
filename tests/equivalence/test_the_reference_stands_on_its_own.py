"""The reference shares nothing with what it judges, and can itself be judged."""

import ast
import hmac
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

import fedcredit as fc
from tests.equivalence import credit_data, reference
from tests.equivalence.credit_data import LABEL, SAMPLE
from tests.equivalence.reference import DEFAULT, Column, Rules


def test_the_reference_imports_nothing_of_fedcredit() -> None:
    source = Path(reference.__file__).read_text(encoding="utf-8")
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).partition(".")[0])

    assert {"numpy", "pandas", "scipy"} <= imported
    assert not any("fedcredit" in name or name in ("models", "parties") for name in imported)


def test_its_fit_is_scikit_learns_where_there_are_no_signs() -> None:
    random = np.random.default_rng(11)
    X = random.normal(size=(500, 3))
    y = (X @ [1.0, -0.5, 0.0] + random.logistic(size=500) > 0.7).astype(np.int64)

    beta, _ = reference.logistic(X, y, l2=1.0, signs=False)

    sklearn = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(X, y)
    assert_allclose(beta, [sklearn.intercept_[0], *sklearn.coef_[0]], atol=1e-6)


def test_it_merges_a_table_as_one_does_by_hand() -> None:
    # Bad rates 10 %, 30 %, 20 %, 60 %: monotone bins must join the second and the third.
    rules = Rules(min_bin=0.0)

    found = reference.partition([10, 30, 20, 60], [90, 70, 80, 40], [], rules)

    assert found == [range(0, 1), range(1, 3), range(3, 4)]


def test_its_edges_are_grid_values_at_the_quantiles() -> None:
    # 1..100 on a grid of whole numbers: 5 %, 10 %, .. of the rows lie at or below 5, 10, ..
    column = Column(name="x", kind="numeric", lower=0.0, upper=2046.0)

    found = reference.quantile_edges(column, np.arange(1.0, 101.0))

    assert found == [float(k) for k in range(5, 100, 5)]


def test_without_a_split_column_the_hold_out_is_the_keyed_hash_of_the_row() -> None:
    seed = 7
    data = credit_data.load("demo")
    frame = data.frame.drop(columns=SAMPLE)
    parts = {name: part.drop(columns=SAMPLE) for name, part in data.parts(data.recipe.rule).items()}

    with fc.Federation.simulate(parts, seed=seed, quiet=True) as federation:
        declared = [Column(**_plain(f.to_dict())) for f in federation.features if f.name != LABEL]
        result = federation.run(
            fc.HorizontalJob(purpose="modelling", label=LABEL, holdout=0.3, run_deadline_s=240)
        )

    # The key of a simulation: HMAC-SHA256("fedcredit-simulation/v1", "split <seed>").
    key = hmac.digest(b"fedcredit-simulation/v1", f"split {seed}".encode(), "sha256")
    held = reference.held_out(frame, declared, share=0.3, key=key)
    card = reference.fit(frame[~held], declared, LABEL, DEFAULT)
    assert result.metrics["holdout"]["n"] == held.sum()
    assert [t.bads for t in result.model.tables_] == [b.bads for b in card.bins]
    assert_allclose([result.model.intercept_, *result.model.coef_], card.beta, rtol=0, atol=1e-6)


def _plain(feature: dict[str, object]) -> dict[str, object]:
    parts = {key: value for key, value in feature.items() if key != "unit"}
    return {k: tuple(v) if isinstance(v, list) else v for k, v in parts.items()}
