"""A witness that is no member of a federation: a regulator, a notary, a court."""
