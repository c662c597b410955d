"""``ictcore check-config`` and ``ictcore print-config``"""

from __future__ import annotations

import click

from ictcore.cli.options import options


@click.command()
@click.pass_context
def check_config(ctx: click.Context) -> None:
    """Check the settings: values that do not fit (it ends with 2), and names that nobody reads (1)."""
    runtime = options(ctx).runtime  # values that do not fit end it here, each one named
    for name in runtime.settings.unknown:
        click.echo(f"{name}: nobody reads this setting")
    for info in runtime.registry.plugins:
        if info.state == "quarantined":
            click.echo(f"plugin {info.name}: {info.error}")
    wrong = bool(runtime.settings.unknown) or any(info.state == "quarantined" for info in runtime.registry.plugins)
    if not wrong:
        click.echo(f"the settings are right ({runtime.file or 'no file'})")
    ctx.exit(1 if wrong else 0)


@click.command()
@click.option("--changed", is_flag=True, help="Only those that differ from their defaults.")
@click.pass_context
def print_config(ctx: click.Context, changed: bool) -> None:
    """Print the settings in force as a configuration file, with the origin of each. Secrets are not shown."""
    settings = options(ctx).runtime.settings
    section = ""
    shown = settings.shown()
    for setting in settings.declared():
        source = settings.source[setting.key]
        if changed and source == "default":
            continue
        if setting.section != section:
            click.echo(f"{chr(10) if section else ''}[{setting.section}]")
            section = setting.section
        unit = f" ({setting.unit})" if setting.unit else ""
        click.echo(f"# {setting.help}{unit} From: {source}.")
        click.echo(f"{setting.name} = {shown[setting.key]}".rstrip())
