from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_service_sms.number import destination, source

from ictcore.spec import InvalidInput

GOOD = [
    pytest.param("+442071838750", "", "+442071838750", id="E.164"),
    pytest.param("+44 (20) 7183-8750", "", "+442071838750", id="separators"),
    pytest.param("  +44.20.7183.8750 ", "US", "+442071838750", id="plus wins over the country"),
    pytest.param("020 7183 8750", "GB", "+442071838750", id="national"),
    pytest.param("020 7183 8750", "gb", "+442071838750", id="country in small letters"),
    pytest.param("02071838750", "", "02071838750", id="national without country keeps its zero"),
    pytest.param("0030012345678", "", "0030012345678", id="two zeros without country are kept"),
    pytest.param("03001234567", "PK", "+923001234567", id="Pakistan"),
    pytest.param("(212) 555-0123", "US", "+12125550123", id="North America"),
    pytest.param("011 44 20 7183 8750", "US", "+442071838750", id="access code of the country"),
    pytest.param("0044 20 7183 8750", "GB", "+442071838750", id="00 where it is the access code"),
    pytest.param("0044 20 7183 8750", "US", "+442071838750", id="00 where another one is"),
    pytest.param("+39 06 698 12345", "", "+390669812345", id="Italian zero is kept"),
    pytest.param("22 12 34 56", "NO", "+4722123456", id="eight digits that are a national number"),
    pytest.param("60777", "GB", "60777", id="short code with country"),
    pytest.param("60777", "", "60777", id="short code"),
    pytest.param("007", "", "007", id="short code with zeros"),
    pytest.param("12345678", "", "12345678", id="longest short code"),
    pytest.param("+15550000001", "", "+15550000001", id="possible, range not in use"),
    pytest.param("\u202a+44\u00a020\u00a07183\u00a08750\u202c", "", "+442071838750", id="copied from a telephone"),
    pytest.param("+٤٤٢٠٧١٨٣٨٧٥٠", "", "+442071838750", id="Arabic digits"),
    pytest.param("+44 20 7183 8750", "", "+442071838750", id="full width"),
]

BAD = [
    pytest.param("", "", id="empty"),
    pytest.param("+", "", id="only a plus"),
    pytest.param("  ", "", id="only spaces"),
    pytest.param("12", "", id="too short"),
    pytest.param("123456789012345678901", "", id="too many digits"),
    pytest.param("+1234567890123456", "", id="more than E.164 has"),
    pytest.param("+999123456789", "", id="no such country code"),
    pytest.param("+44 20", "", id="international too short"),
    pytest.param("1234567890123", "US", id="not of the country"),
    pytest.param("020 7183 8750", "XX", id="unknown country"),
    pytest.param("020 7183 8750", "G'B", id="hostile country"),
    pytest.param("ICT", "", id="letters"),
    pytest.param("+44 20 7183 8750 ext 5", "", id="extension"),
    pytest.param("1-800-FLOWERS", "US", id="vanity number"),
    pytest.param("++442071838750", "", id="two plus signs"),
    pytest.param("44+2071838750", "", id="plus in the middle"),
    pytest.param("+442071838750\r\nBcc: x", "", id="CR LF"),
    pytest.param("+442071838750\n", "", id="LF at the end"),
    pytest.param("+44207183\x008750", "", id="NUL"),
    pytest.param("+442071838750' OR 1=1", "", id="SQL"),
    pytest.param("+442071838750&to=1", "", id="query"),
    pytest.param("[contact:phone]", "", id="token"),
    pytest.param("²³⁴⁵", "", id="superscripts are no decimal digits"),
    pytest.param("1" * 5000, "", id="huge"),
    pytest.param("\ud800123456", "", id="lone surrogate"),
]


@pytest.mark.parametrize(("address", "country", "expected"), GOOD)
def test_number_is_normalised(address: str, country: str, expected: str) -> None:
    assert destination(address, country) == expected
    assert source(address, country) == expected
    assert destination(expected, country) == expected


@pytest.mark.parametrize(("address", "country"), BAD)
def test_bad_number_is_refused_without_repeating_it(address: str, country: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        destination(address, country)
    assert caught.value.message
    assert not caught.value.fields
    assert len(address) < 3 or address not in caught.value.message


@pytest.mark.parametrize("name", ["ICTCore", "Shop 24", "A.B_C&D-E", "x", "12345678 9a"[:11]])
def test_sender_name_is_a_source_and_no_destination(name: str) -> None:
    assert source(name, "GB") == name
    with pytest.raises(InvalidInput):
        destination(name, "GB")


@pytest.mark.parametrize("name", ["TwelveLetters", "a\nb", "a'b", 'a"b', "a;b", "Zoé\x00", "[account:phone]", "t:1"])
def test_bad_sender_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        source(name, "")


COUNTRIES = st.sampled_from(["", "GB", "US", "PK", "NO", "IT", "DE", "SA", "XX"])


@given(st.text(max_size=40) | st.text("0123456789+ -()", max_size=24), COUNTRIES)
def test_any_text_is_refused_or_becomes_a_stable_form(text: str, country: str) -> None:
    try:
        number = destination(text, country)
    except InvalidInput:
        return
    assert number.lstrip("+").isascii()
    assert number.lstrip("+").isdigit()
    assert number.count("+") <= 1
    assert 3 <= len(number) <= 20
    assert destination(number, country) == number


@given(st.text(max_size=20), COUNTRIES)
def test_a_source_has_no_dangerous_character(text: str, country: str) -> None:
    try:
        result = source(text, country)
    except InvalidInput:
        return
    assert not set(result) & set("\r\n\x00'\"\\;<>{}[]|^,")
