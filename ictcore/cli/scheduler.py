"""``ictcore scheduler``: what is done by time."""

from __future__ import annotations

import signal

import click

from ictcore.cli.options import options
from ictcore.dispatch.scheduler import Scheduler
from ictcore.inbox.accept import Inbox
from ictcore.runtime import Runtime
from ictcore.store.media import MediaStore


def make_scheduler(runtime: Runtime) -> Scheduler:
    """The scheduler of the system. Nothing is connected yet."""
    settings = runtime.settings
    inbox = Inbox(
        runtime.store,
        runtime.registry.services,
        MediaStore(runtime.media),
        clock=runtime.system.clock,
        country=settings["core.country"],
        uncertain_timeout=settings["dispatch.uncertain_timeout"],
    )
    return Scheduler(runtime.store, inbox, settings, clock=runtime.system.clock)


@click.command()
@click.pass_context
def scheduler(ctx: click.Context) -> None:
    """Do what its time has come for. Any number may run; one leads."""
    made = make_scheduler(options(ctx).runtime)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: made.stop())
    made.run()
