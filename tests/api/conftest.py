"""A whole system with fake plugins over an empty database, and clients that speak to its API."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
import pytest
from falcon import testing

from ictcore.api.app import create_app
from ictcore.api.operation import Operation
from ictcore.api.resources import operations_for
from ictcore.domain.errors import BadCredentials
from ictcore.domain.permission import all_names
from ictcore.domain.user import Actor
from ictcore.plugins import Registry
from ictcore.runtime import core_settings
from ictcore.spec import (
    MESSAGES,
    Capability,
    Compilation,
    InvalidInput,
    Plan,
    ProviderType,
    RouteRequest,
    render,
    single,
)
from ictcore.spec.service import ServiceType
from ictcore.store.database import Store
from ictcore.store.models import ALL
from ictcore.store.schema import migrate
from ictcore.testing import StaticSettings
from ictcore.usecases.system import System

Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Line = Annotated[str, msgspec.Meta(max_length=255, pattern=r"^[^\x00\r\n]*\Z")]
EVERYTHING = frozenset(all_names())
"""Every permission, so also those that show everybody's rows."""
OWN = frozenset(name for name in all_names() if "_" in name and not name.endswith("_admin"))
"""Every permission that shows a user his own rows only."""


class FakeService(ServiceType):
    """A service whose addresses are easy to tell apart: ``normalize`` drops spaces, and needs a mark."""

    retry = MESSAGES
    report_timeout = 60.0
    resend_uncertain = False

    def __init__(self, name: str, flag: int, address_field: str, alphabet: str) -> None:
        self.name, self.flag, self.address_field = name, flag, address_field
        self._alphabet = frozenset(alphabet)

    def normalize(self, address: str, country: str) -> str:
        plain = address.replace(" ", "").replace("-", "").lower()
        if not plain or not set(plain) <= self._alphabet:
            raise InvalidInput("this cannot be one")
        return plain


SMS = FakeService("sms", 4, "phone", "+0123456789")
EMAIL = FakeService("email", 8, "email", "abcdefghijklmnopqrstuvwxyz0123456789@.+_")


class SendSmsParameters(msgspec.Struct, kw_only=True, frozen=True):
    """A text that is stored, or written here."""

    text_id: Id | None = None
    message: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)] | None = None
    sender: Line | None = msgspec.field(default=None, name="from")

    def __post_init__(self) -> None:
        if (self.text_id is None) == (self.message is None):
            raise InvalidInput(fields={"text_id": "give text_id or message"})


class SendSms:
    name, service, direction = "sendsms", "sms", "outbound"
    parameters = SendSmsParameters
    references = MappingProxyType({"text_id": "text"})

    def compile(self, compilation: Compilation) -> Plan:
        given: SendSmsParameters = compilation.parameters
        text = given.message if given.message is not None else compilation.references["text_id"]["data"]
        text = render(text, compilation.tokens)
        if not text.strip():
            raise InvalidInput(fields={"text_id": "is empty"})
        return single("sms_send", {"text": text} | ({"from": given.sender} if given.sender else {}))

    def routes(self, parameters: Any, references: Mapping[str, Any]) -> Sequence[RouteRequest]:
        return ()


class SendEmailParameters(msgspec.Struct, kw_only=True, frozen=True):
    """A mail that is stored."""

    template_id: Id
    sender: Line | None = msgspec.field(default=None, name="from")
    from_name: Line | None = None
    reply_to: Line | None = None
    list_unsubscribe: Line | None = None


class SendEmail:
    name, service, direction = "sendemail", "email", "outbound"
    parameters = SendEmailParameters
    references = MappingProxyType({"template_id": "template"})

    def compile(self, compilation: Compilation) -> Plan:
        row = compilation.references["template_id"]
        given: SendEmailParameters = compilation.parameters
        data = {
            "subject": render(row["subject"], compilation.tokens),
            "html": row["body"],
            "text": row["body_alt"],
            "attachments": row["attachments"],
            "from": given.sender,
            "from_name": given.from_name,
            "reply_to": given.reply_to,
            "list_unsubscribe": given.list_unsubscribe,
        }
        return single("email_send", data)

    def routes(self, parameters: Any, references: Mapping[str, Any]) -> Sequence[RouteRequest]:
        return ()


class ReceiveSmsParameters(msgspec.Struct, kw_only=True, frozen=True):
    """Texts to a number, or to an account's."""

    account_id: Id | None = None
    phone: Line = ""
    keyword: Line = ""


class ReceiveSms:
    name, service, direction = "receivesms", "sms", "inbound"
    parameters = ReceiveSmsParameters
    references = MappingProxyType({"account_id": "account"})

    def compile(self, compilation: Compilation) -> Plan:
        return single("sms_receive", {})

    def routes(self, parameters: Any, references: Mapping[str, Any]) -> Sequence[RouteRequest]:
        called = parameters.phone or references.get("account_id", {}).get("phone", "")
        if not called:
            raise InvalidInput(fields={"account_id": "the account has no phone"})
        return (RouteRequest("sms", called, parameters.keyword),)


