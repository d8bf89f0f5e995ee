"""The first lock: CKKS ciphertexts that can be added by everybody and opened by one.

CKKS is an approximate scheme; here it carries integers below its precision, and the opener rounds,
so that sums are exact to the last bit. What leaves :meth:`Engine.open` is integers or an error:
never a raw decryption, and never the distance from an integer, from either of which a contributor
could learn the secret key (Li and Micciancio, 2021).

TenSEAL itself runs in a child process (`ckks_child`) behind a parser of our own
(`ciphertext_format`). This file holds the parameter sets and the parent's end.

References
----------
Cheon, Kim, Kim, Song: Homomorphic Encryption for Arithmetic of Approximate Numbers, 2017.
Li, Micciancio: On the Security of Homomorphic Encryption on Approximate Numbers, 2021 (2020/1533).
Albrecht et al.: Homomorphic Encryption Standard, 2018, table 1 (ternary secret, classical).
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from fedcredit_parties import ckks_child
from fedcredit_parties.ciphertext_format import Layout, check_ciphertext, check_public_context
from fedcredit_parties.errors import (
    EncryptionError,
    MalformedMessageError,
    PartyError,
    by_name,
)

SECURE_BITS = {1024: 27, 2048: 54, 4096: 109, 8192: 218, 16384: 438, 32768: 881}
"""Largest log2(q) for 128 bits of security by ring degree (Homomorphic Encryption Standard)."""

LEAST_SCALE_BITS = {4096: 18, 8192: 30, 16384: 30, 32768: 30}
"""Below it the noise of a few dozen ciphertexts reaches the integers (4096 at 2**16: refused)."""

MAX_PARTIES = 50
"""Most parties a sum was measured to be exact for, with every parameter set here."""

CONTEXTS_KEPT = 8
CHUNK = 64
"""Ciphertexts per request to the child: its memory stays flat however long a vector is."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """A CKKS parameter set with the modulus of the masks that it can carry.

    Parameters
    ----------
    name : str
        Word for messages.
    poly_modulus_degree : int
        Ring degree N.
    coeff_bits : tuple of int
        Bits of the coefficient moduli; the last one is the special modulus.
    scale_bits : int
        Encoding scale 2**scale_bits.
    modulus_bits : int
        k of the masks' modulus M = 2**k.

    Raises
    ------
    ValueError
        Outside the 128-bit table, or where sums of 50 parties would not be exact.
    """

    name: str
    poly_modulus_degree: int
    coeff_bits: tuple[int, ...]
    scale_bits: int
    modulus_bits: int

    def __post_init__(self) -> None:
        """Refuse what is insecure or inexact."""
        degree, total = self.poly_modulus_degree, sum(self.coeff_bits)
        if total > SECURE_BITS.get(degree, 0):
            raise ValueError(
                f"parameters {self.name}: {total} modulus bits at N={degree} give less than 128 "
                f"bits of security; at most {SECURE_BITS.get(degree, 0)}"
            )
        if len(self.coeff_bits) < 2 or not all(20 <= bits <= 60 for bits in self.coeff_bits):
            raise ValueError(f"parameters {self.name}: two or more moduli of 20 to 60 bits")
        if degree not in LEAST_SCALE_BITS or self.scale_bits < LEAST_SCALE_BITS[degree]:
            raise ValueError(
                f"parameters {self.name}: a scale of 2**{self.scale_bits} at N={degree} drowns "
                "sums in noise: they would round to wrong integers"
            )
        growth = MAX_PARTIES.bit_length()
        carried = self.modulus_bits + self.scale_bits + growth
        if not 16 <= self.modulus_bits <= 44 or carried >= sum(self.coeff_bits[:-1]):
            raise ValueError(f"parameters {self.name}: sums modulo 2**{self.modulus_bits} overflow")

    @property
    def slots(self) -> int:
        """Numbers per ciphertext."""
        return self.poly_modulus_degree // 2

    @property
    def max_parties(self) -> int:
        """Most parties in one sum."""
        return MAX_PARTIES

    @property
    def layout(self) -> Layout:
        """What ciphertexts and public contexts of this set look like on the wire."""
        return Layout(
            degree=self.poly_modulus_degree,
            n_moduli=len(self.coeff_bits),
            scale=2.0**self.scale_bits,
        )

    def n_ciphertexts(self, length: int) -> int:
        """Return how many ciphertexts `length` numbers fill."""
        return -(-length // self.slots)

    def encode(self) -> bytes:
        """Return the set as the child process reads it."""
        return json.dumps(
            {
                "degree": self.poly_modulus_degree,
                "coeff_bits": self.coeff_bits,
                "scale_bits": self.scale_bits,
                "modulus_bits": self.modulus_bits,
            }
        ).encode()


WIDE = Parameters(
    name="wide",
    poly_modulus_degree=8192,
    coeff_bits=(60, 40, 60),
    scale_bits=40,
    modulus_bits=40,
)
"""Where range matters: money in fen, counts, Hessians. 57 bytes a number."""

NARROW = Parameters(
    name="narrow", poly_modulus_degree=4096, coeff_bits=(60, 49), scale_bits=18, modulus_bits=34
)
"""Where bytes matter: network updates. 32 bytes a number."""


@dataclass(frozen=True)
class KeyPair:
    """One run's keys.

    Attributes
    ----------
    public : bytes
        The context that everybody may have: it encrypts and adds.
    secret : bytes
        Opens sums. Stays with the key holder, encrypted at rest, and goes into no message.
    """

    public: bytes
    secret: bytes = field(repr=False)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the secret half must not travel by accident."""
        raise TypeError("a key pair holds a secret and is not pickled")


