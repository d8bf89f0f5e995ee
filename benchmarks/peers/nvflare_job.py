"""Runs in NVFlare's own environment: federated averaging with its CKKS filters.

``python nvflare_job.py DATA ROUNDS N_NUMBERS SITE`` provisions a server and three sites on this
machine with their encryption contexts (its proof-of-concept mode: real processes, mutual TLS) and
runs one job; the server's log tells when each round began. The parts of the job are those of
NVFlare's own recipe ``FedAvgRecipeWithHE``, with numpy in the place of PyTorch.
"""

import sys
from pathlib import Path

from nvflare import FedJob
from nvflare.apis.dxo import DataKind
from nvflare.app_common.workflows.scatter_and_gather import ScatterAndGather
from nvflare.app_opt.he.intime_accumulate_model_aggregator import (
    HEInTimeAccumulateWeightedAggregator,
)
from nvflare.app_opt.he.model_decryptor import HEModelDecryptor
from nvflare.app_opt.he.model_encryptor import HEModelEncryptor
from nvflare.app_opt.he.model_shareable_generator import HEModelShareableGenerator
from nvflare.client.config import ExchangeFormat, TransferType
from nvflare.job_config.defs import FilterType
from nvflare.job_config.script_runner import FrameworkType, ScriptRunner
from nvflare.recipe.poc_env import PocEnv
from nvflare.recipe.spec import Recipe
from nvflare_start import First

SITES = 3
RESULT_S = 240.0
HERE = Path(__file__).parent


def job(data: str, rounds: int, n_numbers: int, site: str) -> FedJob:
    """Return the job: scatter, encrypt, average, gather."""
    job = FedJob(name="averaging_he", min_clients=SITES)
    job.to_server(First(data, n_numbers), id="persistor")
    job.to_server(HEModelShareableGenerator(), id="shareable_generator")
    aggregator = HEInTimeAccumulateWeightedAggregator(
        expected_data_kind=DataKind.WEIGHTS, weigh_by_local_iter=False
    )
    job.to_server(aggregator, id="aggregator")
    job.to_server(
        ScatterAndGather(
            min_clients=SITES,
            num_rounds=rounds,
            wait_time_after_min_received=0,
            aggregator_id="aggregator",
            persistor_id="persistor",
            shareable_generator_id="shareable_generator",
        )
    )
    runner = ScriptRunner(
        script=str(HERE / site),
        script_args=data,
        framework=FrameworkType.NUMPY,
        server_expected_format=ExchangeFormat.NUMPY,
        params_transfer_type=TransferType.FULL,
    )
    job.to_clients(runner)
    job.to_clients(HEModelDecryptor(), tasks=["train"], filter_type=FilterType.TASK_DATA)
    job.to_clients(HEModelEncryptor(), tasks=["train"], filter_type=FilterType.TASK_RESULT)
    return job


def main() -> None:
    """Provision, run, wait for the result, stop."""
    data, rounds, n_numbers, site = sys.argv[1:]
    environment = PocEnv(num_clients=SITES, use_he=True)
    try:
        run = Recipe(job(data, int(rounds), int(n_numbers), site)).execute(environment)
        run.get_result(timeout=RESULT_S, clean_up=False)
    finally:
        environment.stop()


if __name__ == "__main__":
    main()
