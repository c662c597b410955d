"""Replies and status codes to causes and decisions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_gateway_smtp import translate
from ictcore_gateway_smtp.wire.client import CONTENT, DATA, MAIL, RCPT, Transaction
from ictcore_gateway_smtp.wire.replies import Reply

from ictcore.spec import (
    EMAIL,
    Attempt,
    Delivered,
    Failed,
    GatewayMisconfigured,
    GatewayProtocolError,
    GatewayRejected,
    GatewayThrottled,
    GatewayUnavailable,
    GatewayUncertain,
    NotSubmitted,
    Submitted,
    cause,
    new_attempt_id,
    single,
    utc_now,
)

STATUSES = [
    ("5.1.1", cause.UNALLOCATED),
    ("5.1.2", cause.UNALLOCATED),
    ("5.1.3", cause.INVALID_ADDRESS),
    ("5.1.8", cause.FORBIDDEN),
    ("5.1.10", cause.UNALLOCATED),
    ("5.2.1", cause.UNREACHABLE),
    ("5.2.2", cause.UNREACHABLE),
    ("5.2.3", cause.CONTENT),
    ("5.3.4", cause.CONTENT),
    ("5.4.4", cause.UNREACHABLE),
    ("5.4.6", cause.REJECTED),
    ("5.4.7", cause.EXPIRED),
    ("5.6.0", cause.CONTENT),
    ("5.7.1", cause.FORBIDDEN),
    ("5.7.26", cause.FORBIDDEN),
    ("5.7.509", cause.FORBIDDEN),
    ("5.0.0", cause.REJECTED),
    ("5.9.9", cause.REJECTED),
    ("5.3.2", cause.REJECTED),
    ("4.2.2", cause.UNREACHABLE),
    ("4.4.1", cause.UNREACHABLE),
    ("4.4.7", cause.EXPIRED),
    ("4.3.1", cause.CONGESTION),
    ("4.7.1", cause.TEMPORARY),
    ("4.1.1", cause.TEMPORARY),
    ("4.0.0", cause.TEMPORARY),
]

DECISIONS = [
    (MAIL, Reply(421, ("4.3.2 closing",)), GatewayUnavailable, None),
    (CONTENT, Reply(421, ("closing",)), GatewayUnavailable, None),
    (MAIL, Reply(452, ("4.3.1 no space",)), GatewayThrottled, None),
    (MAIL, Reply(450, ("too many messages, slow down",)), GatewayThrottled, None),
    (DATA, Reply(451, ("4.3.0 later",)), GatewayThrottled, None),
    (MAIL, Reply(530, ("5.7.0 authenticate first",)), GatewayMisconfigured, None),
    (RCPT, Reply(530, ("5.7.0 STARTTLS first",)), GatewayMisconfigured, None),
    (MAIL, Reply(550, ("5.7.1 sender refused",)), GatewayRejected, cause.FORBIDDEN),
    (MAIL, Reply(553, ("sender refused",)), GatewayRejected, cause.FORBIDDEN),
    (MAIL, Reply(552, ("5.3.4 too large",)), GatewayRejected, cause.CONTENT),
    (MAIL, Reply(552, ("too large",)), GatewayRejected, cause.CONTENT),
    (RCPT, Reply(550, ("5.1.1 no such user",)), GatewayRejected, cause.UNALLOCATED),
    (RCPT, Reply(550, ("no such user",)), GatewayRejected, cause.UNALLOCATED),
    (RCPT, Reply(550, ("5.7.1 relaying denied",)), GatewayRejected, cause.FORBIDDEN),
    (RCPT, Reply(551, ("moved",)), GatewayRejected, cause.UNALLOCATED),
    (RCPT, Reply(553, ("bad address",)), GatewayRejected, cause.INVALID_ADDRESS),
    (RCPT, Reply(554, ("no",)), GatewayRejected, cause.REJECTED),
    (RCPT, Reply(501, ("5.1.3 bad address",)), GatewayRejected, cause.INVALID_ADDRESS),
    (RCPT, Reply(501, ("syntax",)), GatewayRejected, cause.PROTOCOL),
    (MAIL, Reply(555, ("parameter",)), GatewayRejected, cause.FORBIDDEN),
    (CONTENT, Reply(552, ("5.3.4 too large",)), GatewayRejected, cause.CONTENT),
    (CONTENT, Reply(550, ("spam",)), GatewayRejected, cause.CONTENT),
    (CONTENT, Reply(554, ("5.7.1 spam",)), GatewayRejected, cause.FORBIDDEN),
    (CONTENT, Reply(554, ("no",)), GatewayRejected, cause.CONTENT),
    (DATA, Reply(554, ("no valid recipients",)), GatewayRejected, cause.CONTENT),
    (RCPT, Reply(450, ("4.2.0 greylisted",)), None, cause.UNREACHABLE),
    (RCPT, Reply(451, ("4.7.1 greylisted",)), None, cause.TEMPORARY),
    (RCPT, Reply(450, ("mailbox busy",)), None, cause.TEMPORARY),
    (RCPT, Reply(452, ("4.2.2 full",)), None, cause.UNREACHABLE),
    (RCPT, Reply(452, ("4.3.1 no space",)), GatewayThrottled, None),
    (CONTENT, Reply(451, ("4.7.0 later",)), None, cause.TEMPORARY),
]


def transaction(*, waits: bool = False) -> Transaction:
    """One of an attempt without a message."""
    attempt = Attempt(
        id=new_attempt_id(),
        service=EMAIL,
        source="a@example.com",
        destination="b@example.org",
        trunk=1,
        plan=single("email_send", {}),
    )
    return Transaction(attempt, b"", b"", b"", waits_for_report=waits)


@pytest.mark.parametrize(("status", "wanted"), STATUSES)
def test_statuses(status: str, wanted: str) -> None:
    assert translate.cause_of_status(status) == wanted


@pytest.mark.parametrize(
    ("stage", "reply", "kind", "wanted"), DECISIONS, ids=[f"{row[0]}-{row[1].word}" for row in DECISIONS]
)
def test_decisions(stage: str, reply: Reply, kind: type[Exception] | None, wanted: str | None) -> None:
    event = translate.refused(transaction(), stage, reply, utc_now())
    if kind is None:
        assert isinstance(event, Failed)
        assert event.cause == wanted
        assert event.vendor_code == reply.word
        return
    assert isinstance(event, NotSubmitted)
    assert type(event.error) is kind
    assert event.error.vendor_code == reply.word
    if isinstance(event.error, GatewayRejected):
        assert event.error.cause == wanted
    if isinstance(event.error, GatewayThrottled):
        assert 0 < event.error.retry_after <= 60


@given(st.sampled_from([MAIL, RCPT, DATA, CONTENT]), st.integers(400, 599), st.text(max_size=30))
def test_every_refusal_is_a_decision_with_a_known_cause(stage: str, code: int, text: str) -> None:
    reply = Reply(code, (text,))
    assert translate.cause_of_reply(reply, stage) in cause.ALL
    translate.refused(transaction(), stage, reply, utc_now())


@given(st.sampled_from("245"), st.integers(0, 999), st.integers(0, 999))
def test_every_status_has_a_known_cause(kind: str, subject: int, detail: int) -> None:
    assert translate.cause_of_status(f"{kind}.{subject}.{detail}") in cause.ALL


@pytest.mark.parametrize(
    ("text", "vendor_id"),
    [
        ("2.0.0 Ok: queued as 8868D216382", "8868D216382"),
        ("OK id=1tEXmq-0000Ab-2F", "1tEXmq-0000Ab-2F"),
        ("2.6.0 <x@y> [InternalId=1] Queued mail for delivery", ""),
        ("ok 1700000000 qp 12345", ""),
        ("2.0.0 4Es+Iry5AmuzQQAAg+zDdQ Saved", ""),
    ],
)
def test_the_servers_own_id_is_kept(text: str, vendor_id: str) -> None:
    event = translate.accepted(transaction(), Reply(250, (text,)), utc_now())
    assert isinstance(event, Delivered)
    assert event.vendor_id == vendor_id
    assert event.vendor_code == f"250 {text}"
    waiting = translate.accepted(transaction(waits=True), Reply(250, (text,)), utc_now())
    assert isinstance(waiting, Submitted)
    assert waiting.vendor_id == vendor_id


@pytest.mark.parametrize(
    ("left", "nonsense", "kind"),
    [
        (False, "", GatewayUnavailable),
        (False, "what", GatewayUnavailable),
        (True, "", GatewayUncertain),
        (True, "what", GatewayProtocolError),
    ],
)
def test_lost_connections(left: bool, nonsense: str, kind: type[Exception]) -> None:
    event = translate.lost(transaction(), left=left, nonsense=nonsense, reason="gone", at=utc_now())
    assert isinstance(event, NotSubmitted)
    assert type(event.error) is kind
