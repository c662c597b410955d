from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_service_email.address import normalize

from ictcore.spec import InvalidInput

LOCAL_64 = "a" * 64
DOMAIN_63 = "d" * 63

GOOD = [
    pytest.param("ada@example.com", "ada@example.com", id="plain"),
    pytest.param(" ada@example.com ", "ada@example.com", id="spaces around"),
    pytest.param("Ada.Lovelace@EXAMPLE.Com", "Ada.Lovelace@example.com", id="only the domain is lower-cased"),
    pytest.param("a+b=c!#$%&'*/?^_`{|}~-@example.com", "a+b=c!#$%&'*/?^_`{|}~-@example.com", id="all atom characters"),
    pytest.param("root@localhost", "root@localhost", id="one label"),
    pytest.param("用户@例子.广告", "用户@例子.广告", id="Chinese"),
    pytest.param("Zoë@BÜCHER.example", "Zoë@bücher.example", id="umlauts"),
    pytest.param("x@" + unicodedata.normalize("NFD", "bücher.example"), "x@bücher.example", id="decomposed domain"),
    pytest.param("x@xn--bcher-kva.example", "x@xn--bcher-kva.example", id="ASCII form is kept"),
    pytest.param("x@straße.example", "x@straße.example", id="no letter is mapped to others"),
    pytest.param(f"{LOCAL_64}@example.com", f"{LOCAL_64}@example.com", id="longest local part"),
    pytest.param(f"a@{DOMAIN_63}.example", f"a@{DOMAIN_63}.example", id="longest label"),
    pytest.param("1@1.example", "1@1.example", id="digits"),
]

BAD = [
    pytest.param("", id="empty"),
    pytest.param("ada", id="no at sign"),
    pytest.param("ada@", id="no domain"),
    pytest.param("@example.com", id="no local part"),
    pytest.param("a@b@example.com", id="two at signs"),
    pytest.param('"a@b"@example.com', id="quoted local part"),
    pytest.param("Ada <ada@example.com>", id="display name"),
    pytest.param("ada@example.com,eve@example.com", id="two addresses"),
    pytest.param("ada@example.com;eve", id="semicolon"),
    pytest.param("ada(comment)@example.com", id="comment"),
    pytest.param("ada @example.com", id="space"),
    pytest.param("ada@exa mple.com", id="space in the domain"),
    pytest.param("ada\u00a0b@example.com", id="no-break space"),
    pytest.param("ada\u200bb@example.com", id="zero width space"),
    pytest.param("ada\u202eb@example.com", id="right-to-left override"),
    pytest.param("ada@example.com\r\nBcc: eve@example.com", id="CR LF"),
    pytest.param("ada@example.com\n", id="LF at the end"),
    pytest.param("a\x00da@example.com", id="NUL"),
    pytest.param("ada\u2028@example.com", id="line separator"),
    pytest.param("ada@[127.0.0.1]", id="address literal"),
    pytest.param(".ada@example.com", id="dot first"),
    pytest.param("ada.@example.com", id="dot last"),
    pytest.param("a..da@example.com", id="two dots"),
    pytest.param("ada@example..com", id="empty label"),
    pytest.param("ada@example.com.", id="dot at the end"),
    pytest.param("ada@-example.com", id="hyphen first"),
    pytest.param("ada@example-.com", id="hyphen last"),
    pytest.param("ada@exa_mple.com", id="underscore in the domain"),
    pytest.param("ada@例子。广告", id="ideographic full stop"),
    pytest.param("a" * 65 + "@example.com", id="local part too long"),
    pytest.param("ü" * 33 + "@example.com", id="local part too long in octets"),
    pytest.param("a@" + "d" * 64 + ".com", id="label too long"),
    pytest.param("a@" + "ü" * 60 + ".com", id="label too long in ASCII form"),
    pytest.param(f"a@{DOMAIN_63}.{DOMAIN_63}.{DOMAIN_63}.{DOMAIN_63}", id="address too long"),
    pytest.param("[contact:email]", id="token"),
    pytest.param("a@" + "x." * 50000, id="huge"),
    pytest.param("a\ud800@example.com", id="lone surrogate"),
    pytest.param("mailto:ada@example.com", id="scheme"),
]


@pytest.mark.parametrize(("address", "expected"), GOOD)
def test_address_is_normalised(address: str, expected: str) -> None:
    assert normalize(address) == expected
    assert normalize(expected) == expected


@pytest.mark.parametrize("address", BAD)
def test_bad_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        normalize(address)
    assert caught.value.message
    assert not caught.value.fields
    assert not address or address not in caught.value.message


LIKELY = st.builds("{}@{}".format, st.text(max_size=70), st.text(max_size=80))


@given(st.text(max_size=80) | LIKELY | st.emails())
def test_any_text_is_refused_or_becomes_a_stable_form(text: str) -> None:
    try:
        result = normalize(text)
    except InvalidInput:
        return
    assert normalize(result) == result
    assert result.count("@") == 1
    assert len(result.encode()) <= 254
    assert not set(result) & set(' \r\n\t\x00"<>(),;:\\[]\x85\u2028\u2029')
    assert len(result.splitlines()) == 1
    assert result.partition("@")[0] == text.strip(" ").partition("@")[0]


@given(st.emails(domains=st.sampled_from(["example.com", "mail.example.org"])))
def test_addresses_of_people_are_taken(address: str) -> None:
    local = address.partition("@")[0]
    assert normalize(address) == f"{local}@{address.partition('@')[2].lower()}"
