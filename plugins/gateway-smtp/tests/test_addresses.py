"""Addresses on the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_gateway_smtp.addresses import BadAddress, wire_address
from ictcore_gateway_smtp.identity import (
    attempt_of_bounce_address,
    attempt_of_envelope_id,
    attempt_of_message_id,
    bounce_address,
    message_id,
)

from ictcore.spec import new_attempt_id

GOOD = [
    ("ada@example.org", "ada@example.org"),
    ("a.b+c=d_e@sub.example.org", "a.b+c=d_e@sub.example.org"),
    ("o'neil!#$%&*/?^`{|}~@example.org", "o'neil!#$%&*/?^`{|}~@example.org"),
    ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
    ("jürgen@example.org", "jürgen@example.org"),
    ('"two words"@example.org', '"two words"@example.org'),
    ("ada@[192.0.2.1]", "ada@[192.0.2.1]"),
    ("ada@[IPv6:2001:db8::1]", "ada@[IPv6:2001:db8::1]"),
    ("x" * 64 + "@example.org", "x" * 64 + "@example.org"),
    ("root@localhost", "root@localhost"),
]
BAD = [
    "", "ada", "@example.org", "ada@", "ada@example.org ", " ada@example.org", "a da@example.org", "ada@exa mple.org",
    "ada@example.org>", "<ada@example.org>", "ada@example.org\r\nRCPT TO:<victim@evil.example>", "ada\0@example.org",
    "ada@example.org\n", 'a"b@example.org', "a..b@example.org", ".a@example.org", "ada@ex\u2028ample.org", "a@b..c",
    "a@-b.c", "a@[999", "a@[x]", "x" * 65 + "@example.org", "a@" + "b" * 64 + ".org", "a@" + "b." * 130 + "org",
    "a,b@example.org", "a;b@example.org", "ada@example.org SIZE=1", "ada\u2028@example.org", "ada\ud800@example.org",
    "a@b@c d",
]  # fmt: skip


@pytest.mark.parametrize(("address", "wire"), GOOD)
def test_good_addresses(address: str, wire: str) -> None:
    assert wire_address(address) == wire
    assert wire_address(wire) == wire


@pytest.mark.parametrize("address", BAD)
def test_bad_addresses(address: str) -> None:
    with pytest.raises(BadAddress):
        wire_address(address)


@given(st.text(max_size=40) | st.text(st.sampled_from('ab.@<> "\\\r\n\0ü'), max_size=20))
def test_no_address_can_leave_its_brackets(text: str) -> None:
    try:
        wire = wire_address(text)
    except BadAddress:
        return
    outside = wire
    if wire.startswith('"'):
        outside = wire[wire.rindex('"') + 1 :]
    assert not set(outside) & set("<> \r\n\0\t")
    assert not set(wire) & set("\r\n\0")


def test_the_attempt_comes_back_from_each_place() -> None:
    attempt = new_attempt_id()
    bases = ("bounce@bounces.test", "a+b@other.test")
    assert attempt_of_message_id(f"x {message_id(attempt, 'example.com')} y") == attempt
    assert attempt_of_message_id(message_id(attempt, "example.com").upper()) == attempt
    for base in bases:
        assert attempt_of_bounce_address(bounce_address(attempt, base)) == attempt
        assert attempt_of_bounce_address(bounce_address(attempt, base).upper()) == attempt
    assert attempt_of_envelope_id(f" {attempt.upper()} ") == attempt


@pytest.mark.parametrize("text", ["", "<a@b>", "bounce@bounces.test", "bounce+x@bounces.test", "+" * 50, "12345"])
def test_what_is_none_of_ours(text: str) -> None:
    assert attempt_of_message_id(text) == ""
    assert attempt_of_bounce_address(text) == ""
    assert attempt_of_envelope_id(text) == ""
