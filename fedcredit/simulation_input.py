"""What `Federation.simulate` is given, looked at before anything is founded.

A notebook hands over what it has: a list of tables, a column without a name, a policy as a dict.
Each is told here in one line, instead of ending somewhere in the middle of a founding.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from fedcredit.simulation import RESERVED
from fedcredit_ledger.entry import PARTY_NAME
from fedcredit_models.feature import MAX_TEXT
from fedcredit_models.schema import Schema
from fedcredit_parties.disclosure import DisclosurePolicy
from fedcredit_parties.errors import ConfigError, DataError


def tidy_tables(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables with their column names as text.

    Raises
    ------
    ConfigError
        For a name that no party can have.
    DataError
        For what is no table of a party, or when no table has a row.
    """
    example = 'pass {"bank-0": frame0, "bank-1": frame1, "bank-2": frame2}'
    if not isinstance(frames, Mapping):
        raise DataError(
            "the tables come without their parties' names",
            expected="a dict of party to DataFrame",
            found=type(frames).__name__,
            remedy=example,
        )
    for name, frame in frames.items():
        if not isinstance(name, str) or not PARTY_NAME.fullmatch(name) or name in RESERVED:
            raise ConfigError(
                f"{name!r} cannot be the name of a party",
                expected="letters, digits, dot, underscore and hyphen, 63 at most, and no role's "
                f"name ({', '.join(RESERVED)})",
                found=str(name),
                remedy='name the parties like "bank-a"',
            )
        if not isinstance(frame, pd.DataFrame):
            raise DataError(
                f"what {name} holds is not a table",
                party=name,
                expected="a pandas DataFrame",
                found=type(frame).__name__,
                remedy="read it first: pd.read_csv(path) or pd.read_parquet(path)",
            )
        if isinstance(frame.columns, pd.MultiIndex):
            raise DataError(
                "the table's columns have several levels",
                party=name,
                expected="one name a column",
                found=f"{frame.columns.nlevels} levels",
                remedy='flatten them: frame.columns = ["_".join(c) for c in frame.columns]',
            )
        strange = [str(c)[:20] for c in frame.columns if not 1 <= len(str(c)) <= MAX_TEXT]
        if strange:
            raise DataError(
                "a column of the table has no usable name",
                party=name,
                expected=f"1 to {MAX_TEXT} characters",
                found=repr(strange[0]) if strange[0] else "none",
                remedy="rename it at every party, or drop it",
            )
    if all(len(frame) == 0 for frame in frames.values()):
        raise DataError(
            "there is no table with rows",
            expected="one table with rows for every party",
            found="none",
            remedy=example,
        )
    return {name: frame.rename(columns=str) for name, frame in frames.items()}


def check_options(
    parties: Sequence[str],
    *,
    policy: DisclosurePolicy | None,
    schema: Schema | None,
    words: str | Mapping[str, str],
    key: bytes | None,
    ledger: Path | str | None,
) -> None:
    """Refuse options of another kind than `Federation.simulate` takes.

    Raises
    ------
    ConfigError
        Naming the option and how to write it.
    """

    def wrong(option: str, expected: str, found: object, remedy: str) -> ConfigError:
        return ConfigError(
            f"the option {option} is of another kind",
            expected=expected,
            found=type(found).__name__,
            remedy=remedy,
        )

    if policy is not None and not isinstance(policy, DisclosurePolicy):
        example = "policy=fc.DisclosurePolicy(min_bads=20)"
        raise wrong("policy", "a fedcredit.DisclosurePolicy", policy, example)
    if schema is not None and not isinstance(schema, Schema):
        example = 'schema=fc.Schema(features=(fc.Feature("age", "numeric", lower=18, upper=100),), '
        raise wrong("schema", "a fedcredit.Schema", schema, example + 'label="bad")')
    if key is not None and not (isinstance(key, bytes) and len(key) == 32):
        raise wrong("split_key", "32 bytes", key, "split_key=secrets.token_bytes(32), or a seed")
    place = None if ledger is None else Path(ledger)
    if place is not None and not place.parent.is_dir():
        raise wrong("ledger", "a file in a folder that exists", ledger, f"make {place.parent}/")
    beside = () if place is None else (place, place.with_name(f"{place.name}-head"))
    left = [path for path in beside if path.exists()]
    if left:
        raise ConfigError(
            f"{left[0].name} is there already",
            expected="no file: a simulation founds a new federation with keys of its own",
            found="what an earlier one, or something else, has left",
            remedy=f"take another name, or delete {' and '.join(path.name for path in left)}",
        )
    if not isinstance(words, str | Mapping):
        raise wrong("bad_definition", "text, or one text a party", words, "leave it out")
    strangers = [] if isinstance(words, str) else [name for name in words if name not in parties]
    if strangers:
        raise ConfigError(
            f"definitions of bad name no party here: {', '.join(map(str, strangers))}",
            expected=f"some of {', '.join(parties)}",
            found=", ".join(map(str, strangers)),
            remedy="correct the names in bad_definition",
        )
