"""``flower-superlink``, ending with the process that started it, each check where it applies.

The coordinator starts this as a program: ``python superlink_process.py PARENT_ID OPTIONS``.
Flower's other programs have such a watch of their own; without one here, a coordinator that was
killed would find its port taken by its own SuperLink when it starts again.

Flower wraps every call in nine layers, most of which look at the path, find that it is not theirs
and pass on, for a quarter of a millisecond each; at fifteen parties the SuperLink is what a round
waits for. Here a layer that is made for some paths stands in front of those paths only. No layer is
taken from the paths that it is for; `tests/parties/test_flower_contract.py` names them all.

References
----------
Flower 1.41.0, ``flwr.superlink.main._get_middleware``.
"""

import os
import sys
import threading
import time

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

LOOK_S = 0.25

PREFIXES = {
    "ControlSensitiveResponseMiddleware": "/v1/control/",
    "ControlAuthenticationMiddleware": "/v1/control/",
    "ControlLicenseMiddleware": "/v1/control/",
    "ControlEventLogMiddleware": "/v1/control/",
    "RuntimeTracingMiddleware": "/v1/runtime/",
    "NodeAuthMiddleware": "/v1/fleet/",
    "FleetEventLogMiddleware": "/v1/fleet/",
}
"""Flower's layers that ask for a path of their own; every other layer stays in front of all."""


class OnPaths:
    """A layer in front of the paths that begin with `prefix`; other calls go past it.

    Parameters
    ----------
    app : ASGIApp
        What the layer stands before.
    layer : Middleware
        Flower's.
    prefix : str
        Of the paths it is for.
    """

    def __init__(self, app: ASGIApp, layer: Middleware, prefix: str) -> None:
        self._past = app
        self._through = layer.cls(app, *layer.args, **layer.kwargs)
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call through the layer or past it."""
        # A path that is compared after decoding by one and before it by another would get past.
        path = scope.get("path", self._prefix)
        app = self._through if path.lower().startswith(self._prefix) else self._past
        await app(scope, receive, send)


def each_on_its_paths(layers: list[Middleware]) -> list[Middleware]:
    """Return Flower's layers in their order, those with a path of their own on it alone."""
    return [
        layer
        if (prefix := PREFIXES.get(getattr(layer.cls, "__name__", ""))) is None
        else Middleware(OnPaths, layer=layer, prefix=prefix)
        for layer in layers
    ]


def end_with(parent: int) -> None:
    """End this process, at once, when `parent` is not its parent any more."""
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)


def main() -> None:
    """Run Flower's program with the options after the parent's id."""
    parent = int(sys.argv.pop(1))
    threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    from flwr.superlink import main as superlink
    from flwr.superlink.cli.flower_superlink import flower_superlink

    stock = superlink._get_middleware
    superlink._get_middleware = lambda: each_on_its_paths(stock())
    flower_superlink()


if __name__ == "__main__":
    main()
