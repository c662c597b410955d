"""Messages: what is built is read back by the standard library."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ictcore_gateway_smtp import compose
from ictcore_gateway_smtp.cache import ByteCache
from ictcore_gateway_smtp.compose import Composer
from ictcore_gateway_smtp.mime import text_part
from ictcore_gateway_smtp.wire.client import Transaction
from ictcore_gateway_smtp.wire.dots import END, unstuff

from ictcore.spec import (
    EMAIL,
    Attempt,
    GatewayMisconfigured,
    GatewayRejected,
    cause,
    new_attempt_id,
    single,
)

MakeAttempt = Callable[..., Attempt]
FULL = {"SIZE": "26214400", "8BITMIME": "", "SMTPUTF8": "", "DSN": "", "PIPELINING": ""}


@pytest.fixture
def media(tmp_path: Path) -> Callable[[bytes], dict[str, Any]]:
    """``media(content)``: store a file; what a plan says of it."""

    def store(content: bytes, name: str = "file.pdf", kind: str = "application/pdf") -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (tmp_path / digest).write_bytes(content)
        return {"name": name, "content_type": kind, "digest": digest, "size": len(content)}

    return store


@pytest.fixture
def composer(tmp_path: Path) -> Composer:
    return Composer(lambda digest: tmp_path / digest)


def opened(transaction: Transaction) -> EmailMessage:
    """The message as a reader's program sees it; checks what every message must keep."""
    content = transaction.content
    assert content.endswith(b"\r\n" + END)
    assert (b"\r\n" + content).index(b"\r\n.\r\n") == len(content) - len(END), "the content ends too early"
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    message = cast(EmailMessage, message_from_bytes(unstuff(content[: -len(END)]), policy=policy.default))
    assert not message.defects
    for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"):
        assert len(message.get_all(name, [])) == 1, name
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return "" if part is None else cast(str, part.get_content())


def test_a_plain_message(composer: Composer, make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(destination="ada@example.org", from_name="The Shop", subject="Hi", text="Hello\n.\n..x\n")
    transaction = composer(attempt, FULL)
    message = opened(transaction)
    assert transaction.rcpt == b"RCPT TO:<ada@example.org>\r\n"
    assert transaction.mail == f"MAIL FROM:<shop@example.com> SIZE={len(transaction.content)}\r\n".encode()
    assert message["From"] == "The Shop <shop@example.com>"
    assert message["To"] == "ada@example.org"
    assert message["Subject"] == "Hi"
    assert message["Message-ID"] == f"<{attempt.id}@example.com>"
    assert message.get_content_type() == "text/plain"
    assert same(body(message, "plain")) == "Hello\n.\n..x"
    assert abs(message["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    assert "Auto-Submitted" not in message
    assert not transaction.waits_for_report


def test_text_with_html_and_attachments(
    composer: Composer, make_attempt: MakeAttempt, media: Callable[..., dict[str, Any]]
) -> None:
    first, second = media(b"%PDF" + bytes(range(256)) * 50), media(b"", "Größe 😀.txt", "text/plain")
    attempt = make_attempt(text="Grüße", html="<p>Grüße</p>", attachments=[first, second])
    message = opened(composer(attempt, {}))
    assert message.get_content_type() == "multipart/mixed"
    assert body(message, "plain").strip() == "Grüße"
    assert body(message, "html").strip() == "<p>Grüße</p>"
    one, two = message.iter_attachments()
    assert (one.get_filename(), one.get_content_type()) == ("file.pdf", "application/pdf")
    assert one.get_content() == b"%PDF" + bytes(range(256)) * 50
    assert (two.get_filename(), two.get_payload(decode=True)) == ("Größe 😀.txt", b"")
    again = opened(composer(make_attempt(text="Grüße", html="<p>Grüße</p>", attachments=[first, second]), {}))
    assert again.get_content_type() == "multipart/mixed"


def test_html_only_is_no_alternative(composer: Composer, make_attempt: MakeAttempt) -> None:
    message = opened(composer(make_attempt(text="", html="<p>x</p>"), {}))
    assert message.get_content_type() == "text/html"


def test_a_message_with_nothing_in_it(composer: Composer, make_attempt: MakeAttempt) -> None:
    message = opened(composer(make_attempt(text=None, html=None, subject=None, attachments=None), {}))
    assert message["Subject"] == ""
    assert body(message, "plain").strip() == ""


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("plain", b"7bit"),
        ("x" * 899, b"7bit"),
        ("x" * 900, b"quoted-printable"),
        ("x" * 5000, b"quoted-printable"),
        ("nul \0", b"quoted-printable"),
        ("Grüße und sonst nur Buchstaben wie in diesem Satz", b"quoted-printable"),
        ("Привет, мир", b"base64"),
        ("你好，世界" * 400, b"base64"),
    ],
)
def test_the_shorter_encoding_is_chosen(text: str, encoding: bytes) -> None:
    assert b"Content-Transfer-Encoding: " + encoding + b"\r\n" in text_part("plain", text)


texts = st.text(max_size=300) | st.text(st.sampled_from(".\r\n a=ü\t\0"), max_size=60)


@settings(max_examples=150)
@given(texts, texts)
def test_any_text_comes_back(text: str, html: str) -> None:
    composer = Composer(lambda digest: Path(digest))
    attempt = Attempt(
        id=new_attempt_id(),
        service=EMAIL,
        source="a@example.com",
        destination="b@example.org",
        trunk=1,
        plan=single("email_send", {"subject": "x", "text": text, "html": html}),
    )
    message = opened(composer(attempt, {}))
    if text or not html:
        assert same(body(message, "plain")) == same(text)
    if html:
        assert same(body(message, "html")) == same(html)


def same(text: str) -> str:
    """A text with one kind of line end, and none at its end; lone surrogates as they are sent."""
    text = text.encode("utf-8", "replace").decode()
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def test_bodies_are_built_once(
    composer: Composer, make_attempt: MakeAttempt, media: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = media(b"content")
    first = composer(make_attempt(attachments=[file]), {}).content
    monkeypatch.setattr(compose.mime, "multipart", lambda *_: pytest.fail("built again"))
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read again"))
    second = composer(make_attempt(attachments=[file]), {}).content
    assert first.partition(b"\r\nContent-Type")[2] == second.partition(b"\r\nContent-Type")[2]
    assert first != second


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", "other"),
        ("html", "<b>other</b>"),
        ("subject", "other"),
        ("from_name", "other"),
        ("from", "other@example.com"),
        ("reply_to", "other@example.com"),
        ("headers", {"X-Other": "other"}),
        ("list_unsubscribe", "https://example.com/other"),
    ],
)
def test_nothing_of_another_message_stays(
    field: str, value: object, composer: Composer, make_attempt: MakeAttempt
) -> None:
    plain = composer(make_attempt(), {}).content
    other = composer(make_attempt(**{field: value}), {}).content
    again = composer(make_attempt(), {}).content
    assert b"other" in other
    assert b"other" not in plain + again


