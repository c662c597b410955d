"""How settings are declared, by the core and by plugins: objects with a type, a unit, a default and a help text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ictcore.domain.errors import InvalidInput

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Read from ``[section] name`` of the configuration file, overridden by the environment variable
    ``ICTCORE_<SECTION>_<NAME>``, overridden by a flag.

    :ivar type: ``str``, ``int``, ``float``, ``bool`` or ``list`` (comma-separated text).
    :ivar unit: ``seconds``, ``bytes``, ``per second`` …, ``""`` for none.
    :ivar secret: never printed, never logged, never returned by the API.
    :ivar choices: the allowed texts; empty for any.
    """

    section: str
    name: str
    type: type
    default: Any
    help: str
    unit: str = ""
    secret: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    @property
    def key(self) -> str:
        """``section.name``"""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that overrides it."""
        return f"ICTCORE_{self.section}_{self.name}".upper()

    def parse(self, text: str) -> Any:
        """The value that ``text`` stands for.

        :raises InvalidInput: it stands for none; the field is the setting's key.
        """
        value = self._convert(text.strip())
        if self.choices and value not in self.choices:
            raise InvalidInput(fields={self.key: f"must be one of {', '.join(self.choices)}"})
        if self.minimum is not None and value < self.minimum:
            raise InvalidInput(fields={self.key: f"must be at least {self.minimum:g}"})
        if self.maximum is not None and value > self.maximum:
            raise InvalidInput(fields={self.key: f"must be at most {self.maximum:g}"})
        return value

    def _convert(self, text: str) -> Any:
        if self.type is bool:
            if text.lower() in _TRUE | _FALSE:
                return text.lower() in _TRUE
            raise InvalidInput(fields={self.key: "must be yes or no"})
        if self.type is list:
            return [part.strip() for part in text.split(",") if part.strip()]
        try:
            return self.type(text)
        except ValueError:
            kind = "whole number" if self.type is int else "number"
            raise InvalidInput(fields={self.key: f"must be a {kind}"}) from None


class Settings(Protocol):
    """The settings in force."""

    def __getitem__(self, key: str) -> Any:
        """The value of ``section.name``, of the declared type.

        :raises KeyError: nobody declared it.
        """
        ...

    def declared(self) -> Sequence[Setting]:
        """Every declared setting, by section and name."""
        ...
