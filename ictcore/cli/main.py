"""The command ``ictcore``. Each command is a module that is imported when it is called."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
from typing import Any, NoReturn

import click

from ictcore.cli import logs
from ictcore.cli.options import Options
from ictcore.domain.errors import IctError, InvalidInput

log = logging.getLogger(__name__)

COMMANDS = {
    "run": "ictcore.cli.run",
    "serve": "ictcore.cli.serve",
    "dispatch": "ictcore.cli.dispatch",
    "scheduler": "ictcore.cli.scheduler",
    "migrate": "ictcore.cli.migrate",
    "bootstrap": "ictcore.cli.bootstrap",
    "plugins": "ictcore.cli.plugins",
    "check-config": "ictcore.cli.config",
    "print-config": "ictcore.cli.config",
    "user": "ictcore.cli.user",
    "keys": "ictcore.cli.keys",
    "copy-database": "ictcore.cli.copy_database",
    "version": "ictcore.cli.version",
}
"""Command -> the module that has it, as a function of the command's name with ``_`` for ``-``."""


class Commands(click.Group):
    """The core's commands, and those of plugins, whose failures stop no other command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, the core's first."""
        return [*(name for name in COMMANDS if exists(name)), *sorted(self._of_plugins(ctx))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, ``None`` when there is none of this name."""
        if cmd_name in COMMANDS and exists(cmd_name):
            module = importlib.import_module(COMMANDS[cmd_name])
            command: click.Command = getattr(module, cmd_name.replace("-", "_"))
            return command
        return self._of_plugins(ctx).get(cmd_name)

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run a command and exit: 0 done, 1 failed, 2 called wrongly or with wrong settings."""
        logs.basic()
        try:
            code = super().main(*args, **{"prog_name": "ictcore"} | extra | {"standalone_mode": False})
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(130)
        except InvalidInput as error:
            for name, reason in error.fields.items():
                click.echo(f"ictcore: {name}: {reason}", err=True)
            if not error.fields:
                click.echo(f"ictcore: {error.message}", err=True)
            sys.exit(2)
        except IctError as error:
            click.echo(f"ictcore: {error.message}", err=True)
            sys.exit(1)
        except BrokenPipeError:  # the reader of our output has gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)

    def _of_plugins(self, ctx: click.Context) -> dict[str, click.Command]:
        found: dict[str, click.Command] = ctx.meta.get("ictcore.commands", {})
        if found or ctx.meta.get("ictcore.asked"):
            return found
        ctx.meta["ictcore.asked"] = True
        try:
            runtime = _options(ctx).runtime
        except IctError as error:
            log.warning("the commands of plugins are not shown: %s", error)
            return {}
        for command in runtime.plugins.collect("ictcore_register_commands", runtime=runtime):
            name = getattr(command, "name", None)
            if not isinstance(command, click.Command) or not name or name in COMMANDS or name in found:
                log.error("a plugin's command %r is left out: it is none, or its name is taken", name or command)
                continue
            found[name] = command
        ctx.meta["ictcore.commands"] = found
        return found


def exists(name: str) -> bool:
    """Whether the core command ``name`` is there."""
    return importlib.util.find_spec(COMMANDS[name]) is not None


def _options(ctx: click.Context) -> Options:
    """The options as far as they are known: help is shown before they are parsed to their end."""
    if not isinstance(ctx.obj, Options):
        flags = dict(part.split("=", 1) for part in ctx.params.get("settings") or () if "=" in part)
        ctx.obj = Options(ctx.params.get("config"), flags)
    return ctx.obj


def _check_set(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for part in value:
        if "=" not in part or "." not in part.split("=")[0]:
            raise click.BadParameter(f"{part!r} is not SECTION.NAME=VALUE")
    return value


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="FILE", help="Configuration file; else $ICTCORE_CONFIG, else etc/ictcore.conf.")
@click.option(
    "--set", "settings", metavar="SECTION.NAME=VALUE", multiple=True, callback=_check_set, help="Override a setting."
)
@click.pass_context
def main(ctx: click.Context, config: str | None, settings: tuple[str, ...]) -> None:
    """A unified communications server: voice, fax, SMS and e-mail by one REST API."""
    _options(ctx)
