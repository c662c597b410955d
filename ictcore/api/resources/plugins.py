"""``/plugins``"""

from __future__ import annotations

from typing import Any

from ictcore.api.call import Call
from ictcore.api.operation import Operation
from ictcore.api.types import Struct


class Plugin(Struct):
    """An installed plugin. ``state``: ``loaded``, ``blocked`` (by the settings) or ``quarantined`` (see ``error``)."""

    name: str
    distribution: str
    version: str
    state: str
    hooks: list[str]
    error: str


def _list(call: Call) -> Any:
    call.actor.require("configuration_read")
    return [
        Plugin(
            name=info.name,
            distribution=info.distribution,
            version=info.version,
            state=info.state,
            hooks=list(info.hooks),
            error=info.error,
        )
        for info in call.system.registry.plugins
    ]


OPERATIONS = (
    Operation("plugins.list", "GET", "/plugins", _list, "Get all installed plugins", ("configuration_read",),
              answer=list[Plugin]),
)  # fmt: skip
