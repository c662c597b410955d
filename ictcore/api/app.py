"""The WSGI application, made from the table of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import falcon
import msgspec

from ictcore.api import errors
from ictcore.api.body import Decoder
from ictcore.api.call import Call
from ictcore.api.operation import JSON, Operation
from ictcore.domain.errors import IctError, InvalidInput, NotFound
from ictcore.domain.user import Actor
from ictcore.usecases.system import System

Authenticate = Callable[[str | None, str], Actor]
"""``(Authorization header, network address) -> actor``; raises BadCredentials."""

_encode = msgspec.json.Encoder().encode


def create_app(system: System, authenticate: Authenticate, operations: Iterable[Operation]) -> falcon.App[Any, Any]:
    """The API over ``system``.

    :raises ValueError: two operations answer to the same method and path.
    """
    app: falcon.App[Any, Any] = falcon.App(media_type=JSON, cors_enable=False)
    app.req_options.strip_url_path_trailing_slash = True
    app.req_options.keep_blank_qs_values = True
    app.req_options.auto_parse_qs_csv = False
    app.resp_options.secure_cookies_by_default = True
    app.set_error_serializer(lambda request, response, error: None)
    app.add_error_handler(Exception, errors.on_fault)
    app.add_error_handler(falcon.HTTPError, errors.on_http_error)
    app.add_error_handler(IctError, errors.on_our_error)
    paths: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        for method, path in operation.forms:
            taken = paths.setdefault(path, {})
            if method in taken:
                raise ValueError(f"{operation.id} and {taken[method].id} both answer {method} {path}")
            taken[method] = operation
    for path, methods in paths.items():
        app.add_route(path, _resource(system, authenticate, methods))
    app.add_sink(_nothing_here)
    return app


def _nothing_here(req: falcon.Request, resp: falcon.Response, **kwargs: Any) -> None:
    raise NotFound(f"there is nothing at {req.method} {req.path}")


def _resource(system: System, authenticate: Authenticate, methods: dict[str, Operation]) -> object:
    """A Falcon resource with one responder per method."""
    members = {
        f"on_{method.lower()}": staticmethod(_responder(system, authenticate, operation))
        for method, operation in methods.items()
    }
    return type("Resource", (), members)()


def _responder(system: System, authenticate: Authenticate, operation: Operation) -> Callable[..., None]:
    decoder = Decoder(operation.body) if operation.body is not None else None
    handler = operation.handler
    plain_json = operation.produces == JSON
    needs_actor = operation.auth
    name = operation.id
    largest = system.settings["http.max_body"]

    def respond(request: falcon.Request, response: falcon.Response, **params: str) -> None:
        actor = None
        request.env["ictcore.operation"] = name
        if needs_actor:
            header = request.get_header("Authorization") or request.get_header("Authentication")
            actor = authenticate(header, request.remote_addr or "")
        ids, texts = _path(params) if params else ({}, {})
        body = decoder.decode(_read(request, largest)) if decoder is not None else None
        answer = handler(Call(system, actor, request, response, ids, texts, body))
        if plain_json:
            response.data = _encode(answer)

    return respond


def _path(params: dict[str, str]) -> tuple[dict[str, int], dict[str, str]]:
    """Path parts called ``…_id`` are numbers; one that is not names nothing that exists."""
    ids: dict[str, int] = {}
    texts: dict[str, str] = {}
    for name, text in params.items():
        if not name.endswith("_id"):
            texts[name] = text
        elif text.isascii() and text.isdigit() and len(text) <= 18:
            ids[name] = int(text)
        else:
            raise NotFound(f"there is no {name.removesuffix('_id')} {text[:40]!r}")
    return ids, texts


def _read(request: falcon.Request, largest: int) -> bytes:
    length = request.content_length
    if length is not None and length > largest:
        raise InvalidInput(fields={"body": f"must not be larger than {largest} bytes"})
    # Without a length it is sent in chunks: then the server must tell where it ends, or reading would never end.
    ends = length is None and request.env.get("wsgi.input_terminated")
    try:
        raw: bytes = (request.stream if ends else request.bounded_stream).read(largest + 1)
    except OSError as error:  # the client went away, or its chunks are none
        raise InvalidInput(fields={"body": f"cannot be read: {type(error).__name__}"}) from error
    if len(raw) > largest:
        raise InvalidInput(fields={"body": f"must not be larger than {largest} bytes"})
    return raw
