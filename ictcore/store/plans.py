"""Plans as they are kept in attempts: JSON text."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from ictcore.domain.plan import Plan

_decoder = msgspec.json.Decoder(Plan)
_encoder = msgspec.json.Encoder()


def dump_plan(plan: Plan) -> str:
    """The text of ``plan``."""
    return _encoder.encode(plan).decode()


@lru_cache(maxsize=4096)
def load_plan(text: str) -> Plan:
    """The plan of ``text``; equal texts give the same object.

    :raises msgspec.DecodeError: it is not the text of a plan.
    """
    return _decoder.decode(text)
