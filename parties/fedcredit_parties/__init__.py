"""What runs inside an organisation, and what organisations say to each other.

A data holder answers sums on its rows, the key holder opens them, every member verifies its own
copy of the ledger. See README.md in this room for which file is for what.
"""
