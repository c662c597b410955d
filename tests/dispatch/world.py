"""A small world for tests of the dispatcher: services, a scripted gateway, a clock, and rows to send."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from ictcore.dispatch.dispatcher import Dispatcher
from ictcore.dispatch.settings import SETTINGS
from ictcore.domain.clock import from_epoch
from ictcore.inbox.accept import Inbox
from ictcore.spec import (
    Attempt,
    Capability,
    Delivered,
    Event,
    Failed,
    GatewayError,
    Health,
    InvalidInput,
    NotSubmitted,
    ProviderType,
    Reconciliation,
    RetryPolicy,
    Sink,
    Submitted,
    Trunk,
    cause,
    new_attempt_id,
    single,
)
from ictcore.spec.service import ServiceType
from ictcore.store.database import Store
from ictcore.store.media import MediaStore
from ictcore.store.plans import dump_plan
from ictcore.testing.fakes import StaticSettings

FLAGS = {"voice": 1, "fax": 2, "sms": 4, "email": 8}
T0 = from_epoch(1_800_000_000.0)


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @property
    def epoch(self) -> float:
        return self.now.timestamp()


class Service(ServiceType):
    """A service with short words for addresses."""

    def __init__(self, name: str, *, resend_uncertain: bool = False) -> None:
        self.name = name
        self.flag = FLAGS[name]
        self.address_field = "email" if name == "email" else "phone"
        self.retry = RetryPolicy({cause.BUSY: 60.0, cause.TEMPORARY: 10.0})
        self.report_timeout = 3600.0
        self.resend_uncertain = resend_uncertain

    def normalize(self, address: str, country: str) -> str:
        if "!" in address:
            raise InvalidInput("no address")
        return address.replace(" ", "").lower()


class NoSettings(msgspec.Struct):
    """A provider type's settings."""

    color: str = "red"
    depth: int = 1


class FakeType:
    """A gateway type called ``name`` with one provider type of the same name."""

    def __init__(self, name: str = "fake", *, reports_survive: bool = True) -> None:
        self.name = name
        self.flag = 0
        self.capabilities = frozenset({Capability(service, "send") for service in FLAGS})
        self.provider_types = [ProviderType(name, frozenset(FLAGS), NoSettings, port=99, required=frozenset({"host"}))]
        self.reports_survive = reports_survive

    def create(self, context: Any) -> Any:
        raise NotImplementedError

    def default_providers(self, settings: Any) -> Sequence[Mapping[str, Any]]:
        return ()


Answer = Callable[[Attempt], Iterable[Event]]


