"""A FedCredit command on a machine whose clock is off: ``python clock_off.py MINUTES COMMAND...``.

The program's one clock is moved before anything else is imported; the rest is the real command.
"""

import sys
from datetime import timedelta

from fedcredit_parties import member

MINUTES = int(sys.argv.pop(1))
true_now = member.utc_now


def utc_now():
    """Return the time that this machine believes in."""
    return true_now() + timedelta(minutes=MINUTES)


member.utc_now = utc_now

if __name__ == "__main__":
    from fedcredit.cli import app

    app()
