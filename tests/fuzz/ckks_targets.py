"""Ciphertexts and contexts, through our parser and the child process that loads them."""

import random

import numpy as np

from fedcredit_parties.ciphertext_format import check_ciphertext, check_public_context
from fedcredit_parties.ckks import NARROW, WIDE, Engine, Parameters
from tests.fuzz.ciphertexts import STRUCTURED, Parts, blind
from tests.fuzz.harness import Target


def ckks_targets(engine: Engine) -> list[Target]:
    """Return the targets of the encryption; `engine` owns the child process."""
    keys = {parameters.name: engine.new_keys(parameters) for parameters in (NARROW, WIDE)}

    def encrypted(parameters: Parameters) -> bytes:
        numbers = np.random.default_rng(1).integers(0, 1 << 34, parameters.slots)
        (blob,) = engine.encrypt(parameters, keys[parameters.name].public, numbers)
        return blob

    honest = {parameters.name: encrypted(parameters) for parameters in (NARROW, WIDE)}
    parts = Parts(NARROW, honest["narrow"])
    process_id = engine.process_id

    def ciphertext(rng: random.Random) -> tuple[Parameters, bytes]:
        if rng.random() < 0.5:
            return NARROW, rng.choice(STRUCTURED)(rng, parts)
        parameters = rng.choice((NARROW, WIDE))
        return parameters, blind(rng, honest[parameters.name])

    def add(sent: tuple[Parameters, bytes]) -> None:
        parameters, mutant = sent
        contributions = {"bank-a": (honest[parameters.name],), "bank-b": (mutant,)}
        public = keys[parameters.name].public
        engine.add(parameters, public, contributions, length=parameters.slots)

    def context(rng: random.Random) -> tuple[Parameters, bytes]:
        parameters = rng.choice((NARROW, WIDE))
        return parameters, blind(rng, keys[parameters.name].public)

    def encrypt(sent: tuple[Parameters, bytes]) -> None:
        engine.encrypt(sent[0], sent[1], np.zeros(3, dtype=np.int64))

    def check() -> None:
        assert engine.process_id == process_id, "the process that reads ciphertexts has died"

    return [
        Target(
            name="ciphertext parser",
            mutant=ciphertext,
            feed=lambda sent: _done(check_ciphertext(sent[1], sent[0].layout, party="bank-b")),
            weight=20,
        ),
        Target(name="ciphertexts, added", mutant=ciphertext, feed=add, weight=20, check=check),
        Target(
            name="context parser",
            mutant=context,
            feed=lambda sent: _done(check_public_context(sent[1], sent[0].layout)),
        ),
        Target(name="contexts, used", mutant=context, feed=encrypt, weight=5, check=check),
    ]


def _done(_: object) -> None:
    return None