class FakeGateway:
    """A gateway that answers as the test says, at once or when told.

    :ivar answer: the events for an attempt; :func:`delivered` by default. :func:`silence` holds it back.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.answer: Answer = lambda attempt: [self.delivered(attempt)]
        self.rooms = 10_000
        self.ill: list[Health] = []
        self.sent: list[Attempt] = []
        self.trunks: dict[int, Trunk] = {}
        self.provisioned = 0
        self.asked: list[list[str]] = []
        self.reconciliation: Callable[[Sequence[str]], Reconciliation] = lambda ids: Reconciliation()
        self.sink: Sink | None = None
        self.stopped = False
        self.provision_error: Exception | None = None

    def provision(self, trunks: Sequence[Trunk]) -> None:
        self.provisioned += 1
        self.trunks = {trunk.id: trunk for trunk in trunks}
        if self.provision_error is not None:
            raise self.provision_error

    def start(self, sink: Sink) -> None:
        self.sink = sink

    def room(self) -> int:
        return self.rooms

    def submit(self, attempts: Sequence[Attempt]) -> None:
        self.sent += attempts
        for attempt in attempts:
            events = list(self.answer(attempt))
            if events:
                assert self.sink is not None
                self.sink.put(events)

    def reconcile(self, attempt_ids: Sequence[str]) -> Reconciliation:
        self.asked.append(list(attempt_ids))
        return self.reconciliation(attempt_ids)

    def health(self) -> Sequence[Health]:
        return self.ill

    def stop(self, timeout: float) -> None:
        self.stopped = True

    def put(self, *events: Event) -> Any:
        """Report something, all in one batch."""
        assert self.sink is not None
        return self.sink.put(events)

    def delivered(self, attempt: Attempt | str, **more: Any) -> Delivered:
        return Delivered(attempt_id=_id(attempt), at=self.clock(), **more)

    def submitted(self, attempt: Attempt | str, **more: Any) -> Submitted:
        return Submitted(attempt_id=_id(attempt), at=self.clock(), **more)

    def failed(self, attempt: Attempt | str, why: str = cause.REJECTED, **more: Any) -> Failed:
        return Failed(attempt_id=_id(attempt), at=self.clock(), cause=why, **more)

    def refused(self, attempt: Attempt | str, error: GatewayError) -> NotSubmitted:
        return NotSubmitted(attempt_id=_id(attempt), at=self.clock(), error=error)


def silence(attempt: Attempt) -> Iterable[Event]:
    """No answer for now."""
    return ()


def _id(attempt: Attempt | str) -> str:
    return attempt if isinstance(attempt, str) else attempt.id


class World:
    """One database with a program, and what is needed to send from it."""

    def __init__(self, store: Store, folder: Path, **settings: Any) -> None:
        self.store = store
        self.clock = Clock()
        self.services = {name: Service(name) for name in ("sms", "email", "voice")}
        self.gateway = FakeGateway(self.clock)
        self.types: dict[str, Any] = {"fake": FakeType()}
        self.gateways: dict[str, Any] = {"fake": self.gateway}
        self.media = MediaStore(folder / "media")
        self.values = {f"dispatch.{name}": value for name, value in {"gather": 0.0, **settings}.items()}
        self.inbox = Inbox(store, self.services, self.media, clock=self.clock, uncertain_timeout=86_400.0)
        self.committed: list[Event] = []
        self.dispatchers: list[Dispatcher] = []
        self.program = store.value(
            "INSERT INTO program (created_at, created_by, name, type) VALUES (?, 1, 'p', 'p') RETURNING id",
            (self.clock.epoch,),
        )

    def settings(self) -> StaticSettings:
        return StaticSettings(SETTINGS, self.values)

    def dispatcher(self, *, start: bool = True, node: str = "n1", **more: Any) -> Dispatcher:
        """A dispatcher, started; it is stepped with ``turn()``."""
        made = Dispatcher(
            self.store,
            self.services,
            more.pop("types", self.types),
            more.pop("gateways", self.gateways),
            self.inbox,
            node=node,
            settings=self.settings(),
            clock=self.clock,
            committed=self.committed.extend,
            chance=random.Random(7),
            **more,
        )
        if start:
            made.start()
        self.dispatchers.append(made)
        return made

    def close(self) -> None:
        for dispatcher in self.dispatchers:
            dispatcher.finish()

    def provider(self, name: str = "acme", **columns: Any) -> int:
        """A provider; by default of type ``fake`` for SMS."""
        values = {
            "name": name, "type": "fake", "service_flag": 4, "host": "h", "created_at": self.clock.epoch, **columns,
        }  # fmt: skip
        names = ", ".join(values)
        made: int = self.store.value(
            f"INSERT INTO provider ({names}) VALUES ({', '.join('?' * len(values))}) RETURNING id",
            tuple(values.values()),
        )
        return made

    def send(
        self, count: int = 1, *, service: str = "sms", lane: int = 0, to: str = "+44{}", **columns: Any
    ) -> list[str]:
        """Queue ``count`` attempts; their correlation ids in order."""
        tries = columns.pop("try_allowed", 1)
        plan = columns.pop("plan", dump_plan(single(f"{service}_send" if service != "voice" else "originate", {})))
        made = []
        with self.store.transaction():
            for number in range(count):
                transmission = self.store.value(
                    "INSERT INTO transmission (created_at, created_by, program_id, status, service_flag, try_allowed,"
                    " try_done) VALUES (?, 1, ?, 'processing', ?, ?, 1) RETURNING id",
                    (self.clock.epoch, self.program, FLAGS[service], tries),
                )
                uuid = new_attempt_id()
                values = {
                    "uuid": uuid, "transmission_id": transmission, "service_flag": FLAGS[service], "lane": lane,
                    "source": "+1", "destination": to.format(number), "plan": plan, "time_spool": self.clock.epoch,
                    "not_before": self.clock.epoch, "created_by": 1, **columns,
                }  # fmt: skip
                self.store.run(
                    f"INSERT INTO spool ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
                    tuple(values.values()),
                )
                made.append(uuid)
        return made

    def spool(self, uuid: str, *columns: str) -> Any:
        """Columns of an attempt: a tuple, or the value when there is one column."""
        row = self.store.row(f"SELECT {', '.join(columns)} FROM spool WHERE uuid = ?", (uuid,))
        assert row is not None
        return row[0] if len(columns) == 1 else row

    def state(self, uuid: str) -> str:
        found: str = self.spool(uuid, "state")
        return found

    def states(self) -> dict[str, int]:
        """State -> number of attempts."""
        return dict(self.store.rows("SELECT state, count(*) FROM spool GROUP BY state"))

    def transmission(self, uuid: str, *columns: str) -> Any:
        """Columns of an attempt's transmission."""
        row = self.store.row(
            f"SELECT {', '.join('t.' + column for column in columns)} FROM transmission t"
            " JOIN spool s ON s.transmission_id = t.id WHERE s.uuid = ?",
            (uuid,),
        )
        assert row is not None
        return row[0] if len(columns) == 1 else row

    def attempts_of(self, uuid: str) -> list[tuple[Any, ...]]:
        """All attempts of the same transmission: rows of uuid, state, tries, not_before."""
        return self.store.rows(
            "SELECT uuid, state, tries, not_before FROM spool WHERE transmission_id ="
            " (SELECT transmission_id FROM spool WHERE uuid = ?) ORDER BY tries",
            (uuid,),
        )

    def results(self, uuid: str) -> list[tuple[Any, ...]]:
        """Results of an attempt: rows of type, name, data."""
        return self.store.rows(
            "SELECT r.type, r.name, r.data FROM spool_result r JOIN spool s ON s.id = r.spool_id"
            " WHERE s.uuid = ? ORDER BY r.id",
            (uuid,),
        )

    def put_provider(self, id: int, **columns: Any) -> None:
        """Change a provider."""
        sets = ", ".join(f"{name} = ?" for name in columns)
        self.store.run(f"UPDATE provider SET {sets} WHERE id = ?", (*columns.values(), id))