class SmppSettings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Settings of a fake provider."""

    system_type: Annotated[str, msgspec.Meta(max_length=12)] = ""
    window: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10


class FakeGateway:
    name, flag = "fake", 2
    capabilities = frozenset({Capability("sms", "send")})
    provider_types = (
        ProviderType("smpp", frozenset({"sms"}), SmppSettings, port=2775, required=frozenset({"host", "username"})),
        ProviderType("both", frozenset({"sms", "email"}), SmppSettings),
    )
    reports_survive = True

    def create(self, context: Any) -> Any:
        raise NotImplementedError

    def default_providers(self, settings: Any) -> Sequence[Mapping[str, Any]]:
        return ()


def fake_registry() -> Registry:
    """What fake plugins have registered."""
    return Registry(
        services={service.name: service for service in (SMS, EMAIL)},  # type: ignore[misc]
        gateways={"fake": FakeGateway()},  # type: ignore[dict-item]
        programs={kind.name: kind for kind in (SendSms(), SendEmail(), ReceiveSms())},  # type: ignore[misc]
    )


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2031, 5, 1, 9, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        """Move it."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty, migrated database: SQLite, and PostgreSQL too for tests marked ``both_engines``."""
    server, name = None, f"t{uuid.uuid4().hex}"
    if getattr(request, "param", "sqlite") == "sqlite":
        opened = Store(f"sqlite:///{tmp_path}/ictcore.db", durable=False)
    else:
        server = request.getfixturevalue("postgres_server")
        opened = Store(server.create_database(name))
    migrate(opened)
    yield opened
    opened.close()
    if server is not None:
        server.drop_database(name)


@pytest.fixture
def registry() -> Registry:
    return fake_registry()


@pytest.fixture
def system(store: Store, registry: Registry, tmp_path: Path, clock: Clock) -> System:
    """A system of fake plugins."""
    return System(store, registry, StaticSettings(core_settings()), tmp_path, clock)


class Api:
    """The API as one user sees it. ``json`` of an answer that is not 200 fails the test, unless it is asked for."""

    def __init__(self, client: testing.TestClient, actor: Actor) -> None:
        self.client = client
        self.actor = actor

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> testing.Result:
        """Any request, any answer."""
        headers = {"Authorization": self.actor.username, **options.pop("headers", {})}
        if isinstance(body, (bytes, str)):
            options["body"] = body
        elif body is not None:
            options["body"] = msgspec.json.encode(body)
        return self.client.simulate_request(method, path, headers=headers, **options)

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The JSON of an answer that must be 200."""
        result = self.call(method, path, body, **options)
        assert result.status_code == 200, f"{method} {path}: {result.status} {result.text}"
        return result.json

    def get(self, path: str, **params: Any) -> Any:
        return self.ok("GET", path, params=params)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.ok("POST", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.ok("PUT", path, body, **options)

    def delete(self, path: str) -> Any:
        return self.ok("DELETE", path)

    def refused(self, status: int, method: str, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        """The error of an answer that must have this status; its ``fields`` are always there."""
        result = self.call(method, path, body, **options)
        assert result.status_code == status, f"{method} {path}: {result.status} {result.text}"
        error: dict[str, Any] = result.json["error"]
        assert error["code"] == status
        assert error["message"]
        return {"fields": {}, **error}


@pytest.fixture
def users(system: System) -> dict[str, Actor]:
    """``ada`` and ``eve`` see their own rows, ``root`` may do everything, ``nobody`` may do nothing."""
    actors = {}
    for name, permissions in (("ada", OWN), ("eve", OWN), ("root", EVERYTHING), ("nobody", frozenset())):
        values = {"username": name, "first_name": name.title(), "email": f"{name}@example.com"}
        user_id = system.rows.user.insert(values, None, system.now())
        actors[name] = Actor(user_id, name, frozenset(permissions))
    return actors


@pytest.fixture
def client(system: System, registry: Registry, users: dict[str, Actor]) -> testing.TestClient:
    """The API; the header ``Authorization`` is just the user's name."""

    def authenticate(header: str | None, address: str) -> Actor:
        if header not in users:
            raise BadCredentials("who are you?")
        return users[header]

    return testing.TestClient(create_app(system, authenticate, operations_for(registry)))


@pytest.fixture
def as_user(client: testing.TestClient, users: dict[str, Actor]) -> Callable[[str], Api]:
    """The API as one of :func:`users` sees it."""
    return lambda name: Api(client, users[name])


@pytest.fixture
def ada(as_user: Callable[[str], Api]) -> Api:
    return as_user("ada")


@pytest.fixture
def eve(as_user: Callable[[str], Api]) -> Api:
    return as_user("eve")


@pytest.fixture
def root(as_user: Callable[[str], Api]) -> Api:
    return as_user("root")


@pytest.fixture
def nobody(as_user: Callable[[str], Api]) -> Api:
    return as_user("nobody")


