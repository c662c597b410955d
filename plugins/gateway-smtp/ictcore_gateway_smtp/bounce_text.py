"""Bounces that are only words: those of qmail, Exim, Exchange and others that write no delivery status."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ictcore.spec import cause
from ictcore_gateway_smtp.translate import cause_of_status

GENERIC: Final = cause.REJECTED
"""The cause of a failure that does not say why."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a bounce says. ``code``: the enhanced or basic code in it, ``""`` when there is none."""

    cause: str
    code: str
    detail: str
    delayed: bool = False


_CUT: Final = re.compile(
    r"^(?:-{2,}\s*(?:below this line|this is a copy of|original message|returned message|the body of|"
    r"transcript of original|message header)|received: from |original message headers:|return-path:)",
    re.I | re.M,
)
"""Where the returned message begins; what stands there is ours and tells nothing."""

_ADDRESS: Final = re.compile(r"<[^<>\s]{0,300}@[^<>\s]{0,300}>")
"""Addresses and ids, whose digits are no codes."""
_ENHANCED: Final = re.compile(r"(?<![\d.])([45]\.\d{1,2}\.\d{1,3})(?![\d.])")
_BASIC: Final = re.compile(r"(?<![\w.:\-])([45][0-7]\d)(?:[ -]|$)(?!\s*(?:bytes|lines|seconds|messages))", re.M)

_DELAY: Final = re.compile(
    r"\bdelayed\b|will be (?:re)?tried|no action is required|still (?:being )?(?:trying|tried|queued)"
    r"|not yet been delivered|delivery attempts? will|(?:will )?keep trying",
    re.I,
)
_GIVEN_UP: Final = re.compile(
    r"permanent|fatal|giving up|given up|gave up|too long in the queue|could not be delivered|couldn't be delivered"
    r"|undeliverable|retry time(?:out)? exceeded",
    re.I,
)
_SUBJECT: Final = re.compile(
    r"undeliver|delivery (?:status|fail|problem|has failed)|returned mail|failure notice|mail delivery fail"
    r"|delivery of .* failed|message (?:could )?not delivered|mail system error|non[- ]?delivery|mail returned",
    re.I,
)

_PHRASES: Final = (
    (
        r"mailbox (?:is )?full|over ?quota|quota exceeded|exceeded .*quota|insufficient (?:disk )?storage",
        cause.UNREACHABLE,
    ),
    (r"message (?:size )?(?:is )?too (?:large|big|long)|exceeds? .*size|message size exceed", cause.CONTENT),
    (
        r"no mailbox here by that name|user unknown|unknown user|no such (?:user|mailbox|recipient|address|person)"
        r"|(?:recipient|address|user|mailbox|account)[^.\n]{0,60}(?:does not exist|doesn't exist|not found|unknown)"
        r"|(?:unknown|invalid|bad) (?:recipient|mailbox|local.?part)|unrouteable address"
        r"|recipnotfound|recipient rejected|not listed in|e-?mail address .*(?:couldn't|could not) be found",
        cause.UNALLOCATED,
    ),
    (
        r"couldn't find any host|(?:host|domain)[^.\n]{0,40}(?:not found|unknown|does not exist)|name service error"
        r"|no mx record|can't be found|dns",
        cause.UNREACHABLE,
    ),
    (
        r"wasn't able to establish an smtp connection|connection (?:refused|timed out)|could not connect|no route",
        cause.UNREACHABLE,
    ),
    (r"retry time(?:out)? exceeded|too long in the queue|expired|giving up", cause.EXPIRED),
    (
        r"\bspam\b|virus|blocked|blacklist|block ?list|reputation|policy|relay(?:ing)? (?:access )?denied"
        r"|not permitted",
        cause.FORBIDDEN,
    ),
    (
        r"mailbox (?:is )?(?:disabled|inactive|suspended)|account (?:is |has been )?(?:disabled|inactive|suspended)",
        cause.UNREACHABLE,
    ),
)
_KNOWN: Final = tuple((re.compile(pattern, re.I), why) for pattern, why in _PHRASES)

_BY_BASIC: Final = {
    "550": cause.UNALLOCATED,
    "551": cause.UNALLOCATED,
    "552": cause.CONTENT,
    "553": cause.INVALID_ADDRESS,
}


def diagnose(subject: str, text: str, *, failed: bool = False) -> Diagnosis | None:
    """What a bounce in words says, ``None`` when nothing in it says that it is one.

    :param failed: it is known to be about a failure, so that words about a delay only tell of the past.
    """
    own = _ADDRESS.sub("<>", text[:20000])
    cut = _CUT.search(own)
    if cut is not None:
        own = own[: cut.start()]
    enhanced = _ENHANCED.search(own)
    basic = _BASIC.search(own)
    code = enhanced[1] if enhanced else basic[1] if basic else ""
    if not failed and _DELAY.search(f"{subject}\n{own}") and not _GIVEN_UP.search(own) and not code.startswith("5"):
        return Diagnosis(cause.TEMPORARY, code, _detail(own, enhanced or basic), delayed=True)
    why = _cause(own, enhanced[1] if enhanced else "", basic[1] if basic else "")
    if why is None:
        if not failed and not _SUBJECT.search(subject):
            return None
        why = GENERIC
    return Diagnosis(why, code, _detail(own, enhanced or basic))


def _cause(text: str, enhanced: str, basic: str) -> str | None:
    if enhanced and enhanced[1:] != ".0.0":
        why = cause_of_status(enhanced)
        return cause.EXPIRED if why == cause.TEMPORARY else why
    for pattern, why in _KNOWN:
        if pattern.search(text):
            return why
    if basic.startswith("5"):
        return _BY_BASIC.get(basic, GENERIC)
    return cause.EXPIRED if basic else None


def _detail(text: str, match: re.Match[str] | None) -> str:
    """The line that says it, else the last lines of the text."""
    if match is not None:
        start = text.rfind("\n", 0, match.start()) + 1
        end = text.find("\n\n", match.end())
        return " ".join(text[start : len(text) if end < 0 else end].split())[:500]
    return " ".join(text.split())[-500:]
