"""The gateway: its life, its providers, and what becomes of an attempt before a transport gets it."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from ictcore.spec import (
    Attempt,
    Event,
    GatewayContext,
    GatewayError,
    GatewayMisconfigured,
    GatewayRejected,
    GatewayUnavailable,
    Health,
    NotSubmitted,
    Reconciliation,
    Sink,
    Trunk,
    cause,
    utc_now,
)
from ictcore_gateway_kannel import config as configuration
from ictcore_gateway_kannel import providers, translate
from ictcore_gateway_kannel.box import BoxTransport
from ictcore_gateway_kannel.outgoing import Outgoing, Seen, gone_back
from ictcore_gateway_kannel.provision import Provisioner
from ictcore_gateway_kannel.reports import ID, Reports
from ictcore_gateway_kannel.sendsms import SendsmsTransport
from ictcore_gateway_kannel.text import TooLong, encode
from ictcore_gateway_kannel.transport import Message, Route, Transport

_ID: Final = re.compile(ID)
_NUMBER: Final = re.compile(r"\+?[0-9]{1,20}")
_SENDER: Final = re.compile(r"\+?[0-9]{1,20}|[\x20-\x7e]{1,11}")
_STRUCTS: Final[dict[str, type[providers.Link | providers.Smpp | providers.Http]]] = {
    providers.LINK: providers.Link,
    providers.SMPP: providers.Smpp,
    providers.HTTP: providers.Http,
}


class KannelGateway:
    """SMS through one Kannel. See :class:`ictcore.spec.Gateway` for the contract."""

    def __init__(self, context: GatewayContext) -> None:
        """:raises GatewayMisconfigured: the settings are wrong."""
        self.config = configuration.read(context.settings, context.home)
        self._routes: dict[int, Route] = {}
        self._names: dict[str, str] = {}
        self._seen = Seen()
        self._reports = Reports(context.home / "parts.journal")
        self._provisioner = Provisioner(self.config)
        self._token_path = context.home / "callback.token"
        self._sink: Sink | None = None
        self._lock = threading.Lock()
        self._awake = False
        self._stopped = False
        self._transport: Transport
        if self.config.transport == configuration.HTTP:
            self._transport = SendsmsTransport(self.config, self._reports, self._seen, self._name, self._token)
        else:
            self._transport = BoxTransport(self.config, self._reports, self._seen, self._name)

    @property
    def transport(self) -> Transport:
        """The way that messages go."""
        return self._transport

    def provision(self, trunks: Sequence[Trunk]) -> None:
        """Make ``trunks`` the ones in use.

        :raises GatewayMisconfigured: some cannot be used; the message names them. The others are in use all the same.
        """
        routes: dict[int, Route] = {}
        wrong: list[str] = []
        written: list[tuple[Trunk, providers.Smpp | providers.Http]] = []
        for trunk in trunks:
            try:
                settings = _settings(trunk)
                if isinstance(settings, (providers.Smpp, providers.Http)):
                    self._provisioner.check(trunk, settings)
                    written.append((trunk, settings))
                routes[trunk.id] = _route(trunk, settings, self._provisioner)
            except GatewayMisconfigured as error:
                wrong.append(f"provider {trunk.name!r}: {error.message}")
        self._names = {route.smsc: route.name for route in routes.values()}
        self._routes = routes
        with self._lock:
            wrong += self._provisioner.apply(written)
        self._wake()
        if wrong:
            raise GatewayMisconfigured("; ".join(wrong))

    def start(self, sink: Sink) -> None:
        """Begin to connect and to listen, as soon as there is a provider; returns at once."""
        self._sink = sink
        self._wake()

    def _wake(self) -> None:
        """Nobody who has no provider here wants to hear that there is no Kannel. Once awake, it stays awake."""
        if self._awake or self._stopped or self._sink is None or not self._routes:
            return
        self._awake = True
        self._reports.open()
        self._provisioner.start()
        self._transport.start(self._sink)

    def room(self) -> int:
        """How many more attempts it takes now."""
        return self._transport.room() if self._awake and not self._stopped else 0

    def submit(self, attempts: Sequence[Attempt]) -> None:
        """Take a batch to send; returns at once. An id that was taken before is not sent again."""
        messages: list[Message] = []
        refused: list[Event] = []
        seen = self._seen
        for attempt in attempts:
            if not seen.add(attempt.id):
                continue
            try:
                messages.append(self._message(attempt))
            except GatewayError as error:
                event = NotSubmitted(attempt_id=attempt.id, at=utc_now(), error=error)
                gone_back(event, seen)
                refused.append(event)
        if messages:
            self._transport.submit(messages)
        if refused and self._sink is not None:
            self._sink.put(refused)

    def _message(self, attempt: Attempt) -> Message:
        if self._stopped:
            raise GatewayUnavailable("the gateway is stopping")
        route = self._routes.get(attempt.trunk)
        if route is None:
            raise GatewayUnavailable("the provider is gone")
        if self._provisioner.lacks(route.smsc):
            # Kannel would send it by any other link that takes it: by the wrong provider.
            raise GatewayUnavailable(f"bearerbox has no link {route.smsc}")
        if not _NUMBER.fullmatch(attempt.destination):
            raise GatewayRejected("the destination is no telephone number", cause=cause.INVALID_ADDRESS)
        if not _ID.fullmatch(attempt.id):
            raise GatewayRejected("the attempt's id is no UUID", cause=cause.INTERNAL)
        data = attempt.plan.first.data
        text = data.get("text")
        if attempt.plan.first.application != "sms_send" or not isinstance(text, str):
            raise GatewayRejected("the plan does not begin with a text to send", cause=cause.INTERNAL)
        sender = data.get("from") or attempt.source or self.config.sender
        if not isinstance(sender, str) or not _SENDER.fullmatch(sender):
            raise GatewayRejected("the sender is neither a number nor up to 11 ASCII letters", cause=cause.FORBIDDEN)
        try:
            encoded = encode(text, self.config.most_parts)
        except TooLong as error:
            raise GatewayRejected(str(error), cause=cause.CONTENT) from None
        validity = -1
        if attempt.expires_at is not None:
            if attempt.expires_at <= utc_now():
                raise GatewayRejected("it is not wanted any more", cause=cause.EXPIRED)
            validity = int(attempt.expires_at.timestamp())
        outgoing = Outgoing(attempt.id, route.dlr_mask != 0, len(encoded.parts))
        return Message(outgoing, sender, attempt.destination, encoded, route, validity)

    def reconcile(self, attempt_ids: Sequence[str]) -> Reconciliation:
        """Kannel cannot be asked after a message, so nothing is known; late reports settle what they can."""
        return Reconciliation()

    def health(self) -> Sequence[Health]:
        """The connection to Kannel, its links, and our own listener; nothing while there is no provider."""
        if not self._awake:
            return ()
        found = [*self._transport.health(), *self._provisioner.health(self._names)]
        if self._reports.fault:
            found.append(Health("kannel part journal", self._reports.fault))
        return found

    def stop(self, timeout: float) -> None:
        """Finish what is under way within ``timeout`` seconds, then close. Calling it twice is safe."""
        self._stopped = True
        if not self._awake:
            return
        self._transport.stop(timeout)
        self._provisioner.stop()
        self._reports.close()

    def _token(self) -> str:
        return self.config.callback_token or _kept_token(self._token_path)

    def _name(self, smsc: str) -> str:
        return self._names.get(smsc, smsc)


def _settings(trunk: Trunk) -> providers.Link | providers.Smpp | providers.Http:
    kind = _STRUCTS.get(trunk.type)
    if kind is None:
        raise GatewayMisconfigured(f"its type {trunk.type!r} is none of this gateway")
    given: Mapping[str, Any] = trunk.settings
    try:
        return msgspec.convert(dict(given), kind)
    except msgspec.ValidationError as error:
        raise GatewayMisconfigured(f"its settings are wrong: {error}") from None


def _route(trunk: Trunk, settings: providers.Link | providers.Smpp | providers.Http, provisioner: Provisioner) -> Route:
    if isinstance(settings, providers.Link):
        smsc = settings.smsc_id or trunk.name
        if not re.fullmatch(r"[\x20-\x7e]{1,64}", smsc):
            raise GatewayMisconfigured("its smsc_id must be 1 to 64 ASCII characters")
    else:
        smsc = provisioner.smsc_id(trunk.id)
    mask, relay = 0, False
    if settings.reports:
        mask = translate.RELAY_MASK if settings.relay_reports else translate.FINAL_MASK
    elif settings.relay_reports:
        mask, relay = translate.RELAYED | translate.REJECTED, True
    mclass = -1 if settings.mclass is None else settings.mclass
    return Route(trunk.id, trunk.name, smsc, mask, relay, mclass)


def _kept_token(path: Path) -> str:
    """The random token of this installation; made at the first call."""
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(24)
        path.touch(0o600)
        path.write_text(token + "\n", "ascii")
        return token
