"""What comes in, by any way: a mail's bytes and its envelope become events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ictcore.spec import Clock, Event, Refusal, utc_now
from ictcore_gateway_smtp.bounce import read_bounce
from ictcore_gateway_smtp.inbound import parse, received

NULL_SENDERS = frozenset({"", "<>", "mailer-daemon"})
"""How the null sender of a bounce is written; the last is what Postfix passes to programs."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to tell the mail server about one recipient: reply code, enhanced code and a sentence."""

    code: int
    status: str
    text: str

    @property
    def line(self) -> str:
        """The reply line without its CRLF."""
        return f"{self.code} {self.status} {self.text}"


TAKEN = Answer(250, "2.0.0", "taken")
NOT_YET = Answer(451, "4.3.0", "it could not be stored in time; send it again")
_REFUSED = {
    "unallocated": Answer(550, "5.1.1", "nobody here takes mail for that address"),
    "forbidden": Answer(550, "5.7.1", "not permitted"),
    "content": Answer(554, "5.6.0", "the content is not accepted"),
}


def answer(refusal: Refusal | None) -> Answer:
    """The answer for one event of a confirmed receipt."""
    return TAKEN if refusal is None else _REFUSED.get(refusal.cause, _REFUSED["forbidden"])


def events_of(content: bytes, sender: str, recipients: Sequence[str], clock: Clock = utc_now) -> list[Sequence[Event]]:
    """The events of one mail, for each recipient those that are for it; often one, and none for a mail to be dropped.

    :raises BadMail: it is beyond what is taken.
    """
    mail = parse(content)
    if sender.lower() in NULL_SENDERS:
        sender = ""
    found: list[Sequence[Event]] = []
    for recipient in recipients:
        events = read_bounce(mail, sender=sender, recipient=recipient, at=clock())
        if events is None:
            events = [received(mail, content, sender=sender, recipient=recipient, at=clock())]  # type: ignore[list-item]
        found.append(events)  # type: ignore[arg-type]
    return found
