"""How many parts a text has (3GPP TS 23.038, section 6.2.1, and TS 23.040, section 9.2.3.24.1)."""

from __future__ import annotations

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")


def parts(text: str) -> int:
    """160 characters of the GSM alphabet in one part, 153 in each of several; 70 and 67 units of UTF-16 otherwise."""
    letters = set(text)
    if letters <= _BASIC:
        length, alone, joined = len(text), 160, 153
    elif letters <= _BASIC | _EXTENDED:
        length, alone, joined = len(text) + sum(letter in _EXTENDED for letter in text), 160, 153
    else:
        length, alone, joined = len(text.encode("utf-16-le", "replace")) // 2, 70, 67
    return 1 if length <= alone else -(-length // joined)
