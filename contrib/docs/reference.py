"""Write the reference pages from the code: ``python contrib/docs/reference.py`` writes, ``--check`` only compares.

What can be read from a declaration is not written twice: settings, commands, hooks, errors, events, causes, states,
permissions, and the operations of the API.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from ictcore.api.resources import OPERATIONS
from ictcore.cli.main import main as command_line
from ictcore.domain import attempt, cause, errors, event, permission
from ictcore.domain.service import FLAGS
from ictcore.plugins import PluginManager
from ictcore.runtime import core_settings
from ictcore.spec import hookspecs

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
HEAD = "<!-- Written by contrib/docs/reference.py: change the code, not this page. -->\n"


def first_lines(thing: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def settings() -> str:
    """Every setting of the core and of the plugins that come with it."""
    declared = sorted(PluginManager().declare_settings(core_settings()), key=lambda setting: setting.key)
    text = (
        "# Settings\n\nRead from the INI file that `ICTCORE_CONFIG` names (else `etc/ictcore.conf`), overridden by the "
    )
    text += "environment, overridden by flags. `ictcore print-config` shows what is in force; `ictcore check-config` "
    text += "names unknown keys and values that do not fit.\n"
    for section in sorted({setting.section for setting in declared}):
        text += f"\n## [{section}]\n\n" + table(
            ("name", "type", "default", "environment", "meaning"),
            (
                (
                    f"`{setting.name}`",
                    setting.type.__name__ + (f", {setting.unit}" if setting.unit else ""),
                    f"`{_default(setting.default)}`" if setting.default not in ("", []) else "",
                    f"`{setting.variable}`",
                    setting.help
                    + (f" One of: {', '.join(setting.choices)}." if setting.choices else "")
                    + (" Secret." if setting.secret else ""),
                )
                for setting in declared
                if setting.section == section
            ),
        )
    return text


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def hooks() -> str:
    """Every hook with its signature and its contract."""
    text = "# Hooks\n\n" + (inspect.getdoc(hookspecs) or "") + "\n"
    for name, hook in hookspecs.HOOKS.items():
        parameters = ", ".join(inspect.signature(hook).parameters)
        text += f"\n## {name}({parameters})\n\n{inspect.getdoc(hook)}\n"
    return text


def error_codes() -> str:
    """Every error code."""
    classes = [item for item in vars(errors).values() if inspect.isclass(item) and issubclass(item, errors.IctError)]
    from ictcore.api.errors import status_of

    rows = [
        (
            f"`{kind.code}`",
            f"`{kind.__name__}`",
            str(status_of(kind())),
            "yes" if kind.retryable else "",
            first_lines(kind),
        )
        for kind in classes
    ]
    text = '# Errors\n\nEvery error body is `{"error": {"code": 412, "message": …, "type": …, "fields": {…}}}`; '
    text += "`type` is the code below, `fields` names every field that could not be accepted.\n\n"
    return text + table(("code", "class", "HTTP status", "try again", "meaning"), rows)


def states() -> str:
    """States, causes and events."""
    kinds = [item for item in vars(event).values() if inspect.isclass(item) and item.__module__ == event.__name__]
    causes = sorted(cause.ALL)
    source = inspect.getsource(cause)
    meanings = {name: _after(source, f'"{name}"') for name in causes}
    text = "# States, causes and events\n\n## States of an attempt\n\n"
    text += table(
        ("state", "status in the contract"), ((f"`{s}`", f"`{attempt.CONTRACT_STATUS[s]}`") for s in attempt.STATES)
    )
    text += "\n## Causes\n\n" + table(("cause", "meaning"), ((f"`{name}`", meanings[name]) for name in causes))
    text += "\n## Events\n\n" + table(
        ("event", "meaning"), ((f"`{kind.__name__}`", first_lines(kind)) for kind in kinds)
    )
    return text


def _after(source: str, value: str) -> str:
    """The string that stands below ``NAME = value``."""
    tail = source.split(f"= {value}\n", 1)[1]
    return tail.split('"""', 2)[1]


def permissions() -> str:
    """Permissions and roles."""
    rows = (
        (f"`{family}`", ", ".join(f"`{family}_{action}`" for action in actions))
        for family, actions in permission.FAMILIES.items()
    )
    text = "# Permissions and flags\n\nA name grants every name that begins with it: `contact` grants `contact_create`.\n\n"
    text += table(("family", "its permissions"), rows)
    text += f"\nRole `admin`: {', '.join(f'`{name}`' for name in permission.ADMIN_ROLE)}.\n"
    text += f"\nRole `user`: {', '.join(f'`{name}`' for name in permission.USER_ROLE)}.\n"
    text += "\n## Service flags\n\n" + table(("service", "flag"), ((name, str(flag)) for name, flag in FLAGS.items()))
    return text


def commands() -> str:
    """Every command with its help."""
    text = "# Commands\n"
    context = click.Context(command_line, info_name="ictcore")
    for name in command_line.list_commands(context):
        command = command_line.get_command(context, name)
        if command is None:
            continue
        with click.Context(command, info_name=f"ictcore {name}", parent=None) as inner:
            text += f"\n## ictcore {name}\n\n```text\n{command.get_help(inner)}\n```\n"
    return text


def operations() -> str:
    """Every operation of the REST API."""
    rows = (
        (
            f"`{method} {path}`",
            f"`{operation.id}`",
            operation.summary,
            ", ".join(f"`{p}`" for p in operation.permissions),
        )
        for operation in OPERATIONS
        for method, path in operation.forms
    )
    text = "# Operations\n\nThe whole description, with types, is at `/openapi.json` of a running system, and readable at `/docs`.\n\n"
    return text + table(("form", "operation", "what it does", "permissions"), rows)


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "hooks.md": hooks,
    "errors.md": error_codes,
    "states.md": states,
    "permissions.md": permissions,
    "commands.md": commands,
    "operations.md": operations,
}


def main(check: bool) -> int:
    """Write (or compare) every page; the number of pages that differ."""
    stale = 0
    for name, page in PAGES.items():
        path, text = FOLDER / name, HEAD + page()
        if path.exists() and path.read_text() == text:
            continue
        stale += 1
        if not check:
            path.write_text(text)
        print(f"{'stale' if check else 'written'}: {path.name}")
    return stale


if __name__ == "__main__":
    sys.exit(min(1, main(True)) if "--check" in sys.argv else 0 * main(False))
