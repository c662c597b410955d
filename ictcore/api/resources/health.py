"""``/health``"""

from __future__ import annotations

from typing import Any

import falcon

from ictcore.api.auth import Authenticator
from ictcore.api.call import Call
from ictcore.api.local import from_this_machine
from ictcore.api.operation import Operation
from ictcore.api.types import Struct
from ictcore.domain.errors import BadCredentials, Unavailable
from ictcore.usecases import health


class Dependency(Struct):
    """Something that the system depends on. ``fault``: empty when it is well."""

    name: str
    ok: bool
    fault: str
    critical: bool
    detail: dict[str, Any]


class Health(Struct):
    """How the system is. ``dependencies`` are told to this machine itself and to those who show valid credentials."""

    status: str
    dependencies: list[Dependency] | None = None


def _get(call: Call) -> Any:
    report = health.check(call.system)
    if not report.ready:
        call.response.status = falcon.HTTP_503
        call.response.set_header("Retry-After", "5")
    answer: dict[str, Any] = {"status": "ready" if report.ready else "not ready"}
    if _is_known(call):
        answer["dependencies"] = report.dependencies
    return answer


def _is_known(call: Call) -> bool:
    """Whoever shows credentials with ``configuration_read``, or asks from this machine itself."""
    header = call.request.get_header("Authorization") or call.request.get_header("Authentication")
    if not header:
        return from_this_machine(call.request)
    try:
        actor = call.system.part(Authenticator)(header, call.request.remote_addr or "")
    except (BadCredentials, Unavailable):
        return False
    return actor.may("configuration_read")


OPERATIONS = (
    Operation("health.get", "GET", "/health", _get, "Whether the system is ready", answer=Health, auth=False,
              description="200 when it takes work and does it, else 503. A gateway that is down is told, and is no"
              " reason for 503: what is sent meanwhile waits."),
)  # fmt: skip
