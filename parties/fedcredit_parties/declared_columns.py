"""The columns that the members have agreed on: a JSON file, the same at everybody."""

import json
from pathlib import Path

from fedcredit_models.feature import Feature
from fedcredit_parties.errors import ConfigError


def read_features(path: Path) -> dict[str, Feature]:
    """Read declared columns from JSON.

    Raises
    ------
    ConfigError
        When the file is not a list of declarations.
    """
    try:
        found = [Feature.from_dict(value) for value in json.loads(path.read_text("utf-8"))]
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path.name} is not a list of declared columns: {error}",
            expected="[{name, kind, lower, upper, ...}, ...]",
            found="something else",
            remedy="see docs/how-to/run-a-party.md",
        ) from None
    return {feature.name: feature for feature in found}
