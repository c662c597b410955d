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

HTTP: tuple[Setting, ...] = (
    Setting("http", "host", str, "127.0.0.1", "Address on which the API listens."),
    Setting("http", "port", int, 8080, "TCP port on which the API listens.", minimum=1, maximum=65535),
    Setting("http", "workers", int, 1, "Processes that answer requests.", minimum=1, maximum=256),
    Setting("http", "threads", int, 8, "Threads in each of these processes.", minimum=1, maximum=256),
    Setting(
        "http", "timeout", int, 60, "A worker that does not answer for so long is restarted.", "seconds", minimum=1
    ),
    Setting("http", "keepalive", int, 15, "How long an idle connection is kept.", "seconds", minimum=1, maximum=3600),
    Setting("http", "max_body", int, 20 * 1024 * 1024, "Largest JSON body that is read.", "bytes", minimum=1024),
    Setting(
        "http",
        "trusted_proxies",
        list,
        [],
        "Addresses of reverse proxies whose X-Forwarded-For header is believed; the last entry is the client.",
    ),
)

SECURITY: tuple[Setting, ...] = (
    Setting("security", "issuer", str, "ictcore", "The iss claim of tokens; others are refused."),
    Setting("security", "token_expiry", int, 12 * 3600, "Life of a token.", "seconds", minimum=60, maximum=366 * 86400),
    Setting("security", "password_length", int, 8, "Least length of a new password.", "characters", minimum=1),
    Setting("security", "argon2_time", int, 2, "Argon2id: passes over the memory.", minimum=1, maximum=100),
    Setting("security", "argon2_memory", int, 19_456, "Argon2id: memory per check.", "KiB", minimum=8, maximum=2**22),
    Setting("security", "argon2_parallelism", int, 1, "Argon2id: lanes.", minimum=1, maximum=64),
    Setting("security", "login_failures", int, 10, "Failed logins per user name and window.", minimum=1),
    Setting("security", "login_failures_address", int, 100, "Failed logins per network address and window.", minimum=1),
    Setting(
        "security", "login_window", int, 300, "Length of the window in which failed logins count.", "seconds", minimum=1
    ),
    Setting(
        "security", "basic_cache", int, 60, "How long a Basic login that was right is remembered.", "seconds", minimum=0
    ),
    Setting("security", "default_role", str, "user", "Role that a new user gets; empty: none."),
)

CORE: tuple[Setting, ...] = (
    Setting("core", "home", str, "var", "Folder of the system's state: database, media, keys, logs."),
    Setting("core", "node", str, "local", "Name of this machine as a gateway node."),
    Setting("core", "country", str, "", "ISO 3166 code of the country whose national numbers are understood."),
    Setting("core", "log_level", str, "info", "What is logged.", choices=("debug", "info", "warning", "error")),
    Setting(
        "core", "log_format", str, "text", "How it is logged: lines for people, or JSON.", choices=("text", "json")
    ),
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
    Setting(
        "media", "largest", int, 20 * 1024 * 1024, "Largest file, or all files of one mail.", "bytes", minimum=1024
    ),
    *HTTP,
    *SECURITY,
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
