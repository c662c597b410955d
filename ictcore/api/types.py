"""The types of request fields: what is legal in each kind of text and number. OpenAPI is made from them too."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

NO_CONTROL = r"^(?![\s\S]*[\x00-\x1f\x7f])"
"""No control characters anywhere (a plain ``[^…]*$`` would let a final line feed through)."""
NO_NUL = r"^(?![\s\S]*\x00)"

Line = Annotated[str, Meta(max_length=255, pattern=NO_CONTROL)]
"""One line of text."""
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=NO_CONTROL)]
"""One line that must say something."""
Prose = Annotated[str, Meta(max_length=4096, pattern=NO_NUL)]
"""Some lines of text, such as a description."""
Content = Annotated[str, Meta(max_length=1_000_000, pattern=NO_NUL)]
"""The body of a message."""
Phone = Annotated[str, Meta(max_length=32, pattern=NO_CONTROL)] | Annotated[int, Meta(ge=0, le=10**15)]
"""A telephone number; as a JSON number it has no leading zeros and no ``+``. Stored as text."""
Email = Annotated[str, Meta(max_length=254, pattern=NO_CONTROL)]
Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Flag = Annotated[int, Meta(ge=0, le=1)] | bool
"""1 or 0, as the contract has it; true and false are understood."""

Moment = Annotated[int, Meta(description="Seconds since 1970-01-01 UTC")]


def given(body: msgspec.Struct) -> dict[str, Any]:
    """The fields that a request named, as the store wants them: ``None`` is ``""``, a flag is 0 or 1.

    Fields whose value may really be absent (ids) are left ``None`` by :data:`NULLABLE`.
    """
    values: dict[str, Any] = {}
    for name in body.__struct_fields__:
        value = getattr(body, name)
        if value is UNSET:
            continue
        if value is None:
            values[name] = None if name in NULLABLE else ""
        elif isinstance(value, bool):
            values[name] = int(value)
        elif name == "phone" and not isinstance(value, str):
            values[name] = str(value)
        else:
            values[name] = value
    return values


NULLABLE = frozenset({"parent_id", "account_id", "campaign_id", "node_id", "country_id", "timezone_id"})


def partial(struct: type[msgspec.Struct], name: str) -> type[msgspec.Struct]:
    """``struct`` with every field optional: the body of an update, where only named fields change."""
    fields: list[tuple[str, Any, Any]] = [
        (field.name, field.type | UnsetType if not _optional(field.type) else field.type, UNSET)
        for field in msgspec.structs.fields(struct)
    ]
    return msgspec.defstruct(name, fields, kw_only=True)


def _optional(kind: Any) -> bool:
    return UnsetType in getattr(kind, "__args__", ())


class Struct(msgspec.Struct, kw_only=True):
    """Base of request and response types. Unknown members of a request are ignored, as the contract wants."""
