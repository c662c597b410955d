"""Decoding request bodies: fast when they are right, exact about every bad field when they are not."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ictcore.api.types import NO_CONTROL, NO_NUL
from ictcore.domain.errors import InvalidInput

_PATH = re.compile(r" - at `\$?\.?([^`]*)`$")


class Decoder:
    """Decodes JSON to ``kind``. Thread-safe; made once per operation."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self._decoder = msgspec.json.Decoder(kind)

    def decode(self, raw: bytes) -> Any:
        """The body; an empty one is an empty object.

        :raises InvalidInput: it is not JSON (field ``body``), or fields do not fit (each one is named).
        """
        try:
            return self._decoder.decode(raw or b"{}")
        except msgspec.ValidationError as error:
            raise InvalidInput(fields=self._problems(raw or b"{}", error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidInput(fields={"body": f"is not JSON: {error}"}) from None

    def _problems(self, raw: bytes, error: msgspec.ValidationError) -> dict[str, str]:
        """msgspec stops at the first bad field; a client wants to hear of all of them at once."""
        try:
            plain = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return dict([_named(error, "body")])
        if not isinstance(plain, dict) or not _is_struct(self.kind):
            return dict([_named(error, "body")])
        problems: dict[str, str] = {}
        for field in msgspec.structs.fields(self.kind):
            name = field.encode_name
            if name not in plain:
                if field.required:
                    problems[name] = "is required"
                continue
            try:
                msgspec.convert(plain[name], field.type, str_keys=True)
            except msgspec.ValidationError as wrong:
                path, reason = _named(wrong, "")
                dot = "." if path and not path.startswith("[") else ""
                problems[f"{name}{dot}{path}"] = reason
        return problems or dict([_named(error, "body")])


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _named(error: Exception, otherwise: str) -> tuple[str, str]:
    """``(field, reason)`` of a msgspec error, in our words where the pattern alone would say nothing."""
    text = str(error)
    match = _PATH.search(text)
    reason = _PATH.sub("", text)
    if "matching regex" in reason and any(repr(pattern) in reason for pattern in (NO_CONTROL, NO_NUL)):
        reason = "must not contain control characters"
    return (match[1] if match and match[1] else otherwise), reason[:1].lower() + reason[1:]
