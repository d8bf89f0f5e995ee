"""The ledger of a federation: what happened, in an order nobody can change later.

Parties sign entries; one sequencer puts them in order; witnesses co-sign the head. Anyone can check
a copy without trusting any of them. README.md tells the story, SPEC.md fixes every byte.

This package needs nothing but the standard library and ``cryptography``.
"""
