"""The child process in which TenSEAL runs: ``python -m fedcredit_parties.ckks_child``.

The native library is given foreign bytes only here, where a crash, an endless loop or a memory
bomb costs one process with limits instead of a member of the federation. The parent is
`fedcredit_parties.ckks.Engine`, which has parsed the bytes before. Here, before loading, the
description inside an object is compared with that of an object of our own; after loading, what only
the library can see (size, level, scale, transparency) is checked.

One request, one answer, over a socket that is both standard input and standard output. A frame is
the number of its parts, their lengths, their bytes; nothing is pickled. The first part of a request
is its word, the first part of an answer is ``ok`` or ``error``. When the parent is gone, so is the
child.
"""

import json
import os
import resource
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fedcredit_parties.ciphertext_format import (
    DESCRIPTION_BYTES,
    Layout,
    check_ciphertext,
    check_public_context,
)
from fedcredit_parties.errors import (
    ContextMismatchError,
    MalformedMessageError,
    PartyError,
    PrecisionError,
)

FRAME_LIMIT = 1 << 30
MAX_PARTS = 4096

FATAL_DISTANCE = 0.25
"""Farthest that a slot of an honest sum may lie from an integer. The distance is never returned."""

# How errors of the native library arrive in Python.
NATIVE_ERRORS = (
    ArithmeticError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def send(channel: socket.socket, parts: Sequence[bytes]) -> None:
    """Write one frame."""
    head = struct.pack(f"<I{len(parts)}Q", len(parts), *(len(part) for part in parts))
    channel.sendall(head)
    for part in parts:
        channel.sendall(part)


def receive(channel: socket.socket, *, deadline: float | None = None) -> list[bytes]:
    """Read one frame; raise EOFError when the other side is gone, TimeoutError when it is late."""
    (count,) = struct.unpack("<I", _read(channel, 4, deadline))
    if count > MAX_PARTS:
        raise EOFError("not a frame")
    lengths = struct.unpack(f"<{count}Q", _read(channel, 8 * count, deadline))
    if sum(lengths) > FRAME_LIMIT:
        raise EOFError("a frame beyond the limit")
    return [bytes(_read(channel, length, deadline)) for length in lengths]


def _read(channel: socket.socket, length: int, deadline: float | None) -> bytearray:
    found = bytearray(length)
    view = memoryview(found)
    while view:
        if deadline is not None:
            channel.settimeout(max(deadline - time.monotonic(), 1e-3))
        n = channel.recv_into(view)
        if n == 0:
            raise EOFError("the other side is gone")
        view = view[n:]
    return found


@dataclass(frozen=True)
class Own:
    """What objects of one parameter set begin with, read off objects made here.

    Attributes
    ----------
    parameters : bytes
        First field of every context.
    public_key, ciphertext : bytes
        Description inside the frame of every public key and every ciphertext.
    """

    parameters: bytes
    public_key: bytes
    ciphertext: bytes

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> "Own":
        """Make a key and a ciphertext of the set and read them."""
        import tenseal as ts

        layout, context = _layout(parameters), _new_context(parameters)
        public = _serialise(context, secret=False)
        zeros = [0.0] * (parameters["degree"] // 2)
        one = ts.ckks_vector(context, zeros, scale=layout.scale).serialize()
        return cls(
            # Tag, one length byte, blob.
            parameters=public[: 2 + public[1]],
            public_key=_description(check_public_context(public, layout)),
            ciphertext=_description(check_ciphertext(one, layout, party="")),
        )


class Worker:
    """Contexts by digest, and the sum that is being formed."""

    def __init__(self) -> None:
        self._contexts: dict[bytes, Any] = {}
        self._own: dict[bytes, Own] = {}
        self._sum: list[Any] = []

    def answer(self, request: list[bytes]) -> list[bytes]:
        """Do what one request asks."""
        word, *parts = request
        if word == b"keys":
            return self.keys(*parts)
        if word == b"load":
            return self.load(*parts)
        if word == b"drop":
            self._contexts.pop(parts[0], None)
            return []
        parameters, context = json.loads(parts[0]), self._contexts[parts[1]]
        own = self._own[parts[0]]
        if word == b"encrypt":
            return self.encrypt(parameters, context, parts[2])
        if word == b"begin":
            self._sum = []
            return []
        if word == b"add":
            return self.add(parameters, own, context, parts[2:])
        if word == b"sum":
            blobs = [vector.serialize() for vector in self._sum]
            self._sum = []
            return blobs
        if word == b"open":
            return self.open(parameters, own, context, *parts[2:])
        raise ValueError("unknown word")

    def keys(self, parameters: bytes) -> list[bytes]:
        """Make a key pair; return the public context and the secret one."""
        context = _new_context(json.loads(parameters))
        return [_serialise(context, secret=False), _serialise(context, secret=True)]

    def load(self, digest: bytes, parameters: bytes, kind: bytes, data: bytes) -> list[bytes]:
        """Keep a context under its digest, if it is of exactly these parameters."""
        import tenseal as ts

        own = self._own.get(parameters) or Own.of(json.loads(parameters))
        self._own[parameters] = own
        if not data.startswith(own.parameters):
            raise ContextMismatchError(
                "refused", expected="the run's parameter set", found="another one"
            )
        if kind == b"public":
            frame = check_public_context(data, _layout(json.loads(parameters)))
            if _description(frame) != own.public_key:
                raise MalformedMessageError(
                    "refused", expected="a public key of this set", found="another form"
                )
        context = ts.context_from(data, n_threads=1)
        if context.has_secret_key() != (kind == b"secret"):
            raise ContextMismatchError(
                "refused", expected=f"a {kind.decode()} context", found="another kind"
            )
        if context.global_scale != _scale(json.loads(parameters)):
            raise ContextMismatchError(
                "refused", expected="the scale of the parameter set", found="another"
            )
        self._contexts[digest] = context
        return []

    def encrypt(self, parameters: dict[str, Any], context: Any, data: bytes) -> list[bytes]:
        """Encrypt int64 numbers modulo M, one ciphertext per full set of slots."""
        import numpy as np
        import tenseal as ts

        half = 1 << (parameters["modulus_bits"] - 1)
        centred = ((np.frombuffer(data, dtype="<i8") + half) & (2 * half - 1)) - half
        rows = centred.astype(np.float64).reshape(-1, parameters["degree"] // 2)
        scale = _scale(parameters)
        return [ts.ckks_vector(context, row.tolist(), scale=scale).serialize() for row in rows]

    def add(
        self, parameters: dict[str, Any], own: Own, context: Any, blobs: list[bytes]
    ) -> list[bytes]:
        """Add one party's ciphertexts to the sum."""
        vectors = [_load_vector(parameters, own, context, blob) for blob in blobs]
        if self._sum:
            for total, vector in zip(self._sum, vectors, strict=True):
                total.add_(vector)
        else:
            self._sum = vectors
        return []

    def open(
        self,
        parameters: dict[str, Any],
        own: Own,
        context: Any,
        used: bytes,
        limit: bytes,
        *blobs: bytes,
    ) -> list[bytes]:
        """Decrypt, check the health of every slot, return integers modulo M and nothing else.

        `used` is the number of slots that carry data; the others must be zero. `limit` is the
        largest absolute value of an honest sum.
        """
        import numpy as np
        import tenseal.sealapi as seal

        native = context.seal_context().data
        decryptor = seal.Decryptor(native, context.secret_key().data)
        encoder = seal.CKKSEncoder(native)
        slots = np.empty((len(blobs), parameters["degree"] // 2), dtype=np.complex128)
        plain = seal.Plaintext()
        for row, blob in zip(slots, blobs, strict=True):
            vector = _load_vector(parameters, own, context, blob)
            decryptor.decrypt(vector.ciphertext()[0], plain)
            row[:] = np.fromiter(encoder.decode_complex(plain), np.complex128, len(row))
        real = slots.real.ravel()
        nearest = np.rint(real)
        # Written so that a NaN is refused too. Past 2**53 every float is an integer: the limit
        # on the size refuses what the distance cannot see.
        healthy = (
            bool(np.all(np.abs(real - nearest) <= FATAL_DISTANCE))
            and bool(np.all(np.abs(slots.imag) <= FATAL_DISTANCE))
            and bool(np.all(np.abs(nearest) <= int(limit)))
            and not nearest[int(used) :].any()
        )
        if not healthy:
            raise PrecisionError(
                "refused", expected="an integer in every slot", found="a sum that is not exact"
            )
        modulus = 1 << parameters["modulus_bits"]
        return [(nearest[: int(used)].astype("<i8") & (modulus - 1)).tobytes()]


def _scale(parameters: dict[str, Any]) -> float:
    return float(2.0 ** parameters["scale_bits"])


def _new_context(parameters: dict[str, Any]) -> Any:
    import tenseal as ts

    context = ts.context(
        ts.SCHEME_TYPE.CKKS,
        parameters["degree"],
        coeff_mod_bit_sizes=parameters["coeff_bits"],
        n_threads=1,
    )
    context.global_scale = _scale(parameters)
    return context


def _layout(parameters: dict[str, Any]) -> Layout:
    return Layout(
        degree=parameters["degree"],
        n_moduli=len(parameters["coeff_bits"]),
        scale=_scale(parameters),
    )


def _serialise(context: Any, *, secret: bool) -> bytes:
    """Return one half of a key pair; no keys for products or rotations, which nobody needs."""
    return bytes(
        context.serialize(
            save_public_key=not secret,
            save_secret_key=secret,
            save_galois_keys=False,
            save_relin_keys=False,
        )
    )


def _description(frame: bytes) -> bytes:
    """Decompress the beginning of a frame; OSError when it is not one."""
    import pyarrow

    with pyarrow.CompressedInputStream(pyarrow.BufferReader(frame), "zstd") as stream:
        return bytes(stream.read(DESCRIPTION_BYTES))


def _load_vector(parameters: dict[str, Any], own: Own, context: Any, blob: bytes) -> Any:
    """Load one ciphertext: its description first, then what only the library can see."""
    import tenseal as ts

    frame = check_ciphertext(blob, _layout(parameters), party="")
    if _description(frame) != own.ciphertext:
        raise MalformedMessageError(
            "refused", expected="a ciphertext of this set", found="another form"
        )
    vector = ts.ckks_vector_from(context, blob)
    ciphertexts = vector.ciphertext()
    if vector.size() != parameters["degree"] // 2 or len(ciphertexts) != 1:
        raise MalformedMessageError(
            "refused", expected="one full ciphertext", found="another number"
        )
    (ciphertext,) = ciphertexts
    if ciphertext.size() != 2 or not ciphertext.is_ntt_form():
        raise MalformedMessageError("refused", expected="a fresh ciphertext", found="another form")
    if ciphertext.parms_id() != context.seal_context().data.first_parms_id():
        raise MalformedMessageError(
            "refused", expected="a ciphertext at the top level", found="another level"
        )
    if ciphertext.scale != _scale(parameters):
        raise MalformedMessageError(
            "refused", expected="the scale of the parameter set", found="another"
        )
    if ciphertext.is_transparent():
        raise MalformedMessageError(
            "refused", expected="an encrypted number", found="one that hides nothing"
        )
    return vector


def main() -> None:
    """Serve requests until the parent closes the socket."""
    channel = socket.socket(fileno=os.dup(0))
    # Nothing the library prints may fall between the frames.
    with open(os.devnull, "r+b") as nowhere:
        os.dup2(nowhere.fileno(), 0)
        os.dup2(nowhere.fileno(), 1)
    memory = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import pyarrow  # noqa: F401
    import tenseal  # noqa: F401

    send(channel, [b"ready"])
    worker = Worker()
    while True:
        try:
            request = receive(channel)
        except (EOFError, ConnectionError):
            return
        try:
            answer = [b"ok", *worker.answer(request)]
        except PartyError as refusal:
            words = (type(refusal).__name__, refusal.expected, refusal.found)
            answer = [b"error", *(word.encode() for word in words)]
        except NATIVE_ERRORS as error:
            found = f"bytes that the library refuses ({type(error).__name__})"
            answer = [b"error", b"MalformedMessageError", b"an object it can load", found.encode()]
        del request
        send(channel, answer)


if __name__ == "__main__":
    main()
