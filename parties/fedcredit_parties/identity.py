"""Who a member is: its keys, made once, all distinct, their public halves in the founding entry.

The Ed25519 signing key *is* the party: entries, inbox notes and requests to the front are signed
with it. The witness key co-signs checkpoints; the recovery key lies in a safe and only revokes; the
X25519 mask key is the static half of masks and opens what is sealed to the member; the node key is
for Flower's node authentication and carries no claim of ours.
"""

from dataclasses import dataclass, field
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fedcredit_ledger.forms import ROLES
from fedcredit_ledger.note import CosignatureKey, SigningKey


@dataclass(frozen=True, kw_only=True)
class Identity:
    """One member's keys.

    Parameters
    ----------
    name : str
        The party's name in the ledger.
    roles : tuple of str
        One or more of :data:`fedcredit_ledger.forms.ROLES`.
    signing : SigningKey
        Signs entries and notes.
    witness : CosignatureKey
        Co-signs checkpoints.
    recovery : SigningKey
        Revokes the others; belongs off-line.
    mask_key : X25519PrivateKey
        Static key of masks and sealing.
    node : EllipticCurvePrivateKey
        P-384 key of Flower's node authentication.

    Raises
    ------
    ValueError
        For an unknown role, or a key that serves twice.

    Disclosure
    ----------
    Everything but :meth:`founder` is secret; the representation shows the name and roles only.
    """

    name: str
    roles: tuple[str, ...]
    signing: SigningKey = field(repr=False)
    witness: CosignatureKey = field(repr=False)
    recovery: SigningKey = field(repr=False)
    mask_key: X25519PrivateKey = field(repr=False)
    node: ec.EllipticCurvePrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse roles that must not meet and keys that are not distinct."""
        if not self.roles or not set(self.roles) <= set(ROLES):
            raise ValueError(f"roles of {self.name}: one or more of {', '.join(ROLES)}")
        if "coordinator" in self.roles and "key-holder" in self.roles:
            raise ValueError(f"{self.name} cannot be coordinator and key holder: both locks in one")
        secrets = (
            self.signing.seed,
            self.witness.seed,
            self.recovery.seed,
            self.mask_key.private_bytes_raw(),
        )
        if len(set(secrets)) != len(secrets):
            raise ValueError(f"keys of {self.name}: one secret serves twice")

    @classmethod
    def generate(cls, name: str, roles: tuple[str, ...]) -> Self:
        """Make all keys of a new member from the system's randomness."""
        return cls(
            name=name,
            roles=tuple(roles),
            signing=SigningKey.generate(name),
            witness=CosignatureKey.generate(name),
            recovery=SigningKey.generate(name),
            mask_key=X25519PrivateKey.generate(),
            node=ec.generate_private_key(ec.SECP384R1()),
        )

    @property
    def mask_hex(self) -> str:
        """The static X25519 key's public half, in hex."""
        return self.mask_key.public_key().public_bytes_raw().hex()

    @property
    def node_key(self) -> str:
        """The node key's public half: compressed point (X9.62), in hex."""
        point = self.node.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        return point.hex()

    def founder(self) -> dict[str, Any]:
        """Return the member's row in `federation-created.founders`: public halves only."""
        return {
            "party": self.name,
            "roles": sorted(self.roles),
            "signing_vkey": self.signing.vkey,
            "witness_vkey": self.witness.vkey,
            "recovery_vkey": self.recovery.vkey,
            "node_key": self.node_key,
            "mask_key": self.mask_hex,
        }
