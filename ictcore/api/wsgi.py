"""What stands round the REST API in every process that serves it: dialects, proxies, security headers, counting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ictcore.api.app import create_app
from ictcore.api.auth import Authenticator
from ictcore.api.counter import RequestCounter
from ictcore.api.openapi import ApiDescription
from ictcore.api.operation import Operation
from ictcore.api.resources import operations_for
from ictcore.spec.dialect import Dialect, WsgiApp
from ictcore.usecases.system import System

log = logging.getLogger(__name__)

SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
)
_API_ONLY = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)
_COMPLETE = (*SECURITY_HEADERS, *_API_ONLY)


def create(system: System, operations: Iterable[Operation] | None = None) -> WsgiApp:
    """The whole WSGI application over ``system``. Call it in the process that serves: after a fork, not before.

    :param operations: default: all of the core and of the program types that are installed.
    """
    table = tuple(operations_for(system.registry) if operations is None else operations)
    system.part(ApiDescription).operations = table
    core: WsgiApp = create_app(system, system.part(Authenticator), table)
    app = mount(core, list(system.registry.dialects.values()))
    return surround(app, system.part(RequestCounter), frozenset(system.settings["http.trusted_proxies"]))


def mount(core: WsgiApp, dialects: Sequence[Dialect]) -> WsgiApp:
    """``core`` with each dialect under its prefix.

    A dialect sees its prefix in ``SCRIPT_NAME`` and the rest in ``PATH_INFO`` (PEP 3333). One that cannot be made is
    logged and left out: its paths are answered with 404.
    """
    mounted: list[tuple[str, WsgiApp]] = []
    for dialect in dialects:
        prefix = dialect.prefix.rstrip("/")
        try:
            if not prefix.startswith("/"):
                raise ValueError(f"the prefix {dialect.prefix!r} is no path")
            mounted.append((prefix, dialect.wsgi(core)))
        except Exception:
            log.exception("dialect %s cannot be mounted", dialect.name)
    if not mounted:
        return core
    mounted.sort(key=lambda item: -len(item[0]))  # the longest prefix wins

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        for prefix, inner in mounted:
            if path == prefix or path.startswith(prefix + "/"):
                environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + prefix
                environ["PATH_INFO"] = path[len(prefix) :]
                return inner(environ, start_response)
        return core(environ, start_response)

    return app


def surround(app: WsgiApp, counter: RequestCounter, proxies: frozenset[str]) -> WsgiApp:
    """``app`` with headers, counting, and the client's address where a trusted proxy tells it."""

    def outer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if proxies and environ.get("REMOTE_ADDR") in proxies:
            forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
            if forwarded:
                environ["REMOTE_ADDR"] = forwarded

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            counter.add(environ.get("ictcore.operation", "none"), status[:3])
            own = any(name == "content-security-policy" for name, _ in headers)
            headers.extend(SECURITY_HEADERS if own else _COMPLETE)
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return app(environ, start)

    return outer