class Engine:
    """Keys, encryption, addition and opening, in one child process with limits.

    The child starts at the first call, and again after it died. Calls from several threads take
    turns.

    Parameters
    ----------
    timeout_s : float, default 60
        Longest single request; one request is at most 64 ciphertexts.
    memory_bytes : int, default 4 GiB
        Address space of the child.

    Disclosure
    ----------
    The child sees what its owner sees: a party's masked numbers, or a key holder's secret key and
    the sum modulo M. It writes to its parent only.
    """

    def __init__(self, *, timeout_s: float = 60.0, memory_bytes: int = 4 << 30) -> None:
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._lock = threading.RLock()
        self._child: _Child | None = None

    def __enter__(self) -> Self:
        """Return the engine; its child starts at the first call."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the child."""
        self.close()

    def start(self) -> None:
        """Start the child now, so that the first call does not wait for its library."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the child process, and with it every key it holds."""
        with self._lock:
            if self._child is not None:
                self._child.end()
                self._child = None

    @property
    def process_id(self) -> int | None:
        """The child's process id while there is one."""
        child = self._child
        return None if child is None else child.process.pid

    def new_keys(self, parameters: Parameters) -> KeyPair:
        """Make a fresh key pair."""
        with self._lock:
            self._running()
            public, secret = self._call([b"keys", parameters.encode()], "new keys")
            return KeyPair(public, secret)

    def check_public(self, parameters: Parameters, public: bytes) -> None:
        """Parse and load a public context that came from outside.

        Raises
        ------
        SecretKeyExposedError
            When it carries a secret key.
        ContextMismatchError
            When it is of another parameter set.
        MalformedMessageError
            When it is not a context.
        """
        with self._lock:
            self._public(parameters, public)

    def encrypt(
        self, parameters: Parameters, public: bytes, slots: NDArray[np.int64]
    ) -> tuple[bytes, ...]:
        """Encrypt masked numbers.

        Parameters
        ----------
        public : bytes
            The run's public context.
        slots : ndarray of int64, shape (length,)
            In [0, M), already masked.

        Returns
        -------
        tuple of bytes
            One ciphertext per `parameters.slots` numbers; the last is filled up with zeros.

        Raises
        ------
        ValueError
            When a number is outside [0, M).
        SecretKeyExposedError, ContextMismatchError, MalformedMessageError
            When the context is not acceptable.

        Disclosure
        ----------
        The size says how many ciphertexts, nothing else. Each is a fresh public-key encryption.
        """
        length = len(slots)
        modulus = 1 << parameters.modulus_bits
        if slots.ndim != 1 or length == 0 or slots.min() < 0 or slots.max() >= modulus:
            raise ValueError(f"slots are one row of integers in [0, 2**{parameters.modulus_bits})")
        full = np.zeros(parameters.n_ciphertexts(length) * parameters.slots, dtype="<i8")
        full[:length] = slots
        found: list[bytes] = []
        with self._lock:
            for chunk in np.split(
                full, range(CHUNK * parameters.slots, len(full), CHUNK * parameters.slots)
            ):
                head = self._head(b"encrypt", parameters, self._public(parameters, public))
                found += self._call([*head, chunk.tobytes()], "the public context")
        return tuple(found)

    def add(
        self,
        parameters: Parameters,
        public: bytes,
        contributions: Mapping[str, tuple[bytes, ...]],
        *,
        length: int,
    ) -> tuple[bytes, ...]:
        """Add the parties' ciphertexts; the same bytes come out whatever the order.

        Parameters
        ----------
        contributions : mapping of str to tuple of bytes
            Ciphertexts by sender.
        length : int
            Numbers that each sender encrypted.

        Raises
        ------
        MalformedMessageError
            Naming the sender whose bytes are wrong, or ended the child process.
        """
        if not 1 <= len(contributions) <= parameters.max_parties or length < 1:
            raise ValueError(f"a sum has 1 to {parameters.max_parties} parties, and numbers")
        n = parameters.n_ciphertexts(length)
        for party, blobs in contributions.items():
            _check_count(blobs, n, party)
            for blob in blobs:
                check_ciphertext(blob, parameters.layout, party=party)
        found: list[bytes] = []
        with self._lock:
            for start in range(0, n, CHUNK):
                digest = self._public(parameters, public)
                self._call(self._head(b"begin", parameters, digest), "a sum")
                for party, blobs in contributions.items():
                    head = self._head(b"add", parameters, digest)
                    self._call(
                        [*head, *blobs[start : start + CHUNK]], f"ciphertexts of {party}", party
                    )
                found += self._call(self._head(b"sum", parameters, digest), "a sum")
        return tuple(found)

    def open(
        self,
        parameters: Parameters,
        secret: bytes,
        aggregate: tuple[bytes, ...],
        *,
        length: int,
        n_parties: int,
    ) -> NDArray[np.int64]:
        """Decrypt a sum, check that it is exact, and return it modulo M.

        Every slot's real part must lie within a quarter of an integer of the size that `n_parties`
        can add up to, every imaginary part within a quarter of zero, and slots beyond `length` at
        zero. How far they lie is not returned, not logged, and not in the error.

        Parameters
        ----------
        aggregate : tuple of bytes
            A sum that the caller formed itself with :meth:`add`.
        length, n_parties : int
            Numbers, and parties, in the sum.

        Returns
        -------
        ndarray of int64, shape (length,)
            In [0, M).

        Raises
        ------
        PrecisionError
            When the sum is not healthy.
        MalformedMessageError, ContextMismatchError
            When bytes or key are not of these parameters.

        Disclosure
        ----------
        The caller learns the sum of the masked numbers modulo M: with the whole roster in it, the
        sum of the plain ones.
        """
        if not 1 <= n_parties <= parameters.max_parties or length < 1:
            raise ValueError(f"a sum has 1 to {parameters.max_parties} parties, and numbers")
        _check_count(aggregate, parameters.n_ciphertexts(length), "")
        for blob in aggregate:
            check_ciphertext(blob, parameters.layout, party="")
        limit = str(n_parties << (parameters.modulus_bits - 1)).encode()
        parts: list[bytes] = []
        with self._lock:
            for start in range(0, len(aggregate), CHUNK):
                blobs = aggregate[start : start + CHUNK]
                used = min(length - start * parameters.slots, len(blobs) * parameters.slots)
                head = self._head(b"open", parameters, self._load(parameters, secret, b"secret"))
                parts += self._call([*head, str(used).encode(), limit, *blobs], "the sum")
        return np.frombuffer(b"".join(parts), dtype="<i8").astype(np.int64)

    def forget(self, context: bytes) -> None:
        """Drop a context, above all a secret one, from the child's memory."""
        digest = hashlib.sha256(context).digest()
        with self._lock:
            if self._child is not None and digest in self._child.loaded:
                self._call([b"drop", digest], "a context")
                del self._child.loaded[digest]

    def _public(self, parameters: Parameters, public: bytes) -> bytes:
        check_public_context(public, parameters.layout)
        return self._load(parameters, public, b"public")

    def _load(self, parameters: Parameters, context: bytes, kind: bytes) -> bytes:
        """Make sure that the child holds a context; return its digest."""
        digest = hashlib.sha256(context).digest()
        key = parameters.encode() + kind
        child = self._running()
        if child.loaded.get(digest) != key:
            self._call(
                [b"load", digest, parameters.encode(), kind, context],
                f"the {kind.decode()} context",
            )
            child.loaded[digest] = key
            if len(child.loaded) > CONTEXTS_KEPT:
                self._call([b"drop", child.loaded.popitem(last=False)[0]], "a context")
        child.loaded.move_to_end(digest)
        return digest

    @staticmethod
    def _head(word: bytes, parameters: Parameters, digest: bytes) -> list[bytes]:
        return [word, parameters.encode(), digest]

    def _running(self) -> "_Child":
        if self._child is not None and self._child.process.poll() is not None:
            self.close()  # It ended between two calls: nobody's bytes are to blame.
        if self._child is None:
            self._child = _Child(self._memory_bytes, self._timeout_s)
        return self._child

    def _call(self, request: list[bytes], what: str, party: str = "") -> list[bytes]:
        """Send one request; turn refusals and deaths into errors that name the sender."""
        child = self._child or self._running()
        try:
            status, *answer = child.ask(request, self._timeout_s)
        except (EOFError, OSError) as error:
            self.close()
            late = isinstance(error, TimeoutError)
            raise MalformedMessageError(
                f"{what} ended the process that read the bytes",
                party=party,
                expected="bytes that can be read within the limits of memory and time",
                found="a time-out" if late else "a crash, caught in the child process",
                remedy=f"{party or 'the sender'} must send them again; if it recurs, ask why",
            ) from None
        if status == b"ok":
            return answer
        raise _refusal(what, party, *(word.decode() for word in answer))


