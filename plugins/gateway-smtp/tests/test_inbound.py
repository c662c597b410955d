"""Mails that come in: honest ones arrive as they were sent, hostile ones do no harm."""

from __future__ import annotations

import time
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_gateway_smtp.inbound import MOST_HEADERS, MOST_PARTS, BadMail, parse, received, recipient_of
from ictcore_gateway_smtp.intake import events_of

from ictcore.spec import Received, utc_now


def take(content: bytes, *, sender: str = "ada@example.org", recipient: str = "shop@example.com") -> Received:
    return received(parse(content), content, sender=sender, recipient=recipient, at=utc_now())


def written(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


def test_a_mail_with_everything() -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ada Größe <ada@example.org>", "shop@example.com", "Привет 😀"
    mail["Message-ID"], mail["In-Reply-To"] = "<1@example.org>", "<0@example.com>"
    mail["Authentication-Results"] = "mx.example.com; spf=pass"
    mail.set_content("Grüße\nund mehr")
    mail.add_alternative("<p>Grüße</p>", subtype="html")
    mail.add_attachment(b"%PDF\0\xff", maintype="application", subtype="pdf", filename="Größe.pdf")
    mail.add_attachment("notes", filename="notes.txt")
    event = take(mail.as_bytes(policy=policy.SMTP), sender="envelope@example.org")
    assert (event.service, event.gateway) == ("email", "smtp")
    assert (event.called, event.caller) == ("shop@example.com", "ada@example.org")
    assert event.subject == "Привет 😀"
    assert event.text.strip() == "Grüße\nund mehr"
    assert event.html.strip() == "<p>Grüße</p>"
    assert [(part.name, part.content_type) for part in event.parts] == [
        ("Größe.pdf", "application/pdf"),
        ("notes.txt", "text/plain"),
    ]
    assert event.parts[0].content == b"%PDF\0\xff"
    assert event.headers["Message-ID"] == "<1@example.org>"
    assert event.headers["In-Reply-To"] == "<0@example.com>"
    assert event.headers["Authentication-Results"] == "mx.example.com; spf=pass"
    assert event.headers["Return-Path"] == "<envelope@example.org>"


ODD: dict[str, tuple[str, str]] = {
    "no header": ("\nbody\n", "body\n"),
    "nothing": ("", ""),
    "no body": ("Subject: x\n", ""),
    "no empty line": ("this is no header\nat all\n", "this is no header\nat all\n"),
    "unknown charset": ("Content-Type: text/plain; charset=klingon\n\nGrüße\n", "Grüße\n"),
    "codec that is no text": ("Content-Type: text/plain; charset=rot13\n\nuryyb\n", "uryyb\n"),
    "codec that unpacks": ("Content-Type: text/plain; charset=zlib\n\nx\n", "x\n"),
    "charset that lies": ("Content-Type: text/plain; charset=us-ascii\n\nGrüße\n", "Grüße\n"),
    "charset with a NUL": ('Content-Type: text/plain; charset="a\0b"\n\nx\n', "x\n"),
    "charset in a code of its own": ("Content-Type: text/plain; charset*=klingon'x'%ff\n\nx\n", "x\n"),
    "bad base64": ("Content-Transfer-Encoding: base64\n\nSGVsbG8*!\n", "Hello"),
    "bad quoted-printable": ("Content-Transfer-Encoding: quoted-printable\n\na=ZZb=\n", "a=ZZb"),
    "unknown transfer encoding": ("Content-Transfer-Encoding: smoke\n\nx\n", "x\n"),
    "unknown type": ("Content-Type: \x01\n\nx\n", "x\n"),
    "line ends of all kinds": ("\na\rb\n", "a\nb\n"),
    "NUL in the text": ("\na\0b\n", "ab\n"),
}


@pytest.mark.parametrize(("content", "text"), ODD.values(), ids=ODD.keys())
def test_odd_mails_are_read(content: str, text: str) -> None:
    assert take(written(content)).text == text


def test_latin_bytes_without_a_charset() -> None:
    assert take(b"Subject: Gr\xfc\xdfe\r\n\r\nGr\xfc\xdfe\r\n").text == "Grüße\n"
    assert take(b"Subject: Gr\xfc\xdfe\r\n\r\nx").subject == "Grüße"
    assert take("Subject: Größe\r\n\r\nx".encode()).subject == "Größe"


SUBJECTS = [
    ("=?utf-8?b?R3LDvMOfZQ==?=", "Grüße"),
    ("=?iso-8859-1?q?Gr=FC=DFe?= you", "Grüße you"),
    ("=?klingon?q?nuqneH?=", "nuqneH"),
    ("=?utf-8?b?####?=", ""),
    ("=?utf-8?x?what?=", "=?utf-8?x?what?="),
    ("two\r\n lines", "two lines"),
    ("=?utf-8?q?a=0D=0ABcc:_x?=", "a Bcc: x"),
    ("=?utf-8?q?nul=00?=", "nul"),
]


@pytest.mark.parametrize(("raw", "subject"), SUBJECTS)
def test_subjects(raw: str, subject: str) -> None:
    assert take(f"Subject: {raw}\r\n\r\nx".encode()).subject == subject


def test_missing_boundaries() -> None:
    event = take(b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\nfound\r\n--x--\r\n")
    assert b"found" in b"".join(part.content for part in event.parts) or "found" in event.text
    head = b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n'
    cut = take(head + b"--x\r\n\r\nfirst\r\n--x\r\nContent-Type: text/html\r\n\r\nsec")
    assert (cut.text, cut.html) == ("first", "sec")


def test_a_mail_within_the_mail_is_one_part() -> None:
    event = take(
        b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\n\r\nsee below\r\n--x\r\n'
        b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n--x--\r\n"
    )
    (part,) = event.parts
    assert part.content_type == "message/rfc822"
    assert b"inner text" in part.content


def many_parts(count: int) -> bytes:
    return b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n' + b"--x\r\n\r\na\r\n" * count + b"--x--\r\n"


def deep(levels: int) -> bytes:
    head = b"".join(
        f'Content-Type: multipart/mixed; boundary="b{level}"\r\n\r\n--b{level}\r\n'.encode() for level in range(levels)
    )
    return head + b"\r\ntext\r\n"


def deep_mails(levels: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * levels + b"Subject: x\r\n\r\ntext\r\n"


BEYOND = {
    "10,000 parts": many_parts(10_000),
    "just too many parts": many_parts(MOST_PARTS),
    "deep in each other": deep(200),
    "very deep in each other": deep(5000),
    "mails within mails": deep_mails(100),
    "very many mails within mails": deep_mails(5000),
    "many headers": b"X-A: b\r\n" * (MOST_HEADERS + 1) + b"\r\nx",
    "a huge header": b"Subject: " + b"x" * 1_000_000 + b"\r\n\r\nx",
    "a huge folded header": b"Subject: x\r\n" + b" x\r\n" * 100_000 + b"\r\nx",
}


@pytest.mark.parametrize("content", BEYOND.values(), ids=BEYOND.keys())
def test_what_is_beyond_all_limits_is_refused_soon(content: bytes) -> None:
    begun = time.process_time()
    with pytest.raises(BadMail):
        parse(content)
    assert time.process_time() - begun < 20


def test_what_is_within_the_limits_is_taken() -> None:
    event = take(many_parts(900))
    assert len(event.parts) == 899
    assert take(deep(40)).text == "text"


def test_the_key_is_of_the_mail_and_not_of_its_way() -> None:
    content = b"Message-ID: <1@x>\r\nSubject: s\r\n\r\nbody\r\n"
    traced = b"Return-Path: <a@b>\r\nDelivered-To: x@y\r\nReceived: by z;\r\n tomorrow\r\n" + content
    assert take(content).key == take(traced).key
    assert take(content).key != take(content, recipient="other@example.com").key
    assert take(content).key != take(content, sender="mallory@example.org").key
    assert take(content).key != take(content.replace(b"body", b"other")).key
    assert take(content).key != take(content.replace(b"<1@x>", b"<2@x>")).key
    assert len(take(content).key) == 64


@pytest.mark.parametrize(
    ("head", "recipient"),
    [
        ("To: a@example.com", "a@example.com"),
        ("To: A <a@example.com>, b@example.com", "a@example.com"),
        ("Delivered-To: d@example.com\r\nTo: a@example.com", "d@example.com"),
        ("X-Original-To: o@example.com\r\nDelivered-To: d@example.com", "o@example.com"),
        ("Subject: x", ""),
        ("To: undisclosed-recipients:;", ""),
    ],
)
def test_the_recipient_by_the_headers(head: str, recipient: str) -> None:
    assert recipient_of(parse(f"{head}\r\n\r\nx".encode())) == recipient


@given(st.binary(max_size=600))
def test_any_bytes_are_a_mail(content: bytes) -> None:
    event = take(content)
    assert "\0" not in event.text + event.subject
    assert not set(event.subject) & set("\r\n")


pieces = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=x\r\n", b"Content-Type: message/rfc822\r\n", b"\r\n", b"--x\r\n",
        b"--x--\r\n", b"Content-Type: text/html; charset=utf-16\r\n", b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Type: message/delivery-status\r\n", b"Content-Type: multipart/report; boundary*0=x\r\n", b"text\xff",
        b"Content-Disposition: attachment; filename*0*=utf-8''%ff; filename*1=x\r\n", b"Subject: =?x?q?=ZZ?=\r\n",
        b"Content-Transfer-Encoding: uuencode\r\n", b"begin 666 x\r\n", b"=?utf-8?b?x?=", b"From: =?utf-8?b?\xff\r\n",
        b"Content-Type: text/\xff; charset=\xfe\r\n", b"Content-Disposition: \xff; filename=\xfe\r\n",
        b"Content-Transfer-Encoding: \xff\r\n",
    ]
)  # fmt: skip


@given(st.lists(pieces, max_size=15).map(b"".join))
def test_any_mixture_of_mime_is_a_mail(content: bytes) -> None:
    for sender in ("", "ada@example.org"):
        (events,) = events_of(content, sender, ["shop@example.com"])
        assert len(events) <= 1
