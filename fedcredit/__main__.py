"""``python -m fedcredit``: the command line."""

import sys

from fedcredit.cli import main

if __name__ == "__main__":
    sys.exit(main())
