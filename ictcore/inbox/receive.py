"""What becomes of an inbound message: a completed transmission with the message beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from ictcore.domain.clock import epoch
from ictcore.domain.event import Part, Received
from ictcore.domain.ids import new_attempt_id
from ictcore.domain.service import EMAIL
from ictcore.inbox.resolve import Offer, Resolution, resolve
from ictcore.spec.service import ServiceType
from ictcore.spec.sink import Refusal
from ictcore.store import attempts, inbound, inbox
from ictcore.store.bulk import clean
from ictcore.store.database import Store
from ictcore.store.media import MediaStore

_encode = msgspec.json.Encoder(enc_hook=str).encode


class Receiver:
    """Stores inbound messages.

    :param services: by name.
    :param country: ISO 3166 code that national numbers belong to, ``""`` for none.
    """

    def __init__(
        self, store: Store, services: Mapping[str, ServiceType], media: MediaStore, *, country: str = ""
    ) -> None:
        self._store = store
        self._services = services
        self._media = media
        self._country = country

    def receive(self, event: Received, now: float) -> Refusal | None:
        """Store a message inside the caller's transaction; ``None``: it is taken (now, or when it came before).

        :param now: epoch seconds.
        :returns: a refusal when nobody takes it; nothing was stored then.
        """
        key = clean(f"{event.gateway}:{event.key}")
        try:
            found = resolve(
                self._store,
                self._services,
                Offer(event.service, event.called, event.caller, event.text or event.subject),
                country=self._country,
            )
        except Refusal as refusal:
            # Its route may have gone since it was taken; the far side must not hear two answers.
            return None if inbox.known(self._store, key) else refusal
        digests = [self._media.put(part.content) for part in event.parts]
        if not inbox.keep(self._store, [(key, "Received", _body(event, digests), now)]):
            return None
        self._store_message(event, found, digests, now)
        return None

    def _store_message(self, event: Received, found: Resolution, digests: list[str], now: float) -> None:
        store, service, at = self._store, found.service, epoch(event.at)
        is_mail = service.name == EMAIL
        kind = "E-mail" if is_mail else service.name.upper()
        title = clean(f"{kind} from {found.caller or 'unknown'}")
        contact = inbound.contact(store, service.address_field, found.caller, found.owner, now)
        transmission = inbound.transmission(
            store, title=title, flag=service.flag, program=found.program, account=found.account, contact=contact,
            owner=found.owner, at=at, now=now,
        )  # fmt: skip
        spool = inbound.spool(
            store, uuid=new_attempt_id(), transmission=transmission, flag=service.flag, account=found.account,
            owner=found.owner, source=found.caller, destination=found.called, vendor_id=clean(event.key),
            provider=inbound.provider_called(store, clean(event.provider)), node=None, at=at, now=now,
        )  # fmt: skip
        if is_mail or event.parts or event.html:
            name = "template"
            message = inbound.template(
                store, name=title, subject=clean(event.subject), html=clean(event.html), plain=clean(event.text),
                files=[
                    (clean(part.name), clean(part.content_type), digest, len(part.content))
                    for part, digest in zip(event.parts, digests, strict=True)
                ],
                owner=found.owner, now=now,
            )  # fmt: skip
        else:
            name = "text"
            message = inbound.text(store, name=title, data=clean(event.text), owner=found.owner, now=now)
        infos = {"gateway": event.gateway, "provider": event.provider, "called": event.called, "caller": event.caller}
        attempts.RESULTS.run(
            store,
            [
                (spool, "message", name, str(message), now),
                *((spool, "info", info, clean(value), now) for info, value in infos.items() if value),
                *((spool, "info", clean(f"header:{info}"), clean(value), now) for info, value in event.headers.items()),
            ],
        )


def _body(event: Received, digests: list[str]) -> str:
    """The event as JSON; files by their digests."""
    plain: dict[str, Any] = msgspec.to_builtins(replace(event, parts=()), enc_hook=str)
    plain["parts"] = [_part(part, digest) for part, digest in zip(event.parts, digests, strict=True)]
    return clean(_encode(plain).decode())


def _part(part: Part, digest: str) -> dict[str, Any]:
    return {"name": part.name, "content_type": part.content_type, "size": len(part.content), "digest": digest}
