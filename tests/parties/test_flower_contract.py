"""What FedCredit uses of Flower's inside is there, in the one release it was written against.

Written against Flower 1.41.0. When this fails after an upgrade, read the diff of every file named
below before the number is changed.
"""

import ast
import asyncio
import importlib
import inspect
from importlib.metadata import version
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.common.constant import ErrorCode
from flwr.server.superlink.linkstate import LinkStateFactory
from flwr.supercore.constant import (
    FLEET_HTTP_PUBLIC_KEY_HEADER,
    FLEET_HTTP_SIGNATURE_HEADER,
    FLWR_IN_MEMORY_DB_NAME,
)
from flwr.supercore.inflatable import inflatable_utils
from flwr.supercore.object_store import ObjectStoreFactory
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.superlink import main as superlink_main
from flwr.superlink.federation import NoOpFederationManager
from flwr.superlink.grid import http_grid
from flwr.supernode.fleet_http_client import FleetHttpClient
from starlette.middleware import Middleware

from fedcredit.coordinator.superlink_process import each_on_its_paths
from fedcredit_parties import flower_node

ROOT = Path(__file__).parents[2]
PUBLIC = {"flwr.app", "flwr.clientapp", "flwr.serverapp"}
PARTIES = sorted((ROOT / "parties").rglob("*.py"))
COORDINATOR = sorted((ROOT / "fedcredit").rglob("*.py"))


def private_names(path):
    """Return (module, name) of everything a file imports from Flower's inside."""
    return {
        (node.module, alias.name)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and node.module is not None
        and node.module.split(".")[0] == "flwr"
        and node.module not in PUBLIC
        for alias in node.names
    }


USED = sorted({used for path in PARTIES + COORDINATOR for used in private_names(path)})


def test_the_installed_flower_is_the_one_that_was_read():
    assert version("flwr") == flower_node.FLOWER_VERSION == "1.41.0"


def test_the_pinned_flower_is_the_one_that_was_read():
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()

    assert f"flwr=={flower_node.FLOWER_VERSION}" in pins


def test_in_the_parties_room_one_file_knows_flowers_inside():
    knowing = {path.name for path in PARTIES if private_names(path)}

    assert knowing == {"flower_node.py"}


@pytest.mark.parametrize(("module", "name"), USED, ids=".".join)
def test_a_private_name_is_where_it_is_imported_from(module, name):
    assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (
            inflatable_utils.pull_objects,
            {
                "object_ids",
                "pull_object_fn",
                "max_time",
                "max_tries_per_object",
                "initial_backoff",
                "backoff_cap",
            },
        ),
        (
            inflatable_utils.push_objects,
            {"objects", "push_object_fn", "object_ids_to_push"},
        ),
        (inflatable_utils.inflate_object_from_contents, {"object_id", "object_contents"}),
        (FleetHttpClient.__init__, {"base_url", "interceptors", "verify"}),
        (FleetHttpClient._send, {"context", "stream"}),
    ],
    ids=lambda x: getattr(x, "__qualname__", ""),
)
def test_a_private_function_takes_what_it_is_given(function, parameters):
    assert parameters <= set(inspect.signature(function).parameters)


def test_the_grids_back_off_is_the_default_that_the_coordinator_shortens():
    assert http_grid.pull_objects is inflatable_utils.pull_objects
    assert "initial_backoff" in inflatable_utils.pull_objects.__kwdefaults__


def test_every_call_of_a_node_goes_below_the_path_that_the_front_forwards(monkeypatch):
    paths = []
    monkeypatch.setattr(
        FleetHttpClient, "_unary_unary", lambda self, *, path, **other: paths.append(path)
    )
    client = FleetHttpClient("https://127.0.0.1:1")
    used = ["ActivateNode", "DeactivateNode", "SendNodeHeartbeat", "PullMessages", "GetRun"]
    used += ["PullObject", "ConfirmMessageReceived", "PushMessages", "PushObject"]

    for name in used:
        getattr(client, name)(None)
    client.close()

    assert len(paths) == len(used)
    assert all(path.startswith("/v1/fleet/") for path in paths)


def test_the_front_must_hand_on_these_headers():
    assert (FLEET_HTTP_PUBLIC_KEY_HEADER, FLEET_HTTP_SIGNATURE_HEADER) == (
        "flwr-public-key",
        "flwr-signature",
    )


def test_the_error_codes_are_flowers():
    assert flower_node.HANDLER_RAISED == ErrorCode.CLIENT_APP_RAISED_EXCEPTION
    assert flower_node.APP_REFUSED == ErrorCode.INVALID_FAB
    assert flower_node.NO_HANDLER == ErrorCode.UNKNOWN


def test_a_heartbeat_takes_a_place_back_where_a_second_activation_is_refused():
    state = LinkStateFactory(
        FLWR_IN_MEMORY_DB_NAME, NoOpFederationManager(), ObjectStoreFactory()
    ).state()
    key = public_key_to_bytes(ec.generate_private_key(ec.SECP384R1()).public_key())
    node = state.create_node("flwr-aid", "name", key, 30)

    assert state.activate_node(node, 30)
    assert not state.activate_node(node, 30)
    assert state.acknowledge_node_heartbeat(node, 30)
    assert state.deactivate_node(node)
    assert state.acknowledge_node_heartbeat(node, 30)
    assert not state.acknowledge_node_heartbeat(node + 1, 30)


def test_every_layer_of_the_superlink_is_one_that_was_read():
    layers = [layer.cls.__name__ for layer in superlink_main._get_middleware()]

    assert layers == [
        "ControlSensitiveResponseMiddleware",
        "BaseHTTPMiddleware",  # http_error_translator
        "ControlAuthenticationMiddleware",
        "ControlLicenseMiddleware",
        "ProtobufTranslationMiddleware",
        "RuntimeTracingMiddleware",
        "ControlEventLogMiddleware",
        "NodeAuthMiddleware",
        "FleetEventLogMiddleware",
    ]


@pytest.mark.parametrize("path", ["/v1/fleet/pull-messages", "/V1/fleet/x", "/v1/control/y", "/z"])
def test_a_layer_is_left_out_only_where_it_would_pass_on(path):
    passed = asyncio.run(layers_passed(path))

    assert ("NodeAuthMiddleware" in passed) == path.lower().startswith("/v1/fleet/")
    assert ("ControlAuthenticationMiddleware" in passed) == path.startswith("/v1/control/")
    assert {"BaseHTTPMiddleware", "ProtobufTranslationMiddleware"} <= set(passed)


async def layers_passed(path):
    """Return which of Flower's layers a call of this path goes through, in order."""
    passed = []

    def recording(name):
        class Recording:
            def __init__(self, app, **options):
                self.app = app

            async def __call__(self, scope, receive, send):
                passed.append(name)
                await self.app(scope, receive, send)

        Recording.__name__ = name
        return Middleware(Recording)

    async def app(scope, receive, send):
        return None

    names = [layer.cls.__name__ for layer in superlink_main._get_middleware()]
    for layer in reversed(each_on_its_paths([recording(name) for name in names])):
        app = layer.cls(app, *layer.args, **layer.kwargs)
    await app({"type": "http", "path": path}, None, None)
    return passed
