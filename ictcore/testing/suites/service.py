"""The suite that every service must pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ictcore.spec import FLAGS, InvalidInput, RetryPolicy, ServiceType, cause
from ictcore.testing.suites.gateway_safety import HOSTILE


class ServiceSuite:
    """Subclass it, override the fixture ``service_type``, and give some ``addresses``."""

    addresses: ClassVar[Sequence[str]] = ()
    """Addresses that the service takes, as people write them."""
    forbidden: ClassVar[str] = '\r\n\x00"<>;,'
    """Characters that no normal form has."""

    @pytest.fixture
    def service_type(self) -> ServiceType:
        """What the plugin registers."""
        raise NotImplementedError("the fixture service_type is needed")

    def test_it_says_what_it_is(self, service_type: ServiceType) -> None:
        """Its names, flags and numbers are ones that the core can use."""
        assert service_type.name.isidentifier()
        assert service_type.flag > 0
        assert service_type.flag & (service_type.flag - 1) == 0, "the flag is not one bit"
        assert FLAGS.get(service_type.name, service_type.flag) == service_type.flag
        assert service_type.address_field in ("phone", "email")
        assert service_type.report_timeout > 0
        assert isinstance(service_type.resend_uncertain, bool)

    def test_retries_are_by_known_causes(self, service_type: ServiceType) -> None:
        """And what is final is never tried again."""
        policy = service_type.retry
        assert isinstance(policy, RetryPolicy)
        assert set(policy.delays) <= cause.ALL
        for final in (cause.UNALLOCATED, cause.REJECTED, cause.CONTENT, cause.INVALID_ADDRESS, cause.UNCERTAIN):
            assert policy.delay(final, 1, 9) is None, f"{final} is tried again"

    def test_addresses_have_one_form(self, service_type: ServiceType) -> None:
        """Normalising the normal form changes nothing."""
        assert self.addresses, "give some addresses"
        for address in self.addresses:
            form = service_type.normalize(address, "")
            assert service_type.normalize(form, "") == form

    @pytest.mark.parametrize("country", ["", "GB", "XX", "'; --"])
    def test_hostile_text_is_refused_without_repeating_it(self, service_type: ServiceType, country: str) -> None:
        """Alone, and behind a good address."""
        for text in HOSTILE:
            self._refused_or_harmless(service_type, text, country)
            for address in self.addresses:
                self._refused_or_harmless(service_type, address + text, country)

    def test_any_text_is_refused_or_harmless(self, service_type: ServiceType) -> None:
        """Random text of all kinds."""

        @hypothesis_settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(st.text(), st.sampled_from(["", "GB", "US", "XX"]))
        def try_all(text: str, country: str) -> None:
            self._refused_or_harmless(service_type, text, country)

        try_all()

    def _refused_or_harmless(self, service_type: ServiceType, text: str, country: str) -> None:
        refusal = ""
        form = ""
        try:
            form = service_type.normalize(text, country)
        except InvalidInput as error:
            refusal = error.message
        if form:
            assert not set(form) & set(self.forbidden)
            assert service_type.normalize(form, country) == form
        else:
            assert refusal, "neither a form nor a reason"
            assert len(text) < 4 or text not in refusal, "the reason repeats what was refused"
