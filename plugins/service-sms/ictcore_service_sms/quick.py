"""Whether a number is E.164 already: the common case of a million recipients, twenty times quicker than to parse it.

Only says yes where the parser would return the number unchanged; when in doubt it says no, and the parser decides.
"""

from __future__ import annotations

import re
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

_SHAPE = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


def is_e164(text: str) -> bool:
    """Whether ``text`` is ``+``, a country code, and digits as many as the country's numbers have."""
    if not _SHAPE.fullmatch(text):
        return False
    for length in (1, 2, 3):
        rule = _rule(text[1 : 1 + length])
        if rule is not None:
            prefix, lengths = rule
            number = text[1 + length :]
            # A number that begins with 0, or with the prefix of calls within the country, may be rewritten.
            return len(number) in lengths and number[0] != "0" and not (prefix and prefix.match(number))
    return False


@lru_cache(maxsize=2048)
def _rule(code: str) -> tuple[re.Pattern[str] | None, frozenset[int]] | None:
    """The national prefix and the lengths of a country code; ``None`` when it is none."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code))
    if regions is None:
        return None
    metadata = PhoneMetadata.metadata_for_region(regions[0])
    if metadata is None or metadata.general_desc is None:  # the codes of no country, such as +800
        return None, frozenset()
    prefix = metadata.national_prefix_for_parsing
    return (re.compile(prefix) if prefix else None), frozenset(metadata.general_desc.possible_length)
