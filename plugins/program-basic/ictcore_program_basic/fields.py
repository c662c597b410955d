"""What the parameters of programs may hold: types with limits, and the checks that a type cannot tell.

The limits of a field stand twice: in its type, for the OpenAPI document and the check at the door, and in the
``rendered`` functions, because a token may bring what the door has not seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import msgspec

from ictcore.spec import Compilation, InvalidInput, render

LONGEST_SMS = 17_085
"""UTF-16 units: 255 parts (one octet counts them: 3GPP TS 23.040, section 9.2.3.24.1) of 67 UCS-2 characters."""
LONGEST_BODY = 1_000_000
LONGEST_SUBJECT = 255
LONGEST_RENDERED_LINE = 998
"""RFC 5322, section 2.1.1; a token may make a subject longer than a person would."""
LONGEST_LINE = 255

_ONE_LINE = r"^[^\x00\r\n]*(?!\n)$"
_NO_NUL = r"^[^\x00]*$"

Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Line = Annotated[str, msgspec.Meta(max_length=LONGEST_LINE, pattern=_ONE_LINE)]
Link = Annotated[str, msgspec.Meta(max_length=LONGEST_RENDERED_LINE, pattern=_ONE_LINE)]
Subject = Annotated[str, msgspec.Meta(max_length=LONGEST_SUBJECT, pattern=_ONE_LINE)]
SmsText = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_SMS, pattern=_NO_NUL)]
Body = Annotated[str, msgspec.Meta(max_length=LONGEST_BODY, pattern=_NO_NUL)]
Keyword = Annotated[str, msgspec.Meta(max_length=32, pattern=r"^[^\s\x00]*(?!\n)$")]

_SENDER = re.compile(r"\+?[0-9]{3,20}|(?=.*[A-Za-z])[A-Za-z0-9 ._&-]{1,11}")
_BREAKS = re.compile(r"[\r\n\x00]+")
_WORD = re.compile(r"\S*")
_ADDRESS = re.compile(r"[^\s@<>\"(),:;\\\[\]]{1,64}@[^\s@<>\"(),:;\\\[\]]{1,255}")
_URI = re.compile(r"(?:https://|mailto:)[!-;=?-~]{1,1000}", re.IGNORECASE)


def one_line(value: str) -> str:
    """What a token brings into a field of one line: its line breaks become spaces, so it cannot begin a second one."""
    return _BREAKS.sub(" ", value)


def no_nul(value: str) -> str:
    """What a token brings into a text of many lines."""
    return value.replace("\x00", "")


def rendered(
    field: str, text: str, compilation: Compilation, *, limit: int, escape: Callable[[str], str] = no_nul
) -> str:
    """``text`` with its tokens replaced.

    :param limit: UTF-16 units.
    :raises InvalidInput: it holds NUL or half a surrogate pair, or is longer than ``limit``; the field is ``field``.
    """
    result = render(text, compilation.tokens, escape=escape)
    if "\x00" in result:
        raise InvalidInput(fields={field: "must not hold the character NUL"})
    try:
        units = len(result.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        raise InvalidInput(fields={field: "must be Unicode text without half surrogate pairs"}) from None
    if units > limit:
        raise InvalidInput(fields={field: f"is longer than {limit} characters once its tokens are replaced"})
    return result


def rendered_line(field: str, text: str, compilation: Compilation, *, limit: int = LONGEST_RENDERED_LINE) -> str:
    """As :func:`rendered`, for a field of one line.

    :raises InvalidInput: also when it holds CR or LF.
    """
    result = rendered(field, text, compilation, limit=limit, escape=one_line)
    if _BREAKS.search(result):
        raise InvalidInput(fields={field: "must be one line"})
    return result


def rendered_sender(field: str, text: str, compilation: Compilation) -> str:
    """As :func:`rendered_line`, for the number or name that a text comes from; spaces around it are dropped.

    :raises InvalidInput: also when it is neither a number nor 1 to 11 letters, digits, spaces and ``. _ & -``.
    """
    result = rendered_line(field, text, compilation).strip()
    if result and not _SENDER.fullmatch(result):
        raise InvalidInput(fields={field: "must be a number, or 1 to 11 letters, digits, spaces and . _ & -"})
    return result


def rendered_address(field: str, text: str, compilation: Compilation) -> str:
    """As :func:`rendered_line`, for an e-mail address; spaces around it are dropped, ``""`` stays.

    :raises InvalidInput: also when it has not the shape of one; the service, who knows all its rules, sees it later.
    """
    result = rendered_line(field, text, compilation).strip()
    if result and not _ADDRESS.fullmatch(result):
        raise InvalidInput(fields={field: "must be an e-mail address"})
    return result


def rendered_uri(field: str, text: str, compilation: Compilation) -> str:
    """As :func:`rendered_line`, for a link; what tokens bring is percent-encoded. ``""`` stays.

    :raises InvalidInput: also when it does not begin with ``https://`` or ``mailto:``.
    """
    result = rendered(field, text, compilation, limit=LONGEST_RENDERED_LINE, escape=lambda value: quote(value, safe=""))
    if result and not _URI.fullmatch(result):
        raise InvalidInput(fields={field: "must be a link that begins with https:// or mailto:"})
    return result


def line(field: str, value: str) -> None:
    """Check a field of one line that is made in code and so did not pass its type.

    :raises InvalidInput: it holds CR, LF or NUL.
    """
    if _BREAKS.search(value):
        raise InvalidInput(fields={field: "must be one line without the character NUL"})


def word(field: str, value: str) -> None:
    """Check a field of one word.

    :raises InvalidInput: it holds white space or NUL.
    """
    if "\x00" in value or not _WORD.fullmatch(value):
        raise InvalidInput(fields={field: "must be one word"})


def column(references: Mapping[str, Mapping[str, Any]], field: str, name: str) -> str:
    """The text in column ``name`` of the row that ``field`` refers to; ``""`` for ``None``.

    :raises InvalidInput: there is no such row.
    """
    row = references.get(field)
    if row is None:
        raise InvalidInput(fields={field: "there is no such row"})
    value = row.get(name)
    return "" if value is None else str(value)
