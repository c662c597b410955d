"""The sample configuration works with the settings' defaults, and says what the code says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ictcore_gateway_kannel.admin import Admin
from ictcore_gateway_kannel.callbacks import MO_QUERY
from ictcore_gateway_kannel.config import SETTINGS
from ictcore_gateway_kannel.testing import FakeLink, installed

from ictcore.spec import Delivered, Received, Trunk
from ictcore.testing import MemorySink, wait_until
from ictcore.testing.require import require
from ictcore.testing.servers import ServerProcess, free_port

SAMPLE = Path(__file__).parents[3] / "etc" / "kannel" / "kannel.conf"
DEFAULTS = {setting.name: setting.default for setting in SETTINGS}


def test_it_fits_the_defaults() -> None:
    text = SAMPLE.read_text()
    for key, name in (("admin-port", "admin_port"), ("smsbox-port", "box_port"), ("sendsms-port", "sendsms_port")):
        assert re.search(rf"^{key} = {DEFAULTS[name]}$", text, re.M)
    assert re.search(rf'^admin-password = "{DEFAULTS["admin_password"]}"$', text, re.M)
    assert re.search(rf'^username = {DEFAULTS["username"]}\npassword = "{DEFAULTS["password"]}"$', text, re.M)
    assert re.search(rf"^smsbox-id = {DEFAULTS['box_name']}$", text, re.M)
    assert f'get-url = "http://127.0.0.1:{DEFAULTS["listen_port"]}/TOKEN/mo?{MO_QUERY}"' in text


@pytest.mark.real
def test_it_starts_and_carries_messages_both_ways(
    tmp_path: Path, start_gateway: Any, make_attempt: Any, memory_sink: MemorySink, link_trunk: Trunk
) -> None:
    missing = installed()
    require("kannel", not missing, missing)
    ports = {DEFAULTS[name]: free_port() for name in ("admin_port", "box_port", "sendsms_port")} | {10000: free_port()}
    text = SAMPLE.read_text()
    for old, new in ports.items():
        text = text.replace(f"port = {old}\n", f"port = {new}\n")
    for folder in ("/etc/kannel/ictcore.d", "/var/spool/kannel", "/var/log/kannel"):
        (tmp_path / folder.strip("/")).mkdir(parents=True)
        text = text.replace(folder, f"{tmp_path}{folder}")
    (tmp_path / "kannel.conf").write_text(text)
    admin = Admin("127.0.0.1", ports[DEFAULTS["admin_port"]], DEFAULTS["admin_password"], DEFAULTS["admin_password"])

    def answers() -> bool:
        try:
            return admin.status().state == "running"
        except Exception:
            return False

    argv = ["/usr/sbin/bearerbox", "-v", "4", str(tmp_path / "kannel.conf")]
    with ServerProcess(argv, log=tmp_path / "out", ready=answers, folder=tmp_path):
        link = FakeLink(ports[10000]).start()
        try:
            wait_until(lambda: any(each.online for each in admin.status().links))
            values = {
                "kannel.box_port": ports[DEFAULTS["box_port"]],
                "kannel.admin_port": ports[DEFAULTS["admin_port"]],
                "kannel.providers_folder": f"{tmp_path}/etc/kannel/ictcore.d",
            }
            gateway = start_gateway(values, memory_sink, [link_trunk])
            attempt = make_attempt()
            gateway.submit([attempt])
            wait_until(lambda: any(isinstance(event, Delivered) for event in memory_sink.of(attempt.id)))
            link.send_text("100", "2020", "JOIN")
            wait_until(lambda: any(isinstance(event, Received) for event in memory_sink.events))
        finally:
            link.stop()


@pytest.mark.real
@pytest.mark.parametrize("value", ["please include me", "#no comment"])
def test_why_some_values_are_refused(value: str, tmp_path: Path) -> None:
    """What our checks assume of Kannel 1.4.5: a value with ``include`` ends it, one that begins with ``#`` does not."""
    missing = installed()
    require("kannel", not missing, missing)
    port = free_port()
    (tmp_path / "kannel.conf").write_text(
        f"group = core\nadmin-port = {port}\nadmin-interface = 127.0.0.1\nadmin-password = a\n"
        f"smsbox-port = {free_port()}\n\ngroup = smsbox\nbearerbox-host = 127.0.0.1\n"
        f'\ngroup = smsc\nsmsc = fake\nsmsc-id = "{value}"\nport = {free_port()}\nconnect-allow-ip = 127.0.0.1\n'
    )
    admin = Admin("127.0.0.1", port, "a", "a")

    def answers() -> bool:
        try:
            return bool(admin.status().links)
        except Exception:
            return False

    server = ServerProcess(
        ["/usr/sbin/bearerbox", "-v", "4", str(tmp_path / "kannel.conf")], log=tmp_path / "out", ready=answers
    )
    try:
        if "include" in value:
            with pytest.raises(AssertionError, match="ended with code"):
                server.start()
        else:
            server.start()
            assert admin.status().links[0].smsc_id == value
    finally:
        server.stop(2.0)
