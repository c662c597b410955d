"""``ictcore run``: the whole system by one command."""

from __future__ import annotations

import http.client
import os
import shlex
import socket
import sys

import click

from ictcore.cli.bootstrap import prepare
from ictcore.cli.main import exists
from ictcore.cli.options import Options, options
from ictcore.cli.supervisor import Child, Supervisor
from ictcore.domain.errors import Unavailable
from ictcore.runtime import quarantined
from ictcore.settings import LoadedSettings
from ictcore.usecases.bootstrap import Made

READY_WITHIN = 60.0
"""Seconds in which a start must succeed."""
_PARTS = ("serve", "dispatch", "scheduler")


@click.command()
@click.option("--host", help="Address to listen on (setting http.host).")
@click.option("--port", type=int, help="TCP port to listen on (setting http.port).")
@click.pass_context
def run(ctx: click.Context, host: str | None, port: int | None) -> None:
    """Run everything: API, dispatcher and scheduler, after bringing the database up to date."""
    given = options(ctx)
    given.override(http_host=host, http_port=port)
    runtime = given.runtime
    settings = runtime.settings
    _check_free(settings)
    for sentence in quarantined(runtime.registry):
        click.echo(f"plugin disabled: {sentence}", err=True)
    made = prepare(runtime)
    runtime.close()
    supervisor = Supervisor([_child(given, part) for part in _PARTS if exists(part)])
    told = False
    supervisor.start()
    try:
        ready = supervisor.watch(until=lambda: _is_ready(settings), within=READY_WITHIN)
        if ready:
            click.echo(_welcome(settings, made, "sms" in runtime.registry.services))
            sys.stdout.flush()
            told = True
            supervisor.watch()
        elif not supervisor.stopping:
            raise Unavailable(f"the system was not ready within {READY_WITHIN:g} seconds; see the messages above")
    finally:
        if made.admin_password and not told:  # it is nowhere else
            click.echo(f"User admin was made. Its password, shown this once: {made.admin_password}")
        supervisor.stop()


def _child(given: Options, part: str) -> Child:
    """One part as a process of its own; it need not know the first administrator's password."""
    environment = {name: value for name, value in os.environ.items() if name != "ICTCORE_ADMIN_PASSWORD"}
    return Child(part, [sys.executable, "-m", "ictcore", *given.arguments(), part], environment)


def _check_free(settings: LoadedSettings) -> None:
    """A port that is in use must be told in one sentence, not by a worker that dies again and again."""
    host, port = settings["http.host"], settings["http.port"]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {host} port {port}: {error.strerror}; choose another by ICTCORE_HTTP_PORT"
            ) from None


def _is_ready(settings: LoadedSettings) -> bool:
    connection = http.client.HTTPConnection(_reachable(settings["http.host"]), settings["http.port"], timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _welcome(settings: LoadedSettings, made: Made, sms: bool) -> str:
    host = _reachable(settings["http.host"])
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings['http.port']}"
    lines = ["", f"ICTCore is ready at {url}", f"Read and try the API at {url}/docs"]
    login = "admin"
    if made.admin_password:
        lines += ["", f"User admin was made. Its password, shown this once: {made.admin_password}"]
        login = f"'admin:{made.admin_password}'"
    elif made.admin:
        login = '"admin:$ICTCORE_ADMIN_PASSWORD"'
    if sms:
        send = f"curl -u {login} {url}/send/sms -H 'Content-Type: application/json'"
        body = shlex.quote('{"to": "+15550100", "text": "Hello from ICTCore"}')
        lines += ["", "Send an SMS:", f"  {send} -d {body}"]
        lines += ["See what became of it:", f"  curl -u {login} {url}/transmissions/TRANSMISSION_ID/status"]
    lines += ["", f"State is kept in {settings['core.home']}. Stop with Ctrl-C.", ""]
    return "\n".join(lines)
