"""Lines: providers as this dispatcher can use them, with what it has learnt of them."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ictcore.dispatch.prefix import PrefixRule, parse_prefix
from ictcore.domain.errors import GatewayError, GatewayThrottled
from ictcore.spec.gateway import Gateway, GatewayType, Health, ProviderType, Trunk
from ictcore.spec.service import ServiceType
from ictcore.store.database import Store
from ictcore.store.trunks import ProviderRow, active_providers

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds that a provider is left alone after it failed: first, and at most."""


@dataclass(slots=True)
class Line:
    """A provider that this dispatcher can use. Times are epoch seconds.

    :ivar fault: why it cannot be used until its row is changed; ``""`` when it can.
    :ivar down_until: it is left alone until then; ``reason`` says why.
    :ivar failures: failed submissions since the last good one; until then it is tried with one attempt at a time.
    :ivar probing: that attempt is under way.
    :ivar capacity: how many attempts it takes in the batch that is being made.
    :ivar share: how much it is used beside others that are as good.
    :ivar booked_until: attempts that its limit made wait have been given times up to then.
    """

    row: ProviderRow
    trunk: Trunk
    gateway: str
    survives: bool
    prefix: PrefixRule
    fault: str = ""
    down_until: float = 0.0
    reason: str = ""
    failures: int = 0
    booked_until: float = 0.0
    probing: bool = False
    capacity: int = 0
    share: float = 1.0

    @property
    def limited(self) -> bool:
        """Whether its limits must be kept over all dispatchers."""
        return self.row.per_second > 0 or self.row.concurrent > 0

    def fail(self, error: GatewayError, now: float) -> None:
        """It has not taken an attempt: leave it alone for a while."""
        self.reason = error.message
        self.probing = False
        if isinstance(error, GatewayThrottled):
            self.down_until = max(self.down_until, now + error.retry_after)
            return
        if now < self.down_until:
            return  # one of a batch: the pause grows once for all of them
        pause = min(FIRST_PAUSE * 2.0**self.failures, LONGEST_PAUSE)
        self.failures = min(self.failures + 1, 16)
        self.down_until = now + pause * random.uniform(0.8, 1.2)

    def succeed(self) -> None:
        """It has answered an attempt."""
        self.failures = 0
        self.probing = False
        self.down_until = 0.0
        self.reason = ""


class Lines:
    """The lines of one dispatcher: read from the providers, given to the gateways as trunks.

    :param types: gateway types by name; ``gateways``: the running gateways by the same names.
    :param node: id of the node.
    """

    def __init__(
        self,
        store: Store,
        services: Mapping[str, ServiceType],
        types: Mapping[str, GatewayType],
        gateways: Mapping[str, Gateway],
        node: int,
    ) -> None:
        self._store = store
        self._services = {service.flag: name for name, service in services.items()}
        self._gateways = gateways
        self._node = node
        self._kinds: dict[str, tuple[str, GatewayType, ProviderType]] = {
            kind.name: (name, types[name], kind)
            for name in gateways
            if name in types
            for kind in types[name].provider_types
        }
        self._rows: list[ProviderRow] | None = None
        self.by_id: dict[int, Line] = {}
        self.by_service: dict[int, list[Line]] = {}
        self.faults: dict[str, str] = {}
        self._down: set[int] = set()

    @property
    def survives(self) -> frozenset[int]:
        """Providers whose reports still arrive after a restart of ours."""
        return frozenset(id for id, line in self.by_id.items() if line.survives)

    def refresh(self) -> bool:
        """Read the providers, and provision the gateways when they have changed. Whether they have.

        May block some seconds while a gateway reloads.

        :raises StoreUnavailable: the database cannot be used.
        """
        rows = active_providers(self._store)
        if rows == self._rows:
            return False
        lines = {row.id: line for row in rows if (line := self._line(row)) is not None}
        trunks: dict[str, list[Trunk]] = {name: [] for name in self._gateways}
        for line in lines.values():
            if not line.fault:
                trunks[line.gateway].append(line.trunk)
        for name, gateway in self._gateways.items():
            self._provision(name, gateway, trunks[name])
        self.by_id = lines
        self.by_service = {
            flag: [line for line in lines.values() if line.row.service_flag & flag and name in line.trunk.services]
            for flag, name in self._services.items()
        }
        self._rows = rows
        return True

    def gateway_of(self, provider: int) -> str | None:
        """The name of the gateway that a provider belongs to, ``None`` when it is not here."""
        line = self.by_id.get(provider)
        return None if line is None else line.gateway

    def risen(self, now: float) -> bool:
        """Whether a line has come back since the last call: up and proven, or its pause over."""
        down = {id for id, line in self.by_id.items() if line.fault or line.failures or line.down_until > now}
        risen = bool(self._down - down)
        self._down = down
        return risen

    def health(self, now: float) -> list[Health]:
        """Faults of providers and of provisioning, and of providers that are left alone."""
        found = [Health(f"gateway {name}", fault) for name, fault in self.faults.items() if fault]
        for line in self.by_id.values():
            fault = line.fault or (line.reason if line.down_until > now or line.failures else "")
            if fault:
                found.append(Health(f"provider {line.row.name}", fault, {"failures": line.failures}))
        return found

    def _provision(self, name: str, gateway: Gateway, trunks: Sequence[Trunk]) -> None:
        try:
            gateway.provision(trunks)
            self.faults.pop(name, None)
        except GatewayError as error:
            self.faults[name] = error.message
        except Exception as error:
            log.exception("the gateway %s could not be provisioned", name)
            self.faults[name] = f"{type(error).__name__} while it was provisioned"

    def _line(self, row: ProviderRow) -> Line | None:
        """The line of a provider; ``None``: its gateway, or its node, is not here."""
        found = self._kinds.get(row.type)
        if found is None or row.node_id not in (None, self._node):
            return None
        name, gateway_type, kind = found
        settings, fault = _settings(row, kind)
        missing = [field for field in sorted(kind.required) if not getattr(row, field, "")]
        if missing and not fault:
            fault = f"{missing[0]} is missing"
        trunk = Trunk(
            id=row.id,
            name=row.name,
            type=row.type,
            services=kind.services & {name for flag, name in self._services.items() if row.service_flag & flag},
            host=row.host,
            port=row.port or kind.port,
            username=row.username,
            password=row.password,
            dialstring=row.dialstring,
            register=bool(row.register),
            settings=settings,
            concurrent=row.concurrent,
            per_second=row.per_second,
        )
        line = Line(row, trunk, name, gateway_type.reports_survive, parse_prefix(row.prefix), fault)
        line.share = 1.0 / max(row.weight, 0.5)
        old = self.by_id.get(row.id)
        if old is not None and old.row == row:
            line.down_until, line.reason, line.failures = old.down_until, old.reason, old.failures
        return line


def _settings(row: ProviderRow, kind: ProviderType) -> tuple[Mapping[str, Any], str]:
    """The provider's own settings as its type has them, and what is wrong with them."""
    try:
        return msgspec.structs.asdict(msgspec.json.decode(row.settings or "{}", type=kind.settings)), ""
    except msgspec.MsgspecError as error:
        return {}, f"its settings are wrong: {error}"
