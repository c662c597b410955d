"""Bounces in the forms of Postfix, Exim, Exchange, qmail and others; each must reach its attempt, and only that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_gateway_smtp.bounce import read_bounce
from ictcore_gateway_smtp.bounce_text import diagnose
from ictcore_gateway_smtp.identity import bounce_address
from ictcore_gateway_smtp.inbound import parse

from ictcore.spec import AttemptEvent, Delivered, Failed, Progress, cause, new_attempt_id, utc_now

FOLDER = Path(__file__).parent / "bounces"

CORPUS: dict[str, tuple[type[AttemptEvent], str, str, str]] = {
    "postfix-unknown-user": (Failed, cause.UNALLOCATED, "5.1.1", "User unknown"),
    "postfix-delayed": (Progress, "delayed", "4.4.1", ""),
    "postfix-delivered": (Delivered, "", "delivered 2.0.0", ""),
    "postfix-relayed": (Delivered, "", "relayed 2.0.0", ""),
    "postfix-expired": (Failed, cause.EXPIRED, "4.7.1", "Greylisting"),
    "exchange-unknown-user": (Failed, cause.UNALLOCATED, "5.1.10", "RecipientNotFound"),
    "exchange-old-full": (Failed, cause.UNREACHABLE, "5.2.2", "mailbox is full"),
    "exim-unknown-user": (Failed, cause.UNALLOCATED, "", "Unrouteable address"),
    "exim-remote-refusal": (Failed, cause.FORBIDDEN, "5.7.1", "rejected as spam"),
    "exim-timeout": (Failed, cause.EXPIRED, "", "retry timeout exceeded"),
    "exim-warning": (Progress, "delayed", "", ""),
    "qmail-no-mailbox": (Failed, cause.UNALLOCATED, "5.1.1", "no mailbox here"),
    "qmail-no-host": (Failed, cause.UNALLOCATED, "5.1.2", "couldn't find any host"),
    "qmail-too-long": (Failed, cause.EXPIRED, "450", "450 try again"),
    "words-without-code": (Failed, cause.REJECTED, "", "nobody has ever seen"),
}


def mail_of(name: str, attempt_id: str) -> bytes:
    """A bounce of the corpus about ``attempt_id``, with the line ends of the wire."""
    return (FOLDER / f"{name}.eml").read_bytes().replace(b"\n", b"\r\n").replace(b"@ID@", attempt_id.encode())


def read(content: bytes, *, sender: str = "", recipient: str = "shop@example.com") -> Sequence[AttemptEvent] | None:
    return read_bounce(parse(content), sender=sender, recipient=recipient, at=utc_now())


def test_the_whole_corpus_is_tried() -> None:
    assert {path.stem for path in FOLDER.glob("*.eml")} == {*CORPUS, "vacation"}


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("by", ["what it quotes", "its address"])
def test_a_bounce_reaches_its_attempt(name: str, by: str) -> None:
    kind, why, code, words = CORPUS[name]
    attempt_id = new_attempt_id()
    if by == "its address":
        events = read(mail_of(name, "no-id-at-all"), recipient=bounce_address(attempt_id, "bounce@bounces.test"))
    else:
        events = read(mail_of(name, attempt_id))
    assert events is not None
    (event,) = events
    assert type(event) is kind
    assert event.attempt_id == attempt_id
    if isinstance(event, Failed):
        assert event.cause == why
        assert event.vendor_code == code
        assert words in event.detail
    elif isinstance(event, Progress):
        assert event.name == why
        assert event.vendor_code == code
        assert event.key, "a warning may be repeated, and each is one"
    elif isinstance(event, Delivered):
        assert event.vendor_code == code


@pytest.mark.parametrize("name", CORPUS)
def test_a_bounce_of_somebody_elses_mail_is_an_ordinary_mail(name: str) -> None:
    assert read(mail_of(name, "not-ours")) is None


def test_an_automatic_answer_is_no_bounce_and_no_mail() -> None:
    attempt_id = new_attempt_id()
    address = bounce_address(attempt_id, "bounce@bounces.test")
    assert read(mail_of("vacation", attempt_id), recipient=address) == []
    assert read(mail_of("vacation", attempt_id)) == []


def test_a_persons_answer_is_an_ordinary_mail() -> None:
    attempt_id = new_attempt_id()
    content = (
        f"From: ada@example.org\r\nSubject: Re: Hello\r\nIn-Reply-To: <{attempt_id}@example.com>\r\n\r\n550 thanks\r\n"
    )
    assert read(content.encode(), sender="ada@example.org") is None
    quoted = content + f"> Message-ID: <{attempt_id}@example.com>\r\n> 550 5.1.1 user unknown\r\n"
    assert read(quoted.encode(), sender="ada@example.org") is None


def test_the_same_report_has_the_same_key_again() -> None:
    attempt_id = new_attempt_id()
    first, second = (read(mail_of("postfix-delayed", attempt_id)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first[0].key == second[0].key


STATUS = [
    ("Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 5.2.2 mailbox full", cause.UNREACHABLE, "5.2.2"),
    ("Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: smtp; 550 user unknown", cause.UNALLOCATED, "550"),
    ("Action: FAILED\r\nStatus: 5.4.1 (no answer)", cause.UNREACHABLE, "5.4.1"),
    ("Action: failed\r\nStatus: nonsense", cause.REJECTED, ""),
    ("Action: failed", cause.REJECTED, ""),
    ("action: failed\r\nstatus: 5.7.1\r\nRemote-MTA: dns; mx.example.org", cause.FORBIDDEN, "5.7.1"),
]


@pytest.mark.parametrize(("fields", "why", "code"), STATUS, ids=[row[0][:50] for row in STATUS])
def test_fields_of_a_status_part(fields: str, why: str, code: str) -> None:
    attempt_id = new_attempt_id()
    content = (
        'Content-Type: multipart/report; boundary="b"\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n'
        f"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b\r\n{fields}\r\n\r\n--b--\r\n"
    )
    events = read(content.encode(), recipient=bounce_address(attempt_id, "bounce@bounces.test"))
    assert events is not None
    (event,) = events
    assert isinstance(event, Failed)
    assert (event.cause, event.vendor_code) == (why, code)


def test_an_unknown_action_tells_nothing() -> None:
    content = (
        'Content-Type: multipart/report; boundary="b"\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n'
        "Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; a@b\r\nAction: pondered\r\n\r\n--b--\r\n"
    )
    assert read(content.encode(), recipient=bounce_address(new_attempt_id(), "bounce@bounces.test")) == []


def test_a_failure_counts_more_than_a_delay_in_one_report() -> None:
    attempt_id = new_attempt_id()
    content = (
        'Content-Type: multipart/report; boundary="b"\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n'
        f"Original-Envelope-Id: {attempt_id}\r\n\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\n"
        "Action: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    )
    events = read(content.encode())
    assert events is not None
    assert isinstance(events[0], Failed)


@given(st.binary(max_size=400), st.sampled_from([*CORPUS, "vacation"]), st.integers(0, 3000))
def test_damaged_bounces_do_no_harm(noise: bytes, name: str, where: int) -> None:
    attempt_id = new_attempt_id()
    content = mail_of(name, attempt_id)
    damaged = content[:where] + noise + content[where + len(noise) :]
    for event in read(damaged, recipient=bounce_address(attempt_id, "bounce@bounces.test")) or ():
        assert event.attempt_id == attempt_id


@given(st.text(max_size=200), st.text(max_size=500), st.booleans())
def test_any_words_have_a_known_cause(subject: str, text: str, failed: bool) -> None:
    found = diagnose(subject, text, failed=failed)
    assert found is not None or not failed
    if found is not None:
        assert found.cause in cause.ALL
