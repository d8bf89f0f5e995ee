"""A binning that a request is given: as an object, a saved file or JSON text."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import PlainSerializer

from fedcredit.binning import Binning
from fedcredit_models.binning_set import Binning as Bins
from fedcredit_models.feature import Feature
from fedcredit_models.fixed_bins import FixedBins
from fedcredit_parties.errors import ConfigError, SchemaMismatchError

BinningField = Annotated[
    Binning | None,
    PlainSerializer(lambda binning: None if binning is None else json.loads(binning.to_json())),
]
"""A request's field that holds a binning; dumped, it is what `Binning.to_json` writes."""


class GivenBinning:
    """What a request does with the binning that it is given."""

    @staticmethod
    def read_into(fields: dict[str, Any]) -> dict[str, Any]:
        """Return a request's fields with its binning read, and its features by default.

        Raises
        ------
        ConfigError
            When it is no binning, or the features are not those of it.
        """
        given = fields.get("binning")
        if given is None:
            return fields
        binning = given if isinstance(given, Bins) else read_binning(given)
        names = fields.get("features") or binning.names
        strangers = [name for name in names if name not in binning.names]
        if strangers and not isinstance(names, str):
            raise ConfigError(
                f"the binning has no bins for {', '.join(map(str, strangers))}",
                expected=f"features among {', '.join(binning.names) or 'none'}",
                found=", ".join(map(str, strangers)),
                remedy="leave them out of the features, or bin them first with fc.bin",
            )
        if not binning.names:
            raise ConfigError(
                "the binning has no feature left",
                expected="a feature with at least two bins",
                found=", ".join(f"{name}: {why}" for name, why in binning.dropped.items()),
                remedy="bin other columns",
            )
        return {**fields, "features": names, "binning": _shown(binning)}

    @staticmethod
    def plan(binning: Bins | None, features: Sequence[Feature]) -> tuple[FixedBins, ...]:
        """Return the bins of a task's features.

        Raises
        ------
        SchemaMismatchError
            When a column is declared in another way than it was when it was binned.
        ConfigError
            When a feature has a single bin.
        """
        if binning is None:
            return ()
        made_for = {feature.name: feature for feature in binning.features}
        for feature in features:
            if made_for[feature.name] != feature:
                raise SchemaMismatchError(
                    f"the binning was made for another declaration of {feature.name}",
                    expected=_words(feature),
                    found=_words(made_for[feature.name]),
                    remedy=f"bin {feature.name} again with fc.bin or fedcredit bin",
                )
        asked = {feature.name for feature in features}
        wanted = tuple(bins for bins in binning.plan if bins.feature in asked)
        single = [bins.feature for bins in wanted if bins.n_bins < 2]
        if single:
            raise ConfigError(
                f"a single bin tells nothing: {', '.join(single)}",
                expected="at least two bins of every feature",
                found="one; nothing was run",
                remedy=f'leave it out: binning.drop("{single[0]}"), or cut it',
            )
        return wanted


def read_binning(given: object) -> Binning:
    """Read a saved binning from a path or from JSON text.

    Raises
    ------
    ConfigError
        When there is no such file, or it is no binning.
    """
    remedy = "fedcredit bin JOB.toml --out bins.json writes one"
    if isinstance(given, str) and given.lstrip().startswith("{"):
        text: bytes | str = given
    elif isinstance(given, str | Path):
        try:
            text = Path(given).read_bytes()
        except OSError as error:
            raise ConfigError(
                f"the binning {Path(given).name} cannot be read",
                expected="a file that fedcredit bin has written",
                found=error.strerror or type(error).__name__,
                remedy=remedy,
            ) from None
    else:
        raise ConfigError(
            "binning must be a fedcredit.Binning, the path of one, or its JSON",
            found=type(given).__name__,
            remedy=remedy,
        )
    try:
        return Binning.from_json(text)
    except ValueError as error:
        raise ConfigError(f"what was given is no binning: {error}", remedy=remedy) from None


def beside(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the fields of a job file with its binning's path read as relative to the file."""
    given = table.get("binning")
    return {**table, "binning": path.parent / given} if isinstance(given, str) else table


def _shown(binning: Bins) -> Binning:
    return binning if isinstance(binning, Binning) else Binning.from_json(binning.to_json())


def _words(feature: Feature) -> str:
    if feature.kind == "categorical":
        return f"levels {', '.join(feature.levels)[:200]}"
    lower, upper = feature.bounds
    special = f", special {', '.join(f'{code:g}' for code in feature.special)}"
    return f"{lower:g} to {upper:g}, {feature.scale}{special if feature.special else ''}"
