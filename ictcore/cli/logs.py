"""What is logged, and how: one line per record on standard error, for people or as JSON, without secrets."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import msgspec

from ictcore.settings import REDACTED, LoadedSettings

_SHORTEST = 4
"""Shorter secrets are not looked for: they would be found in every other word."""


class Redactor(logging.Filter):
    """Replaces the values of secret settings in everything that is logged.

    A last net: no place should log them in the first.
    """

    def __init__(self, secrets: list[str]) -> None:
        super().__init__()
        self._secrets = sorted((text for text in secrets if len(text) >= _SHORTEST), key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record's message and the text of its exception."""
        if not self._secrets:
            return True
        record.msg, record.args = self._clean(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._clean(record.exc_text)
        return True

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text


class Lines(logging.Formatter):
    """``2026-01-31T12:00:00.000Z WARNING ictcore.x message``; line feeds in messages cannot make a second record."""

    def format(self, record: logging.LogRecord) -> str:
        """The line (and, after it, the indented traceback)."""
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        line = f"{_moment(record)} {record.levelname} {record.name} {message}"
        trace = _trace(self, record)
        return line + "".join(f"\n    {part}" for part in trace.splitlines())


class JsonLines(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """The object."""
        entry = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        trace = _trace(self, record)
        return msgspec.json.encode(entry | ({"trace": trace} if trace else {})).decode()


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if record.exc_info and not record.exc_text:
        record.exc_text = formatter.formatException(record.exc_info)
    return record.exc_text or ""


def basic() -> None:
    """Log warnings and errors until the settings are known."""
    _install(logging.WARNING, Lines(), [])


def configure(settings: LoadedSettings) -> None:
    """Log as the settings say."""
    level = logging.getLevelNamesMapping()[settings["core.log_level"].upper()]
    secrets = [str(settings[setting.key]) for setting in settings.declared() if setting.secret]
    _install(level, JsonLines() if settings["core.log_format"] == "json" else Lines(), secrets)


def _install(level: int, formatter: logging.Formatter, secrets: list[str]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(Redactor(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for talkative in ("urllib3", "asyncio", "peewee"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
