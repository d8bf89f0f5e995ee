"""Which code computes: the digest that proposals carry and parties compare with their own.

No code travels in FedCredit. What travels is this digest over the installed sources that decide
what is summed, released and admitted; a party with other sources declines the run.
"""

import hashlib
from functools import cache
from importlib import resources

from fedcredit_ledger.canonical import encode

PACKAGES = ("fedcredit_ledger", "fedcredit_models", "fedcredit_parties")


@cache
def code_digest() -> str:
    """Return the SHA-256 (hex) over the Python sources of the three lower rooms."""
    found = []
    for package in PACKAGES:
        for file in resources.files(package).iterdir():
            if file.name.endswith(".py"):
                found.append([package, file.name, hashlib.sha256(file.read_bytes()).hexdigest()])
    return hashlib.sha256(encode(["fedcredit-code/v1", *sorted(found)])).hexdigest()
