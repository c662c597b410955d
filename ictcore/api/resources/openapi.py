"""``/openapi.json`` and the page to read it, ``/docs``."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from ictcore.api.call import Call
from ictcore.api.openapi import ApiDescription
from ictcore.api.operation import Operation

STATIC = Path(__file__).parents[1] / "static"
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)


def _description(call: Call) -> Any:
    return msgspec.Raw(call.system.part(ApiDescription).json())


@cache
def _static(name: str) -> bytes:
    return (STATIC / name).read_bytes()


def _send(call: Call, name: str, kind: str) -> None:
    call.response.content_type = kind
    call.response.set_header("Content-Security-Policy", _PAGE_POLICY)
    call.response.set_header("Cache-Control", "no-cache")
    call.response.data = _static(name)


_HTML, _SCRIPT, _STYLE = "text/html; charset=utf-8", "text/javascript; charset=utf-8", "text/css; charset=utf-8"

OPERATIONS = (
    Operation("openapi.get", "GET", "/openapi.json", _description, "This description", auth=False,
              answer=dict[str, Any]),
    Operation("openapi.page", "GET", "/docs", lambda call: _send(call, "docs.html", _HTML),
              "A page to read this description, and to try it", auth=False, produces="text/html"),
    Operation("openapi.script", "GET", "/docs/docs.js", lambda call: _send(call, "docs.js", _SCRIPT),
              "The page's script", auth=False, produces="text/javascript"),
    Operation("openapi.style", "GET", "/docs/docs.css", lambda call: _send(call, "docs.css", _STYLE),
              "The page's style", auth=False, produces="text/css"),
)  # fmt: skip