def test_the_attachment_list_is_part_of_the_key(
    composer: Composer, make_attempt: MakeAttempt, media: Callable[..., dict[str, Any]]
) -> None:
    names = []
    for name in ("a.pdf", "b.pdf"):
        message = opened(composer(make_attempt(attachments=[media(b"same", name)]), {}))
        names += [part.get_filename() for part in message.iter_attachments()]
    assert names == ["a.pdf", "b.pdf"]


def test_unsubscribing_by_one_click(composer: Composer, make_attempt: MakeAttempt) -> None:
    message = opened(composer(make_attempt(list_unsubscribe="https://example.com/u?id=1&x=%20"), {}))
    assert message["List-Unsubscribe"] == "<https://example.com/u?id=1&x=%20>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"


def test_unsubscribing_by_mail(composer: Composer, make_attempt: MakeAttempt) -> None:
    message = opened(composer(make_attempt(list_unsubscribe="mailto:leave@example.com?subject=x"), {}))
    assert message["List-Unsubscribe"] == "<mailto:leave@example.com?subject=x>"
    assert "List-Unsubscribe-Post" not in message


def test_further_headers(composer: Composer, make_attempt: MakeAttempt) -> None:
    given_ones = {"X-Campaign": "Grüße", "In-Reply-To": "<a@b>", "Auto-Submitted": "auto-replied"}
    attempt = make_attempt(headers=given_ones, reply_to="desk@example.com", list_unsubscribe="mailto:a@example.com")
    message = opened(composer(attempt, {}))
    assert message["X-Campaign"] == "Grüße"
    assert message["In-Reply-To"] == "<a@b>"
    assert message.get_all("Auto-Submitted") == ["auto-replied"]
    assert message["Reply-To"] == "desk@example.com"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"subject": "a\r\nBcc: victim@evil.example"}, cause.CONTENT),
    ({"subject": "a\0"}, cause.CONTENT),
    ({"subject": 5}, cause.CONTENT),
    ({"from_name": "a\nb"}, cause.CONTENT),
    ({"from": "a\r\nb@example.com"}, cause.INVALID_ADDRESS),
    ({"reply_to": "a@b.example>\r\n"}, cause.CONTENT),
    ({"reply_to": "nobody"}, cause.INVALID_ADDRESS),
    ({"headers": {"X-A\r\nBcc": "x"}}, cause.CONTENT),
    ({"headers": {"X-A": "x\nBcc: y"}}, cause.CONTENT),
    ({"headers": {"Message-ID": "<x@y>"}}, cause.CONTENT),
    ({"headers": {"Content-Type": "text/html"}}, cause.CONTENT),
    ({"headers": {"bcc": "victim@evil.example"}}, cause.CONTENT),
    ({"headers": {"X-A": ["list"]}}, cause.CONTENT),
    ({"headers": {f"X-{number}": "x" for number in range(200)}}, cause.CONTENT),
    ({"list_unsubscribe": "http://example.com/"}, cause.CONTENT),
    ({"list_unsubscribe": "https://example.com/>, <https://evil.example"}, cause.CONTENT),
    ({"list_unsubscribe": "https://example.com/ x"}, cause.CONTENT),
    ({"attachments": [{"digest": "../../etc/passwd", "name": "x", "content_type": "a/b"}]}, cause.INTERNAL),
    ({"attachments": [{"digest": "0" * 64, "name": "x", "content_type": "a/b"}]}, cause.INTERNAL),
]


