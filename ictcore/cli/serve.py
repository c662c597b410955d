"""``ictcore serve``: the API, by gunicorn."""

from __future__ import annotations

from typing import Any

import click
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from ictcore.cli.options import Options, options
from ictcore.runtime import wsgi
from ictcore.settings import LoadedSettings


def gunicorn_settings(settings: LoadedSettings) -> dict[str, Any]:
    """Gunicorn's settings that follow from ours."""
    host = settings["http.host"]
    return {
        "bind": [f"{f'[{host}]' if ':' in host else host}:{settings['http.port']}"],
        "workers": settings["http.workers"],
        "threads": settings["http.threads"],
        "worker_class": "gthread",
        "timeout": settings["http.timeout"],
        "keepalive": settings["http.keepalive"],
        "graceful_timeout": 20,
        "forwarded_allow_ips": ",".join(settings["http.trusted_proxies"]) or "127.0.0.1",
        "preload_app": False,  # the database must be opened after the fork
        "control_socket_disable": True,
        "proc_name": "ictcore-api",
        "loglevel": "warning",
    }


class Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn with our settings; each worker puts its own system together."""

    def __init__(self, given: Options) -> None:
        self._given = given
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn."""
        for name, value in gunicorn_settings(self._given.runtime.settings).items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Called by gunicorn in each worker, after the fork."""
        return wsgi(self._given.config, self._given.flags)


@click.command()
@click.option("--host", help="Address to listen on (setting http.host).")
@click.option("--port", type=int, help="TCP port to listen on (setting http.port).")
@click.pass_context
def serve(ctx: click.Context, host: str | None, port: int | None) -> None:
    """Serve the REST API, and nothing else."""
    given = options(ctx)
    given.override(http_host=host, http_port=port)
    _ = given.runtime  # wrong settings are told here, not by gunicorn
    Server(given).run()
