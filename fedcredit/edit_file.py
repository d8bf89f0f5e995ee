"""Edits of bins from a file: where to cut, what to put together, what to leave out.

::

    drop = ["region"]

    [cut]
    income = [1000, 5000]

    [group]
    job = [["clerk", "manager"], ["self-employed"]]
"""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from fedcredit.binning import Binning
from fedcredit.request import wrong_fields
from fedcredit_parties.errors import ConfigError


class EditFile(BaseModel):
    """What a modeller changes in a binning.

    Parameters
    ----------
    cut : dict of str to list of float
        A number and where it is cut instead.
    group : dict of str to list of list of str
        A category and which levels are put together.
    drop : list of str
        Features to leave out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cut: dict[str, tuple[float, ...]] = {}
    group: dict[str, tuple[tuple[str, ...], ...]] = {}
    drop: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "EditFile":
        """Read a TOML file.

        Raises
        ------
        ConfigError
            When it is not TOML; one line per wrong field, by its path.
        """
        remedy = 'write [cut] with income = [1000, 5000], [group] with job = [["a", "b"], ["c"]]'
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, RecursionError, tomllib.TOMLDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigError(
                f"{path.name} cannot be read as TOML: {reason}", remedy=remedy
            ) from None
        try:
            return cls.model_validate(table)
        except ValidationError as error:
            lines = wrong_fields(error, names=cls.model_fields)
            raise ConfigError(
                f"{path.name} is not a list of edits:\n" + "\n".join(f"  {line}" for line in lines),
                remedy=remedy,
            ) from None

    def apply(self, binning: Binning) -> None:
        """Carry out the edits, all or none.

        Raises
        ------
        ConfigError
            Naming the feature and what is wrong with the edit.
        """
        try:
            binning.edit(cut=self.cut, group=self.group, drop=self.drop)
        except ValueError as error:
            raise ConfigError(
                f"an edit is not valid: {error}", remedy="correct it; no bin was changed"
            ) from None
