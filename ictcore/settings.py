"""The settings in force: declared objects, read from a file, overridden by the environment, overridden by flags."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ictcore.domain.errors import InvalidInput
from ictcore.spec.settings import Setting

REDACTED = "********"

CORE: tuple[Setting, ...] = (
    Setting("core", "home", str, "var", "Folder of the system's state: database, media, keys, logs."),
    Setting("core", "node", str, "local", "Name of this machine as a gateway node."),
    Setting("core", "country", str, "", "ISO 3166 code of the country whose national numbers are understood."),
    Setting("core", "log_level", str, "info", "What is logged.", choices=("debug", "info", "warning", "error")),
    Setting(
        "database",
        "url",
        str,
        "",
        "sqlite:///path or postgresql://user:password@host:port/name; empty: SQLite in the home folder.",
        secret=True,
    ),
    Setting("database", "durable", bool, True, "SQLite: whether a commit survives a loss of power."),
    Setting("plugins", "blocked", list, [], "Names of distributions whose plugins are not loaded."),
    Setting("plugins", "trace", bool, False, "Log every hook call with its arguments and result."),
)


class LoadedSettings:
    """Values of declared settings.

    :ivar unknown: ``section.name`` of every entry of the file that nobody declared.
    :ivar source: where each value came from: ``default``, ``file``, ``environment`` or ``flag``.
    """

    def __init__(
        self,
        declared: Iterable[Setting],
        *,
        file: Path | None = None,
        environment: Mapping[str, str] | None = None,
        flags: Mapping[str, Any] | None = None,
    ) -> None:
        """Read and check all values.

        :param file: an INI file; ``None``: no file. A file that is named and missing is an error.
        :param flags: ``section.name`` -> value or text, as given on the command line; ``None`` values are skipped.
        :raises InvalidInput: values that do not fit; every one is named.
        """
        self._declared = {setting.key: setting for setting in declared}
        self._values = {key: setting.default for key, setting in self._declared.items()}
        self.source = dict.fromkeys(self._declared, "default")
        self.unknown: list[str] = []
        self._problems: dict[str, str] = {}
        if file is not None:
            self._take("file", self._read(file))
        variables = {setting.variable: key for key, setting in self._declared.items()}
        found = {variables[name]: text for name, text in (environment or {}).items() if name in variables}
        self._take("environment", found)
        self._take("flag", {key: value for key, value in (flags or {}).items() if value is not None})
        if self._problems:
            raise InvalidInput(fields=self._problems)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def declared(self) -> Sequence[Setting]:
        """Every declared setting, by section and name."""
        return sorted(self._declared.values(), key=lambda setting: setting.key)

    def shown(self) -> dict[str, str]:
        """``section.name`` -> value as text; secrets that are set are redacted."""
        return {
            setting.key: REDACTED if setting.secret and self._values[setting.key] else _text(self._values[setting.key])
            for setting in self.declared()
        }

    def __repr__(self) -> str:
        return f"<LoadedSettings of {len(self._values)}>"

    def _read(self, file: Path) -> dict[str, str]:
        parser = configparser.ConfigParser(interpolation=None)
        try:
            with file.open(encoding="utf-8") as stream:
                parser.read_file(stream)
        except (OSError, configparser.Error, UnicodeDecodeError) as error:
            raise InvalidInput(fields={str(file): str(error).splitlines()[0]}) from error
        return {f"{section}.{name}": text for section in parser.sections() for name, text in parser.items(section)}

    def _take(self, source: str, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            setting = self._declared.get(key)
            if setting is None:
                self.unknown.append(key)
                continue
            try:
                self._values[key] = setting.parse(value) if isinstance(value, str) else value
                self.source[key] = source
            except InvalidInput as error:
                self._problems.update(error.fields)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def configuration_file(flag: str | None = None) -> Path | None:
    """The file to read: the flag, else ``ICTCORE_CONFIG``, else ``etc/ictcore.conf`` where that exists."""
    named = flag or os.environ.get("ICTCORE_CONFIG")
    if named:
        return Path(named)
    usual = Path("etc/ictcore.conf")
    return usual if usual.exists() else None


FIXED_VARIABLES = {"ICTCORE_HOME": "core.home"}
"""Environment variables whose names do not follow from a section: variable -> setting."""


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """``variables`` with the fixed names under the names that follow from their sections."""
    renamed = dict(variables)
    settings = {setting.key: setting for setting in CORE}
    for name, key in FIXED_VARIABLES.items():
        if name in variables:
            renamed.setdefault(settings[key].variable, variables[name])
    return renamed
