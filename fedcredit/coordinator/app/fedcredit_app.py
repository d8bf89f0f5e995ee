"""What Flower loads: the installed coordinator; as a client, nothing that answers."""

from fedcredit.coordinator.server_app import app, client

__all__ = ["app", "client"]
