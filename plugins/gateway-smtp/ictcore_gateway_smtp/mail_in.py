"""``ictcore mail-in``: a mail from standard input, as a mail server's pipe hands it over.

Exit codes are those of sysexits.h, which mail servers understand: 0 stored, 65 the mail is bad, 67 nobody takes it,
75 try again later, 77 not permitted.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Final

import click

from ictcore.spec import Runtime
from ictcore_gateway_smtp.inbound import BadMail, parse, recipient_of
from ictcore_gateway_smtp.intake import answer, events_of

log = logging.getLogger(__name__)

EX_OK: Final = os.EX_OK
EX_DATAERR: Final = os.EX_DATAERR
EX_NOUSER: Final = os.EX_NOUSER
EX_TEMPFAIL: Final = os.EX_TEMPFAIL
EX_NOPERM: Final = os.EX_NOPERM

_CODES: Final = {250: EX_OK, 550: EX_NOPERM, 554: EX_DATAERR}


def store(content: bytes, sender: str, recipient: str, runtime: Runtime) -> tuple[int, str]:
    """Store one mail; the exit code and a sentence for the mail server's log. Blocks until it is stored.

    :param recipient: ``""``: taken from the mail's own headers.
    """
    try:
        if len(content) > runtime.settings["smtp.size_limit"]:
            return EX_DATAERR, "the mail is larger than smtp.size_limit"
        recipient = recipient or recipient_of(parse(content))
        if not recipient:
            return EX_DATAERR, "no recipient: neither --to nor a header tells"
        events = events_of(content, sender, [recipient])[0]
        if not events:
            return EX_OK, "nothing to store"
        receipt = runtime.sink().put(events)
        if not receipt.wait(runtime.settings["smtp.store_timeout"]):
            return EX_TEMPFAIL, "it could not be stored in time"
        for refusal in receipt.refusals:
            if refusal is not None:
                said = answer(refusal)
                return (EX_NOUSER if said.status == "5.1.1" else _CODES[said.code]), said.text
        return EX_OK, "stored"
    except BadMail as error:
        return EX_DATAERR, str(error)
    except Exception as error:
        # Whatever is wrong here, the mail is safe at the mail server, and it tries again.
        log.exception("mail-in failed")
        return EX_TEMPFAIL, f"{type(error).__name__}: try again later"


def command(runtime: Runtime) -> click.Command:
    """The command, for ``ictcore_register_commands``."""

    @click.command("mail-in")
    @click.option("--to", "recipient", default="", help="Address that the mail is for; else its headers tell.")
    @click.option("--from", "sender", default="", help="Envelope sender; empty for a bounce.")
    def mail_in(recipient: str, sender: str) -> None:
        """Take in a mail from standard input.

        Exit code: 0 stored, 65 bad mail, 67 nobody takes it, 75 try again later, 77 not permitted.
        """
        limit = runtime.settings["smtp.size_limit"]
        content = sys.stdin.buffer.read(limit + 1)
        code, said = store(content, sender, recipient, runtime)
        if code:
            click.echo(f"mail-in: {said}", err=True)
        sys.exit(code)

    return mail_in
