"""``ictcore simulate-inbound``: let a message come in from the command line."""

from __future__ import annotations

import mimetypes
from pathlib import Path

import click

from ictcore.spec import FLAGS, IctError, Part, Runtime
from ictcore_gateway_simulator.convert import received

COMMIT_TIMEOUT = 30.0
"""Seconds that the command waits until the message is kept."""


def simulate_inbound(runtime: Runtime) -> click.Command:
    """The command; it puts the message where a gateway would."""

    @click.command("simulate-inbound", help="Let a message come in, as if somebody had sent it.")
    @click.option("--service", type=click.Choice(sorted(FLAGS)), default="sms", show_default=True)
    @click.option("--to", "called", required=True, help="Our number or address that is called.")
    @click.option("--from", "caller", required=True, help="Who sends it.")
    @click.option("--text", default="", help="The plain text.")
    @click.option("--subject", default="", help="The subject of a mail.")
    @click.option("--html", default="", help="The HTML text of a mail.")
    @click.option(
        "--attach",
        "files",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A file that comes with it; may be given several times.",
    )
    @click.option("--key", default="", help="The same for a message that comes again; a new one when left out.")
    def command(
        service: str, called: str, caller: str, text: str, subject: str, html: str, files: tuple[Path, ...], key: str
    ) -> None:
        message = received(
            service,
            called=called,
            caller=caller,
            text=text,
            subject=subject,
            html=html,
            parts=tuple(_part(path) for path in files),
            key=key,
        )
        try:
            receipt = runtime.sink().put([message])
        except IctError as error:
            raise click.ClickException(error.message) from error
        if not receipt.wait(COMMIT_TIMEOUT):
            raise click.ClickException(f"not kept within {COMMIT_TIMEOUT:g} seconds")
        refusal = next((each for each in receipt.refusals if each is not None), None)
        if refusal is not None:
            raise click.ClickException(f"refused ({refusal.cause}): {refusal.message}")
        click.echo(f"taken: {message.key}")

    return command


def _part(path: Path) -> Part:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Part(name=path.name, content_type=kind, content=path.read_bytes())
