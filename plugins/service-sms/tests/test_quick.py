from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ictcore_service_sms.quick import is_e164

CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


def parsed(text: str) -> str | None:
    """What the library makes of it."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(CODES), st.text("0123456789", min_size=3, max_size=13))
@example(1, "12125550123")
@example(44, "02071838750")
@example(39, "0669812345")
@example(54, "91123456789")
@example(52, "15512345678")
@example(7, "88001234567")
@example(36, "0612345678")
@example(800, "12345678")
def test_what_it_says_yes_to_the_parser_leaves_as_it_is(code: int, number: str) -> None:
    text = f"+{code}{number}"
    if is_e164(text):
        assert parsed(text) == text


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_examples_of_every_country_are_the_parsers_too(region: str) -> None:
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if number is not None:
        text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        assert not is_e164(text) or parsed(text) == text


def test_most_mobile_numbers_are_quick() -> None:
    quick = [
        is_e164(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
        for region in phonenumbers.SUPPORTED_REGIONS
        if (number := phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)) is not None
    ]
    assert sum(quick) > 0.8 * len(quick)


@pytest.mark.parametrize(
    "text", ["", "+", "442071838750", "+44 2071838750", "+442071838750\n", "+0442071838750", "+4420"]
)
def test_anything_else_is_for_the_parser(text: str) -> None:
    assert not is_e164(text)
