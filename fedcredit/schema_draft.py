"""A draft of the declared columns, from one member's own table, for the members to agree on.

Between organisations nobody may look into all tables, so columns are declared: each member drafts
from its own rows, the drafts are joined (widest bounds, all levels), people read the result, and
everybody uses the same file. What a draft tells stands in `Disclosure`.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedcredit_models.columns import numbers
from fedcredit_models.feature import MAX_LEVELS, Feature
from fedcredit_models.schema import SchemaError, check_label, infer
from fedcredit_parties.config import PartyDraft
from fedcredit_parties.daemon import read_table
from fedcredit_parties.data import as_data_error
from fedcredit_parties.declared_columns import read_features
from fedcredit_parties.errors import ConfigError, SchemaMismatchError

if TYPE_CHECKING:
    import pandas as pd


def draft_features(
    path: Path, *, label: str, leave_out: Sequence[str] = ()
) -> tuple[list[Feature], list[str]]:
    """Declare the columns of a member's own table.

    Parameters
    ----------
    path : Path
        Its party.toml, founded or not.
    label : str
        The 0/1 column.
    leave_out : sequence of str
        Columns that are no features: ids, dates, a given split.

    Returns
    -------
    list of Feature, list of str
        The declarations; columns of text or whole numbers in which every row has its own value:
        they name rows, and may name people.

    Raises
    ------
    ConfigError
        When party.toml does not name exactly one table.
    LabelError
        When the label is not 0/1.
    DataError
        When a column cannot be declared.

    Disclosure
    ----------
    To whoever gets the file: the smallest and largest value of each column, rounded outward to two
    significant digits, whether it has a heavy tail, and the 50 most frequent levels.
    """
    config = PartyDraft.read(path)
    if len(config.data) != 1:
        raise ConfigError(
            f"{path.name} does not name one table",
            party=config.name,
            expected="one [[data]]",
            found=str(len(config.data)),
            remedy="add the table to party.toml, or take the others out while you draft",
        )
    frame = read_table(config.name, config.data[0], path.resolve().parent).frame
    absent = sorted({label, *leave_out} - {str(column) for column in frame.columns})
    if absent:
        raise SchemaMismatchError(
            "the table lacks a column",
            party=config.name,
            expected=", ".join(absent),
            found=", ".join(map(str, list(frame.columns)[:20])),
            remedy="give --label and --leave-out as the table names its columns",
        )
    frame = frame.drop(columns=list(leave_out))
    try:
        check_label(frame[label])
        features = list(infer({config.name: frame}, label=label).features)
    except SchemaError as error:
        raise as_data_error(error, party=config.name) from None
    return features, [f.name for f in features if _names_rows(frame[f.name], f)]


def _names_rows(column: "pd.Series[Any]", feature: Feature) -> bool:
    held = column.dropna()
    if len(held) < 2 or not held.is_unique:
        return False
    return feature.kind == "categorical" or bool((numbers(held) % 1 == 0).all())


def join_features(own: Sequence[Feature], others: Sequence[Path]) -> list[Feature]:
    """Return declarations that every draft's table keeps to, in the order of `own`.

    Raises
    ------
    SchemaMismatchError
        When the drafts name other columns, or one column is text here and numbers there.
    ConfigError
        When a file is no list of declarations.
    """
    joined = {feature.name: feature for feature in own}
    for path in others:
        found = read_features(path)
        if set(found) != set(joined):
            raise SchemaMismatchError(
                f"{path.name} declares other columns",
                expected=", ".join(joined),
                found=", ".join(found),
                remedy="name the same columns in every table, or --leave-out what only one has",
            )
        joined = {name: _join(joined[name], found[name], path.name) for name in joined}
    return list(joined.values())


def _join(one: Feature, other: Feature, source: str) -> Feature:
    if one.kind != other.kind or one.unit != other.unit:
        raise SchemaMismatchError(
            f"{source} declares column {one.name} otherwise",
            expected=f"{one.kind} {one.unit}".strip(),
            found=f"{other.kind} {other.unit}".strip(),
            remedy="read the column as the same type, in the same unit, everywhere",
        )
    if one.kind == "categorical":
        levels = sorted({*one.levels, *other.levels})
        if len(levels) > MAX_LEVELS:
            raise SchemaMismatchError(
                f"column {one.name} has too many levels in all",
                expected=f"at most {MAX_LEVELS}",
                found=str(len(levels)),
                remedy="group rare levels in every table alike, or --leave-out the column",
            )
        return replace(one, levels=tuple(levels))
    (low, high), (other_low, other_high) = one.bounds, other.bounds
    return replace(
        one,
        lower=min(low, other_low),
        upper=max(high, other_high),
        scale=one.scale if one.scale == other.scale else "asinh",
        special=tuple(sorted({*one.special, *other.special})),
    )


def write_draft(features: Sequence[Feature], path: Path) -> None:
    """Write declarations to a new file.

    Raises
    ------
    ConfigError
        When the file exists.
    """
    text = json.dumps([feature.to_dict() for feature in features], indent=1) + "\n"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(
            f"{path.name} exists already",
            expected="a new file",
            found="an older one, which is not overwritten",
            remedy="name another with --output, or move the old one away",
        ) from None