class World:
    """One row of every noun, all of them ada's (the provider is everybody's).

    :ivar ids: for the variable parts of paths.
    :ivar bodies: operation id -> a request that is right.
    """

    def __init__(self, ada: Api, root: Api, system: System) -> None:
        self.ids: dict[str, Any] = {
            "contact_id": ada.post("/contacts", {"first_name": "Bob", "phone": "123", "email": "b@x.org"})[
                "contact_id"
            ],
            "group_id": ada.post("/groups", {"name": "Friends"})["group_id"],
            "text_id": ada.post("/messages/texts", {"name": "t", "data": "Hello"})["text_id"],
            "account_id": ada.post("/accounts", {"username": "desk", "phone": "777", "settings": {"a": "b"}})[
                "account_id"
            ],
            "user_id": ada.actor.user_id,
            "name": "a",
        }
        template = {"name": "m", "subject": "s", "body": "<b>b</b>"}
        self.ids["template_id"] = ada.post("/messages/templates", template)["template_id"]
        media = f"/messages/templates/{self.ids['template_id']}/media"
        self.ids["attachment_id"] = ada.put(f"{media}?name=a.txt", b"file")["attachment_id"]
        self.ids["program_id"] = ada.post("/programs/sendsms", {"text_id": self.ids["text_id"]})["program_id"]
        self.ids["program"] = ada.post("/programs/receivesms", {"account_id": self.ids["account_id"]})["program_id"]
        order = {"program_id": self.ids["program_id"], "contact_id": self.ids["contact_id"]}
        self.ids["transmission_id"] = ada.post("/transmissions", order)["transmission_id"]
        self.ids["spool_id"] = ada.post(f"/transmissions/{self.ids['transmission_id']}/send")["spool_id"]
        self.pending = ada.post("/transmissions", order)["transmission_id"]
        system.store.run(
            "INSERT INTO spool_result (spool_id, type, name, data, created_at) VALUES (?, 'info', 'n', 'd', 1)",
            (self.ids["spool_id"],),
        )
        provider = {"name": "carrier", "type": "smpp", "host": "smsc.example.com", "username": "u", "password": "pw"}
        self.ids["provider_id"] = root.post("/providers", provider)["provider_id"]
        self.bodies: dict[str, Any] = {
            "contacts.create": {"first_name": "A"},
            "contacts.update": {"first_name": "A"},
            "groups.create": {"name": "g"},
            "groups.update": {"name": "g"},
            "texts.create": {"name": "n", "data": "d"},
            "texts.update": {"name": "n"},
            "templates.create": template,
            "templates.update": {"name": "n"},
            "programs.create_dummy": {"type": "sendsms", "message": "m"},
            "programs.sendsms.create": {"message": "m"},
            "programs.sendemail.create": {"template_id": self.ids["template_id"]},
            "programs.receivesms.create": {"phone": "4711"},
            "programs.update": {"name": "n"},
            "transmissions.create": order,
            "programs.transmissions.create": {"contact_id": self.ids["contact_id"]},
            "spools.settle": {"outcome": "failed"},
            "accounts.create": {"username": "other"},
            "accounts.update": {"first_name": "A"},
            "accounts.settings.put": {"value": "v"},
            "providers.create": {**provider, "name": "second"},
            "providers.update": {"weight": 5},
            "send.sms": {"to": "123", "text": "t"},
            "send.email": {"to": "b@x.org", "subject": "s", "text": "t"},
        }  # fmt: skip

    def path(self, operation: Operation, path: str | None = None) -> str:
        """The operation's path, or one of its aliases, with the variable parts filled in."""
        return re.sub(r"\{(\w+)\}", lambda match: str(self.ids[match[1]]), path or operation.path)

    def body(self, operation: Operation) -> Any:
        """A request that is right; ``None`` for operations that read none."""
        if operation.media:
            return b"more"
        return self.bodies[operation.id] if operation.body is not None else None


@pytest.fixture
def world(ada: Api, root: Api, system: System) -> World:
    return World(ada, root, system)


@pytest.fixture
def tables(store: Store) -> Callable[[], dict[str, int]]:
    """Counts the rows of every table."""
    names = [model._meta.table_name for model in ALL]  # type: ignore[attr-defined]
    sql = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM \"{name}\"" for name in names)
    return lambda: dict(store.rows(sql))


@pytest.fixture
def together(store: Store) -> Callable[..., list[Any]]:
    """``together(count, work)``: run ``work(number)`` in ``count`` threads at once; what they returned, in order."""

    def run(count: int, work: Callable[[int], Any]) -> list[Any]:
        ready = threading.Barrier(count)

        def one(number: int) -> Any:
            ready.wait(60)
            try:
                return work(number)
            finally:
                store.close()

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(one, range(count)))

    return run


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "both_engines: runs on SQLite and on PostgreSQL")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("both_engines"):
        engines = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
        metafunc.parametrize("store", engines, indirect=True)
