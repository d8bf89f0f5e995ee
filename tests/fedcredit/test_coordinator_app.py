"""The coordinator's Flower app: one hash everywhere, and a door to the installed package."""

import hashlib
import io
import shutil
import sys
import threading
import time
import types
import zipfile

import pytest
from flwr.app import Context, RecordDict
from flwr.supercore.inflatable.inflatable_utils import (
    ObjectPullError,
    ObjectUnavailableError,
    pull_objects,
)

from fedcredit.coordinator import server_app
from fedcredit.coordinator.app_hash import APP, bundle, fab_hash


def test_the_hash_is_the_same_each_time_and_in_another_folder(tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(APP, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "left.pyc").write_bytes(b"compiled")

    assert fab_hash(APP) == fab_hash(APP) == fab_hash(copy)


def test_one_changed_letter_is_another_hash(tmp_path):
    copy = tmp_path / "app"
    shutil.copytree(APP, copy)
    module = copy / "fedcredit_app.py"
    module.write_text(module.read_text("utf-8") + "#", "utf-8")

    assert fab_hash(copy) != fab_hash(APP)


def test_the_hash_is_that_of_flowers_bundle():
    assert fab_hash(APP) == hashlib.sha256(bundle(APP)).hexdigest()


def test_the_bundle_holds_two_files_and_no_true_date():
    with zipfile.ZipFile(io.BytesIO(bundle(APP))) as files:
        infos = files.infolist()

    names = [info.filename for info in infos]
    assert names == ["pyproject.toml", "fedcredit_app.py", ".info/CONTENT"]
    assert {info.date_time[:3] for info in infos} == {(2024, 10, 1)}


class Served:
    """What the ServerApp builds, reduced to what it must call."""

    def __init__(self, runs):
        self.told = []
        self.member = self
        self.ledger = self
        self.state = types.SimpleNamespace(runs=runs)

    def start(self):
        self.told.append("start")

    def ask_to_stop(self):
        self.told.append("asked to stop")

    def carry_out(self, run, stop):
        assert isinstance(stop, threading.Event) and not stop.is_set()
        self.told.append(run)

    def stop(self):
        self.told.append("stop")

    def close(self):
        self.told.append("close")


@pytest.fixture
def deployment(monkeypatch):
    """Put a stub where the coordinator is built."""
    for name, value in {"initial_backoff": 1, "max_time": 7200, "backoff_cap": 10}.items():
        monkeypatch.setitem(pull_objects.__kwdefaults__, name, value)
    served = Served({"run-1": "the run"})
    stub = types.ModuleType("fedcredit.coordinator.deployment")
    stub.coordinator = lambda path, grid: served.told.append((str(path), grid)) or served
    stub.take_over = lambda path, run_id: served.told.append(f"take over {run_id}")
    monkeypatch.setitem(sys.modules, "fedcredit.coordinator.deployment", stub)
    return served


def context(run):
    config = {"run-id": run, "config-file": "/there/coordinator.toml"}
    return Context(run_id=1, node_id=1, node_config={}, state=RecordDict(), run_config=config)


def test_the_server_app_carries_out_the_run_it_is_told(deployment):
    server_app.app(grid="the grid", context=context("run-1"))

    assert deployment.told == [
        "take over run-1",
        ("/there/coordinator.toml", "the grid"),
        "start",
        "the run",
        "stop",
        "close",
    ]
    assert pull_objects.__kwdefaults__["initial_backoff"] == server_app.PULL_BACKOFF_S
    assert pull_objects.__kwdefaults__["max_time"] == server_app.PULL_S


def test_a_reply_whose_objects_never_come_holds_up_the_grid_for_seconds(deployment, monkeypatch):
    monkeypatch.setattr(server_app, "PULL_S", 0.3)
    server_app.answer_promptly()
    began = time.monotonic()

    def never(object_id):
        raise ObjectUnavailableError(object_id)

    with pytest.raises(ObjectPullError):
        pull_objects(["a"], never)
    assert time.monotonic() - began < 2.0


def test_the_server_app_closes_what_it_built_when_the_run_is_unknown(deployment):
    with pytest.raises(KeyError):
        server_app.app(grid="the grid", context=context("run-2"))

    assert deployment.told[-2:] == ["stop", "close"]
