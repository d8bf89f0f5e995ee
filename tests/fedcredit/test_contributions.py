"""What each party gains by trees and networks: its own model has the settings of the run."""

import pytest

import fedcredit as fc
from tests.simulated import bank_frames, small_federation, small_job


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(lambda: fc.Gbdt(n_trees=2, max_depth=2), id="gbdt"),
        pytest.param(lambda: fc.Mlp(hidden=(8,), rounds=12), id="network", marks=pytest.mark.long),
    ],
)
def test_every_kind_of_model_has_gains(model):
    with small_federation(bank_frames(n_rows=500)) as federation:
        job = small_job(model=model(), gains=True, encryption="narrow", run_deadline_s=200)
        gains = fc.contribution(federation.run(job))

    assert gains.index.tolist() == ["bank-0", "bank-1", "bank-2"]
    assert gains["told"].all()
    assert gains["choice"].isin(["joint", "alone", "mixture"]).all()
    assert (gains["auc_personal"] > 0.6).all()
    assert (gains["gain_personal_high"] >= 0).all()  # nobody is worse off by more than chance
