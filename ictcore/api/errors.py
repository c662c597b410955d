"""The only table from errors to HTTP statuses, and the one shape of an error's body."""

from __future__ import annotations

import logging
from typing import Any

import falcon
import msgspec

from ictcore.domain import errors

log = logging.getLogger(__name__)

STATUSES: dict[type[errors.IctError], int] = {
    errors.BadCredentials: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.InvalidInput: 412,
    errors.Conflict: 417,
    errors.WrongState: 423,
    errors.NotSupported: 501,
    errors.Unavailable: 503,
    errors.IctError: 500,
}
"""The most specific class wins. 429 is not in the contract: throttled logins are 401 with Retry-After."""


def status_of(error: errors.IctError) -> int:
    """The HTTP status of ``error``."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def body_of(status: int, message: str, *, code: str = "", fields: dict[str, str] | None = None) -> bytes:
    """``{"error": {"code", "message", "type"?, "fields"?}}`` as JSON."""
    error: dict[str, Any] = {"code": status, "message": message}
    if code:
        error["type"] = code
    if fields:
        error["fields"] = fields
    return msgspec.json.encode({"error": error})


def answer(response: falcon.Response, status: int, body: bytes) -> None:
    """Make ``response`` this error."""
    response.status = falcon.code_to_http_status(status)
    response.content_type = "application/json"
    response.data = body
    response.text = None
    response.stream = None


def on_our_error(
    request: falcon.Request, response: falcon.Response, error: errors.IctError, params: dict[str, Any]
) -> None:
    """Falcon's handler of everything that is raised on purpose."""
    status = status_of(error)
    fields = error.fields if isinstance(error, errors.InvalidInput) else None
    answer(response, status, body_of(status, error.message, code=error.code, fields=fields))
    if isinstance(error, (errors.Unavailable, errors.TooManyAttempts)):
        response.set_header("Retry-After", str(max(1, round(error.retry_after))))
    if status == 401:
        response.set_header("WWW-Authenticate", _challenge(request))
    if status >= 500 and status != 503 and status != 501:
        log.error("%s %s: %s", request.method, request.path, error, exc_info=error)


def _challenge(request: falcon.Request) -> str:
    """What to prove oneself with (RFC 9110, section 11.6.1). A browser is not asked for Basic.

    It would remember the password and send it with requests that other sites make it send.
    """
    browser = request.get_header("Sec-Fetch-Mode") or (request.user_agent or "").startswith("Mozilla/")
    return 'Bearer realm="ictcore"' if browser else 'Bearer realm="ictcore", Basic realm="ictcore"'


def on_http_error(
    request: falcon.Request, response: falcon.Response, error: falcon.HTTPError, params: dict[str, Any]
) -> None:
    """Falcon's own errors in our shape; a wrong method on a known path is 404, as the contract reads."""
    status = falcon.http_status_to_code(error.status)
    if status == 405:
        status = 404
    if status in (400, 411, 413, 414, 415, 431):
        status = 412 if status != 413 else 413
    answer(response, status, body_of(status, error.description or error.title or "Not Found", code="http"))


def on_fault(request: falcon.Request, response: falcon.Response, error: Exception, params: dict[str, Any]) -> None:
    """A fault of ours: logged in full, told in one sentence."""
    log.exception("%s %s failed", request.method, request.path, exc_info=error)
    answer(response, 500, body_of(500, "internal error", code="internal"))
