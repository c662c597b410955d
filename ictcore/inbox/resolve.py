"""Which program answers an inbound message or call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ictcore.domain.errors import InvalidInput
from ictcore.spec.service import ServiceType
from ictcore.spec.sink import Refusal
from ictcore.store import inbound
from ictcore.store.bulk import clean
from ictcore.store.database import Store


@dataclass(frozen=True, slots=True)
class Offer:
    """What a gateway asks about. Addresses as received; ``text``: of a message, ``""`` for a call or fax."""

    service: str
    called: str
    caller: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who answers.

    :ivar owner: the user whose route matched; what comes of the offer is his.
    :ivar account: our side, ``None`` when no account has the called address.
    :ivar called: and ``caller``: in the service's normal form; as received where that could not be found.
    """

    service: ServiceType
    program: int
    account: int | None
    owner: int | None
    called: str
    caller: str


def resolve(store: Store, services: Mapping[str, ServiceType], offer: Offer, *, country: str = "") -> Resolution:
    """The program that answers ``offer``. Reads only; serves messages and calls.

    The best match wins: called address and keyword, called address, an account with that address, a route for any
    address (with the keyword, then without). Among equals the lighter route, then the older one.

    :param country: ISO 3166 code that national numbers belong to, ``""`` for none.
    :raises Refusal: nobody answers there, or no installed plugin knows the service.
    """
    service = services.get(offer.service)
    if service is None:
        raise Refusal(f"there is no service {offer.service}", cause="forbidden")
    called, caller = (_normal(service, address, country) for address in (offer.called, offer.caller))
    words = offer.text.split(maxsplit=1)
    keyword = clean(words[0]).lower() if words else ""
    flag, field = service.flag, service.address_field
    row = None
    if called:
        row = (
            (inbound.route(store, flag, called, keyword) if keyword else None)
            or inbound.route(store, flag, called, "")
            or inbound.account_route(store, flag, field, called, [keyword, ""])
        )
    row = row or (inbound.catch_all(store, flag, keyword) if keyword else None) or inbound.catch_all(store, flag, "")
    if row is None:
        raise Refusal("nobody answers there")
    program, account, owner = row
    if account is None and called:
        account = inbound.account_of(store, field, called, owner)
    return Resolution(service, program, account, owner, called, caller)


def _normal(service: ServiceType, address: str, country: str) -> str:
    address = clean(address).strip()
    if not address:
        return ""
    try:
        return service.normalize(address, country)
    except InvalidInput:
        return address
