"""Checking plain values against a :class:`msgspec.Struct` type, with every bad field named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from ictcore.domain.errors import InvalidInput

T = TypeVar("T", bound=msgspec.Struct)
_PATH = re.compile(r" - at `\$?\.?([^`]*)`$")
_DEEPEST = 20


def convert(values: Mapping[str, Any], kind: type[T], *, below: str = "") -> T:
    """An instance of ``kind`` from plain ``values``.

    :param below: the field that holds the values, when they are part of something larger; it begins every field's name.
    :raises InvalidInput: fields do not fit, or the type's own check refuses them.
    """
    prefix = f"{below}." if below else ""
    try:
        return msgspec.convert(values, kind, str_keys=True)
    except msgspec.ValidationError as error:
        problems = {prefix + name: reason for name, reason in _problems(values, kind).items()}
        raise InvalidInput(fields=problems or dict([_named(error, below or "body")])) from None
    except InvalidInput as error:
        problems = {prefix + name: reason for name, reason in error.fields.items()}
        raise InvalidInput(fields=problems or {below or "body": error.message}) from None


def known_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The names of the type's fields, as they are written in JSON."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind))


def check_plain(field: str, value: Any, depth: int = 0) -> None:
    """Check a value whose type nobody declared: no NUL in its texts, and not nested without end.

    :raises InvalidInput: the field is ``field``.
    """
    if depth > _DEEPEST:
        raise InvalidInput(fields={field: "is nested too deeply"})
    if isinstance(value, str):
        if "\x00" in value:
            raise InvalidInput(fields={field: "must be text without NUL"})
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            check_plain(field, name, depth + 1)
            check_plain(field, inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            check_plain(field, inner, depth + 1)


def _problems(values: Mapping[str, Any], kind: type[msgspec.Struct]) -> dict[str, str]:
    """msgspec stops at the first bad field; people want to hear of all of them."""
    problems: dict[str, str] = {}
    fields = msgspec.structs.fields(kind)
    for field in fields:
        if field.encode_name not in values:
            if field.required:
                problems[field.encode_name] = "is required"
            continue
        try:
            msgspec.convert(values[field.encode_name], field.type, str_keys=True)
        except msgspec.ValidationError as error:
            path, reason = _named(error, "")
            dot = "." if path and not path.startswith("[") else ""
            problems[f"{field.encode_name}{dot}{path}"] = reason
    if kind.__struct_config__.forbid_unknown_fields:
        names = {field.encode_name for field in fields}
        problems |= {name: "is not known" for name in values if name not in names}
    return problems


def _named(error: Exception, otherwise: str) -> tuple[str, str]:
    text = str(error)
    match = _PATH.search(text)
    reason = _PATH.sub("", text)
    if "matching regex" in reason:
        reason = "must not contain the characters that it has"
    return (match[1] if match and match[1] else otherwise), reason[:1].lower() + reason[1:]
