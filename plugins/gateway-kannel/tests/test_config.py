"""Settings: what is refused, what is told, and that the plugin registers what it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ictcore_gateway_kannel import plugin
from ictcore_gateway_kannel.config import SETTINGS, loopback, read

from ictcore.spec import GatewayMisconfigured, Trunk
from ictcore.testing import StaticSettings

GOOD = {
    "kannel.host": "10.0.0.5",
    "kannel.password": "4f1cZ-long",
    "kannel.admin_password": "9x2-long",
    "kannel.status_password": "7y3-long",
}


def test_the_defaults_are_good_on_this_machine(tmp_path: Path) -> None:
    config = read(StaticSettings(SETTINGS), tmp_path)
    assert config.transport == "box"
    assert config.providers_folder == tmp_path / "providers"
    assert config.status_password == config.admin_password
    assert "change-me" not in repr(config)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        pytest.param({"kannel.admin_password": "bar"}, "admin_password", id="sample password"),
        pytest.param({"kannel.admin_password": "BAR"}, "admin_password", id="in capitals"),
        pytest.param({"kannel.status_password": "foo"}, "status_password", id="status"),
        pytest.param({"kannel.transport": "http", "kannel.password": "foobar"}, "password", id="sendsms"),
        pytest.param({"kannel.admin_password": ""}, "admin_password", id="empty"),
    ],
)
def test_well_known_passwords_are_for_loopback_only(values: dict[str, Any], named: str, tmp_path: Path) -> None:
    with pytest.raises(GatewayMisconfigured, match=f"kannel.{named} is a well-known password"):
        read(StaticSettings(SETTINGS, {**GOOD, **values}), tmp_path)
    read(StaticSettings(SETTINGS, {**GOOD, **values, "kannel.host": "127.0.0.1"}), tmp_path)
    read(StaticSettings(SETTINGS, GOOD), tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("box_name", "a b"), ("box_name", ""), ("smsc_prefix", "a/b"), ("host", ""), ("host", "a\nb"),
     ("sendsms_path", "no slash"), ("sendsms_path", "/a b"), ("username", "a\r\nb"), ("callback_token", "short"),
     ("callback_token", "has/a/slash/in/its/middle"), ("listen_url", "ftp://x"), ("listen_url", "http://x/?a=b")],
)  # fmt: skip
def test_wrong_values_are_named(key: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(GatewayMisconfigured, match=f"kannel.{key}"):
        read(StaticSettings(SETTINGS, {f"kannel.{key}": value}), tmp_path)


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("10.0.0.1", False),
     ("localhost.example", False), ("0.0.0.0", False)],
)  # fmt: skip
def test_loopback(host: str, own: bool) -> None:
    assert loopback(host) is own


def test_the_plugin_registers_its_parts() -> None:
    settings = plugin.ictcore_register_settings()
    assert {setting.section for setting in settings} == {"kannel"}
    assert len({setting.key for setting in settings}) == len(settings)
    assert {setting.name for setting in settings if setting.secret} == {
        "password", "admin_password", "status_password", "callback_token",
    }  # fmt: skip
    for setting in settings:
        assert setting.help
        assert setting.parse(str(setting.default)) == setting.default
    (kind,) = plugin.ictcore_register_gateways()
    assert (kind.name, kind.flag, kind.reports_survive) == ("kannel", 2, True)
    assert kind.default_providers(StaticSettings(SETTINGS)) == ()


@pytest.mark.parametrize(
    ("trunk", "why"),
    [
        (Trunk(id=3, name="odd", type="sip", services=frozenset()), "type 'sip'"),
        (Trunk(id=3, name="odd", type="smpp", services=frozenset(), settings={"nope": 1}), "nope"),
        (Trunk(id=3, name="odd", type="smpp", services=frozenset(), host="x"), "username"),
        (Trunk(id=3, name="ödd", type="link", services=frozenset()), "smsc_id"),
    ],
)
def test_one_wrong_provider_leaves_the_others_in_use(
    trunk: Trunk, why: str, make_attempt: Any, link_trunk: Trunk, memory_sink: Any, start_gateway: Any,
    bearerbox: Any, box_values: Any,
) -> None:  # fmt: skip
    gateway = start_gateway(box_values, memory_sink, [link_trunk])
    with pytest.raises(GatewayMisconfigured, match=why):
        gateway.provision([trunk, link_trunk])
    gateway.submit([make_attempt(), make_attempt(trunk=3)])
    events = memory_sink.wait_for(lambda events: len(events) >= 2)
    assert {type(event).__name__ for event in events} == {"Submitted", "NotSubmitted"}