class _Child:
    """A running child process, and which contexts it holds."""

    def __init__(self, memory_bytes: int, timeout_s: float) -> None:
        self.loaded: OrderedDict[bytes, bytes] = OrderedDict()
        self.channel, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", ckks_child.__name__, str(memory_bytes)],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                env=_environment(),
            )
        self._finalizer = weakref.finalize(self, _end, self.process, self.channel)
        try:
            ready = ckks_child.receive(self.channel, deadline=time.monotonic() + timeout_s)
        except (EOFError, OSError):
            ready = []
        if ready != [b"ready"]:
            self.end()
            raise EncryptionError(
                "the encryption process does not start",
                expected="a child process that can import tenseal",
                found="it ended at once",
                remedy=f"try: {sys.executable} -c 'import tenseal'; or allow more memory",
            )

    def ask(self, request: list[bytes], timeout_s: float) -> list[bytes]:
        deadline = time.monotonic() + timeout_s
        self.channel.settimeout(timeout_s)
        ckks_child.send(self.channel, request)
        return ckks_child.receive(self.channel, deadline=deadline)

    def end(self) -> None:
        self._finalizer()


def _end(process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    channel.close()
    process.kill()
    process.wait()


def _environment() -> dict[str, str]:
    """Return the child's environment: this package importable, one thread."""
    room = str(Path(__file__).resolve().parents[1])
    inherited = os.environ.get("PYTHONPATH", "")
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join([room, inherited]) if inherited else room
    return {**os.environ, **one_thread, "PYTHONPATH": path}


def _check_count(blobs: tuple[bytes, ...], n: int, party: str) -> None:
    if len(blobs) != n:
        raise MalformedMessageError(
            "another number of ciphertexts than the tensor needs",
            party=party,
            expected=f"{n}",
            found=f"{len(blobs)}",
            remedy="compare FedCredit versions: the layout follows from the released course",
        )


def _refusal(what: str, party: str, name: str, expected: str, found: str) -> PartyError:
    remedies = {
        "PrecisionError": "a contribution is out of range, masks do not cancel, or bytes differ",
        "ContextMismatchError": "fetch the context again by the digest in he-context-published",
    }
    return by_name.get(name, MalformedMessageError)(
        f"{what} cannot be used" if name != "PrecisionError" else "the sum is not opened",
        party=party,
        expected=expected,
        found=found,
        remedy=remedies.get(name, f"{party or 'the sender'} must send the bytes again"),
    )
