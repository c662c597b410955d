"""Providers as configuration: what may be written, and that nothing can be smuggled in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_gateway_kannel.providers import EXTRA_KEYS, TYPES, Http, Smpp
from ictcore_gateway_kannel.smscconf import render

from ictcore.spec import GatewayMisconfigured, Trunk

SMPP = {"id": 7, "name": "carrier", "type": "smpp", "host": "smpp.example", "username": "shop", "password": "pw"}
HTTP = {"id": 8, "name": "web", "type": "http", "host": "10.0.0.1", "port": 8080, "username": "u", "password": "p"}


def trunk(base: dict[str, Any], **changes: Any) -> Trunk:
    return Trunk(services=frozenset({"sms"}), **{**base, **changes})


def read(text: str) -> list[dict[str, str]]:
    """Read a file as Kannel 1.4.5 does: groups are parted by empty lines; a line with ``include`` is a directive."""
    groups: list[dict[str, str]] = [{}]
    for line in text.split("\n"):
        line = line.strip()
        if not line:
            groups.append({})
            continue
        if line.startswith("#"):
            continue
        assert "include" not in line, "Kannel would include a file"
        key, equals, value = line.partition("=")
        assert equals, f"Kannel would not start: {line!r}"
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value, out, at = value[1:-1], "", 0
            while at < len(value):
                if value[at] == "\\" and at + 1 < len(value) and value[at + 1] in '\\"':
                    at += 1
                out += value[at]
                at += 1
            value = out
        assert key.strip() not in groups[-1], "a key twice"
        groups[-1][key.strip()] = value
    return [group for group in groups if group]


def test_an_smpp_account() -> None:
    settings = Smpp(system_type="VMA", source_addr_ton=5, throughput=12.5, extra={"service-type": "CMT"})
    (group,) = read(render(trunk(SMPP), settings, "ictcore-7"))
    assert group == {
        "group": "smsc", "smsc": "smpp", "smsc-id": "ictcore-7", "smsc-admin-id": "ictcore-7",
        "allowed-smsc-id": "ictcore-7", "host": "smpp.example", "port": "2775", "smsc-username": "shop",
        "smsc-password": "pw", "system-type": "VMA", "transceiver-mode": "true", "interface-version": "34",
        "source-addr-ton": "5", "max-pending-submits": "100", "throughput": "12.5", "service-type": "CMT",
    }  # fmt: skip


def test_two_connections_without_transceiver() -> None:
    sender, receiver = read(render(trunk(SMPP, port=3000), Smpp(transceiver_mode=False), "ictcore-7"))
    assert (sender["port"], receiver["receive-port"]) == ("3000", "3000")
    assert "receive-port" not in sender
    assert "port" not in receiver
    assert receiver["smsc-id"] == sender["smsc-id"]
    assert receiver["allowed-smsc-id"] != sender["smsc-id"]


def test_an_http_provider() -> None:
    settings = Http(send_url="http://{host}:{port}/s?u={username}&p={password}&to=%P&text=%b", no_sep=True)
    (group,) = read(render(trunk(HTTP, username="a&b", password="50%"), settings, "ictcore-8"))
    assert group["send-url"] == "http://10.0.0.1:8080/s?u=a%%26b&p=50%%25&to=%P&text=%b"
    assert group["no-sep"] == "true"


@pytest.mark.parametrize(
    ("changes", "settings", "field"),
    [
        pytest.param({"password": "a\ngroup = core"}, {}, "smsc-password", id="line feed"),
        pytest.param({"password": "a\rb"}, {}, "smsc-password", id="carriage return"),
        pytest.param({"password": "a\0b"}, {}, "smsc-password", id="NUL"),
        pytest.param({"password": "a include = x"}, {}, "include", id="a directive"),
        pytest.param({"password": ""}, {}, "password", id="empty password"),
        pytest.param({"username": "sixteen-letters!"}, {}, "username", id="long username"),
        pytest.param({"username": "Grüße"}, {}, "smsc-username", id="not ASCII"),
        pytest.param({"host": "a b"}, {}, "host", id="host with a space"),
        pytest.param({"host": ""}, {}, "host", id="no host"),
        pytest.param({"host": 'x"\nport = 1'}, {}, "host", id="host with a quote"),
        pytest.param({"port": 70000}, {}, "port", id="port"),
        pytest.param({}, {"extra": {"log-file": "/etc/passwd"}}, "log-file", id="a file"),
        pytest.param({}, {"extra": {"reroute-smsc-id": "x"}}, "reroute", id="another link"),
        pytest.param({}, {"extra": {"service-type": "a\nb"}}, "service-type", id="line feed in extra"),
        pytest.param({}, {"system_type": "a\nb"}, "system-type", id="line feed in a setting"),
    ],
)
def test_what_cannot_be_written_is_named(changes: dict[str, Any], settings: dict[str, Any], field: str) -> None:
    with pytest.raises(GatewayMisconfigured, match=field) as told:
        render(trunk(SMPP, **changes), Smpp(**settings), "ictcore-7")
    if changes.get("password"):
        assert changes["password"] not in told.value.message


@pytest.mark.parametrize(
    "url", ["", "ftp://x/", "http://", "http://a b/", "http://x/\nport = 1", "http://x/?include=1"]
)
def test_send_urls(url: str) -> None:
    with pytest.raises(GatewayMisconfigured):
        render(trunk(HTTP), Http(send_url=url), "ictcore-8")


texts = st.text(max_size=30) | st.text('"\\ =#\n\r%{}include', max_size=12)


@given(texts, texts, texts)
def test_any_value_is_refused_or_read_back_unchanged(username: str, password: str, extra: str) -> None:
    settings = Smpp(extra={"service-type": extra})
    try:
        text = render(trunk(SMPP, username=username, password=password), settings, "ictcore-7")
    except GatewayMisconfigured:
        return
    (group,) = read(text)
    assert (group["smsc-username"], group["smsc-password"], group["service-type"]) == (username, password, extra)
    assert len(group) == 14


@given(texts, texts)
def test_any_url_is_refused_or_stays_one_line(url: str, password: str) -> None:
    try:
        text = render(trunk(HTTP, password=password), Http(send_url=f"http://x/?p={{password}}&{url}"), "ictcore-8")
    except GatewayMisconfigured:
        return
    (group,) = read(text)
    assert set(group) <= {
        "group", "smsc", "smsc-id", "smsc-admin-id", "allowed-smsc-id", "system-type", "send-url", "port",
        "connect-allow-ip", "smsc-username", "smsc-password",
    }  # fmt: skip


def test_settings_are_checked_by_their_type() -> None:
    assert {each.name for each in TYPES} == {"link", "smpp", "http"}
    for bad in ({"port": 1}, {"extra": {"x": 1}}, {"interface_version": "35"}, {"system_type": "a\nb"}, {"mclass": 4}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(bad, Smpp)
    assert not any("include" in key or "file" in key for key in EXTRA_KEYS)
