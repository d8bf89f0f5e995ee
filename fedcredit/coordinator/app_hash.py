"""The hash of the coordinator's Flower app, which every party pins.

Flower bundles a folder into a *FAB* (a zip with fixed dates, sorted names and no compression) and
names a run's app by the bundle's SHA-256. The bundle is the same on every machine with the same
release of Flower and FedCredit.
"""

import hashlib
import warnings
from pathlib import Path

from flwr.cli.build import build_fab_from_disk

APP = Path(__file__).parent / "app"
"""Folder of the coordinator's app."""


def bundle(app_folder: Path) -> bytes:
    """Return Flower's bundle of an app folder."""
    with warnings.catch_warnings():
        # Flower names its patterns by a word that pathspec has since renamed.
        warnings.filterwarnings("ignore", "GitWildMatchPattern", DeprecationWarning)
        return build_fab_from_disk(app_folder)


def fab_hash(app_folder: Path) -> str:
    """Return the SHA-256 (hex) by which Flower names the app in `app_folder`."""
    return hashlib.sha256(bundle(app_folder)).hexdigest()
