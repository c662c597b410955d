"""What a provider's fields may hold: they end up in the configuration files of switches and message centres."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ictcore.domain.errors import InvalidInput, NotSupported
from ictcore.domain.service import FLAGS
from ictcore.plugins import Registry
from ictcore.spec.gateway import GatewayType, ProviderType
from ictcore.usecases.fields import check_plain, convert

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HOST: Final = re.compile(r"[A-Za-z0-9._:%\[\]-]{0,255}")
_PAIR: Final = re.compile(r"[+*#0-9]{0,20}\|[+*#0-9]{0,20}")
_BEFORE: Final = re.compile(r"[+*#0-9]{0,20}")


def checked(registry: Registry, row: Mapping[str, Any]) -> dict[str, Any]:
    """A whole provider row, checked and with the defaults of its type filled in; ``settings`` becomes JSON text.

    :param row: API names; ``settings`` is an object.
    :raises InvalidInput: every field that does not fit is named; those of ``settings`` as ``settings.<field>``.
    """
    gateway, kind = _type(registry, str(row.get("type") or ""))
    values = dict(row)
    values["port"] = values.get("port") or kind.port
    offered = service_mask(kind)
    values["service_flag"] = values.get("service_flag") or offered
    problems = _plain_problems(values)
    if values["service_flag"] & ~offered:
        problems["service_flag"] = f"a provider of type {kind.name} has the services {offered}"
    if values.get("gateway_flag") not in (None, 0, gateway.flag):
        problems["gateway_flag"] = f"a provider of type {kind.name} belongs to gateway {gateway.flag}"
    values["gateway_flag"] = gateway.flag
    problems |= {name: "is required" for name in sorted(kind.required) if not values.get(name)}
    try:
        values["settings"] = _settings(kind, values.get("settings") or {})
    except InvalidInput as error:
        problems |= error.fields
    if problems:
        raise InvalidInput(fields=problems)
    return values


def settings_object(value: Any) -> dict[str, Any]:
    """``settings`` of a request as an object: it may also come as its JSON text.

    :raises InvalidInput: it is neither.
    """
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value.encode()) if value.strip() else {}
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            value = None
    if not isinstance(value, dict):
        raise InvalidInput(fields={"settings": "must be an object, or an object as JSON text"})
    check_plain("settings", value)
    return value


def service_mask(kind: ProviderType) -> int:
    """The services of a provider type as one number."""
    return sum(FLAGS[service] for service in kind.services if service in FLAGS)


def _type(registry: Registry, name: str) -> tuple[GatewayType, ProviderType]:
    found = registry.provider_type(name)
    if found is None:
        known = sorted(kind.name for gateway in registry.gateways.values() for kind in gateway.provider_types)
        if not known:
            raise NotSupported("no installed plugin has a gateway")
        raise InvalidInput(fields={"type": f"must be one of {', '.join(known)}"})
    return found


def _plain_problems(values: Mapping[str, Any]) -> dict[str, str]:
    problems: dict[str, str] = {}
    if not _NAME.fullmatch(str(values.get("name") or "")):
        problems["name"] = "must have 1 to 63 letters, digits and . _ - and begin with a letter or digit"
    if not _HOST.fullmatch(str(values.get("host") or "")):
        problems["host"] = "must be a host name or an address"
    prefix = str(values.get("prefix") or "")
    pairs = prefix.split(",")
    good = all(_PAIR.fullmatch(pair.strip()) for pair in pairs) if "|" in prefix else _BEFORE.fullmatch(prefix)
    if not good:
        problems["prefix"] = "must be digits to dial before a number, or a list of remove|add such as 00|+,0|44"
    return problems


def _settings(kind: ProviderType, settings: Mapping[str, Any]) -> str:
    """Only what was given is kept, so that a default that changes later counts."""
    convert(settings, kind.settings, below="settings")
    return msgspec.json.encode(settings).decode()
