"""``ictcore dispatch``: the dispatcher of one node."""

from __future__ import annotations

import logging
import signal

import click

from ictcore.cli.options import options
from ictcore.dispatch.dispatcher import Dispatcher
from ictcore.domain.errors import GatewayError
from ictcore.inbox.accept import Inbox
from ictcore.runtime import Runtime
from ictcore.spec.gateway import Gateway, GatewayContext
from ictcore.store.media import MediaStore

log = logging.getLogger(__name__)


def make_dispatcher(runtime: Runtime, node: str) -> Dispatcher:
    """The dispatcher of ``node`` with a gateway of every installed type. Nothing is connected yet."""
    registry, settings = runtime.registry, runtime.settings
    inbox = Inbox(
        runtime.store,
        registry.services,
        MediaStore(runtime.media),
        clock=runtime.system.clock,
        country=settings["core.country"],
        uncertain_timeout=settings["dispatch.uncertain_timeout"],
    )
    hears = runtime.plugins.implements("ictcore_events_committed")
    return Dispatcher(
        runtime.store,
        registry.services,
        registry.gateways,
        make_gateways(runtime, node),
        inbox,
        node=node,
        settings=settings,
        clock=runtime.system.clock,
        committed=(lambda events: runtime.plugins.notify("ictcore_events_committed", events=events)) if hears else None,
    )


def make_gateways(runtime: Runtime, node: str) -> dict[str, Gateway]:
    """A gateway of every installed type; one that cannot be made is logged and left out."""
    runtime.media.mkdir(parents=True, exist_ok=True)
    made: dict[str, Gateway] = {}
    for name, gateway_type in runtime.registry.gateways.items():
        home = runtime.home / "gateways" / node / name
        home.mkdir(parents=True, exist_ok=True)
        try:
            made[name] = gateway_type.create(GatewayContext(node, runtime.settings, home, runtime.media))
        except GatewayError as error:
            log.error("gateway %s is not used: %s", name, error.message)
        except Exception:
            log.exception("gateway %s is not used: it could not be made", name)
    return made


@click.command()
@click.option("--node", help="Name of the node (setting core.node).")
@click.pass_context
def dispatch(ctx: click.Context, node: str | None) -> None:
    """Send what is due, and take what comes in, until told to stop."""
    runtime = options(ctx).runtime
    dispatcher = make_dispatcher(runtime, node or runtime.settings["core.node"])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: dispatcher.stop())
    dispatcher.run()