@pytest.mark.parametrize(("data", "why"), REFUSED, ids=[str(row[0])[:50] for row in REFUSED])
def test_what_cannot_be_sent_is_refused(
    data: dict[str, Any], why: str, composer: Composer, make_attempt: MakeAttempt
) -> None:
    with pytest.raises(GatewayRejected) as caught:
        composer(make_attempt(**data), {})
    assert caught.value.cause == why


@pytest.mark.parametrize("address", ["", "nobody", "a@b.example\r\nRCPT TO:<x@y>", "a b@c.example"])
def test_bad_destinations_are_refused(address: str, composer: Composer, make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    with pytest.raises(GatewayRejected) as caught:
        composer(type(attempt)(**{**_fields(attempt), "destination": address}), {})
    assert caught.value.cause == cause.INVALID_ADDRESS


def _fields(attempt: Attempt) -> dict[str, Any]:
    return {name: getattr(attempt, name) for name in attempt.__struct_fields__}


def test_what_expired_is_not_sent(composer: Composer, make_attempt: MakeAttempt) -> None:
    attempt = make_attempt()
    late = type(attempt)(**{**_fields(attempt), "expires_at": datetime.now(UTC) - timedelta(seconds=1)})
    with pytest.raises(GatewayRejected) as caught:
        composer(late, {})
    assert caught.value.cause == cause.EXPIRED


def test_no_sender_is_a_misconfiguration_unless_the_provider_has_one(make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(source="")
    with pytest.raises(GatewayMisconfigured):
        Composer(Path)(attempt, {})
    message = opened(Composer(Path, sender="relay@example.com")(attempt, {}))
    assert message["From"] == "relay@example.com"


def test_too_large_for_the_server(composer: Composer, make_attempt: MakeAttempt) -> None:
    with pytest.raises(GatewayRejected) as caught:
        composer(make_attempt(text="x" * 2000), {"SIZE": "1000"})
    assert caught.value.cause == cause.CONTENT
    assert b"SIZE=" in composer(make_attempt(text="x" * 2000), {"SIZE": "0"}).mail


def test_addresses_outside_ascii(composer: Composer, make_attempt: MakeAttempt) -> None:
    attempt = make_attempt(destination="jürgen@münchen.example")
    transaction = composer(attempt, FULL)
    assert transaction.rcpt == "RCPT TO:<jürgen@xn--mnchen-3ya.example>\r\n".encode()
    assert transaction.mail.endswith(b" BODY=8BITMIME SMTPUTF8\r\n")
    with pytest.raises(GatewayRejected) as caught:
        composer(attempt, {"8BITMIME": ""})
    assert caught.value.cause == cause.INVALID_ADDRESS
    domain_only = composer(make_attempt(destination="ada@münchen.example"), {})
    assert domain_only.rcpt == b"RCPT TO:<ada@xn--mnchen-3ya.example>\r\n"


def test_reports_and_bounce_address(make_attempt: MakeAttempt) -> None:
    composer = Composer(Path, bounce_base="bounce@bounces.test", reports=True)
    attempt = make_attempt()
    transaction = composer(attempt, FULL)
    assert transaction.mail.startswith(f"MAIL FROM:<bounce+{attempt.id}@bounces.test>".encode())
    assert f" RET=HDRS ENVID={attempt.id}".encode() in transaction.mail
    assert transaction.rcpt.endswith(b" NOTIFY=SUCCESS,FAILURE,DELAY\r\n")
    assert transaction.waits_for_report
    without = composer(make_attempt(), {})
    assert b"NOTIFY" not in without.rcpt
    assert not without.waits_for_report, "no report will come, so none may be waited for"


def test_the_cache_keeps_to_its_limit() -> None:
    cache = ByteCache(10_000)
    for number in range(100):
        cache.put(number, b"x" * 500)
        cache.get(0)
        assert cache.size <= 10_000
    assert cache.get(0) is not None, "what is used is not forgotten"
    assert cache.get(1) is None
    assert cache.put("large", b"x" * 5000) == b"x" * 5000
    assert cache.get("large") is None
    before = cache.size
    cache.put(0, b"")
    assert cache.size == before - 500
