"""What every command is given before its name."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import click

from ictcore.cli import logs
from ictcore.runtime import Runtime, load_runtime


@dataclass
class Options:
    """What every command was given: ``--config`` and ``--set``. The runtime is loaded when it is first used."""

    config: str | None = None
    flags: dict[str, str] = field(default_factory=dict)

    @cached_property
    def runtime(self) -> Runtime:
        """The parts of the system, with logging set up as its settings say."""
        runtime = load_runtime(self.config, self.flags)
        logs.configure(runtime.settings)
        return runtime

    def override(self, **values: Any) -> None:
        """Set flags, ``section_name=value``; ``None`` is skipped. The runtime is loaded anew."""
        self.flags.update({key.replace("_", ".", 1): str(value) for key, value in values.items() if value is not None})
        self.__dict__.pop("runtime", None)

    def arguments(self) -> list[str]:
        """The command line that gives another process the same options."""
        config = ["--config", self.config] if self.config else []
        return [*config, *(part for key, value in self.flags.items() for part in ("--set", f"{key}={value}"))]


def options(ctx: click.Context) -> Options:
    """What the command was given before its name."""
    found: Any = ctx.find_object(Options)
    assert isinstance(found, Options)
    return found
