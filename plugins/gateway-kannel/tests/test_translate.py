"""The far side's words in ours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from ictcore_gateway_kannel.reports import Tag, read_tag
from ictcore_gateway_kannel.translate import ack_error, message_id, report, sendsms_error, vendor_word

from ictcore.spec import (
    Delivered,
    Failed,
    GatewayError,
    GatewayMisconfigured,
    GatewayProtocolError,
    GatewayRejected,
    GatewayThrottled,
    Progress,
    cause,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def receipt(stat: str, err: str = "000") -> str:
    return f"id:77 sub:001 dlvrd:001 submit date:2601011200 done date:2601011201 stat:{stat} err:{err} text:Hello"


@pytest.mark.parametrize(
    ("mask", "text", "expected", "word"),
    [
        pytest.param(2, receipt("EXPIRED", "001"), cause.EXPIRED, "stat:EXPIRED err:001", id="expired"),
        pytest.param(2, receipt("UNDELIV", "006"), cause.UNREACHABLE, "stat:UNDELIV err:006", id="undeliverable"),
        pytest.param(2, receipt("REJECTD", "011"), cause.REJECTED, "stat:REJECTD err:011", id="rejected"),
        pytest.param(2, receipt("DELETED"), cause.CANCELLED, "stat:DELETED err:000", id="deleted"),
        pytest.param(2, receipt("UNKNOWN"), cause.TEMPORARY, "stat:UNKNOWN err:000", id="unknown"),
        pytest.param(2, receipt("NEWWORD", "9AF"), cause.UNREACHABLE, "stat:NEWWORD err:9AF", id="a word not known"),
        pytest.param(2, "stat:expired", cause.EXPIRED, "stat:expired", id="lower case, no error"),
        pytest.param(2, "", cause.UNREACHABLE, "failed", id="no text"),
        pytest.param(16, "NACK/0x0000000b/Invalid Destination Address", cause.UNALLOCATED, None, id="invalid number"),
        pytest.param(16, "NACK/0x00000058/Throttling error", cause.CONGESTION, None, id="throttled for good"),
        pytest.param(16, "NACK/0x00000445/Vendor-specific", cause.REJECTED, None, id="a status not known"),
        pytest.param(16, "NACK/1035/Vendor-specific", cause.REJECTED, None, id="a decimal status"),
        pytest.param(16, "NACK/validity expired", cause.EXPIRED, None, id="validity"),
        pytest.param(16, "NACK/Retries Exceeded", cause.TEMPORARY, None, id="retries"),
        pytest.param(16, "NACK/", cause.REJECTED, None, id="no reason"),
        pytest.param(16, "", cause.REJECTED, "rejected", id="nothing at all"),
    ],
)
def test_failures(mask: int, text: str, expected: str, word: str | None) -> None:
    event = report(ID, mask, text, NOW)
    assert isinstance(event, Failed)
    assert (event.attempt_id, event.at, event.cause) == (ID, NOW, expected)
    assert event.vendor_code == (text if word is None else word)
    assert event.detail


def test_success_and_progress() -> None:
    done = report(ID, 1, receipt("DELIVRD"), NOW, vendor_id="77")
    assert isinstance(done, Delivered)
    assert (done.vendor_id, done.vendor_code, done.confirmed) == ("77", "stat:DELIVRD err:000", True)
    assert report(ID, 4, "", NOW) == Progress(attempt_id=ID, at=NOW, key="buffered", name="buffered")
    assert report(ID, 8, "", NOW) == Progress(attempt_id=ID, at=NOW, key="relayed", name="relayed")
    relayed = report(ID, 8, "", NOW, reports=False)
    assert isinstance(relayed, Delivered)
    assert not relayed.confirmed


@pytest.mark.parametrize("mask", [0, 3, 5, 32, 64, -1])
def test_bits_that_are_no_report(mask: int) -> None:
    assert report(ID, mask, "", NOW) is None


@pytest.mark.parametrize(
    ("nack", "error"),
    [(0, None), (3, None), (1, GatewayRejected), (2, GatewayThrottled), (4, GatewayProtocolError),
     (-1, GatewayProtocolError)],
)  # fmt: skip
def test_acknowledgements(nack: int, error: type[GatewayError] | None) -> None:
    found = ack_error(nack)
    assert found is None if error is None else type(found) is error
    assert found is None or found.vendor_code == f"nack {nack}"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        pytest.param(202, "0: Accepted for delivery", None, id="accepted"),
        pytest.param(202, "3: Queued for later delivery", None, id="queued"),
        pytest.param(200, "Sent.", None, id="older releases"),
        pytest.param(202, "<html>", GatewayProtocolError, id="something else answers"),
        pytest.param(403, "Authorization failed for sendsms", GatewayMisconfigured, id="password"),
        pytest.param(401, "", GatewayMisconfigured, id="a proxy in between"),
        pytest.param(404, "Unknown request.", GatewayMisconfigured, id="path"),
        pytest.param(503, "Temporal failure, try again later.", GatewayThrottled, id="queue full"),
        pytest.param(403, "Not routable. Do not try again.", GatewayRejected, id="not routable"),
        pytest.param(400, "Sender missing and no global set, rejected", GatewayRejected, id="no sender"),
        pytest.param(403, "Number(s) has/have been denied by white- and/or black-lists.", GatewayRejected, id="barred"),
        pytest.param(500, "", GatewayProtocolError, id="its own fault"),
        pytest.param(302, "", GatewayProtocolError, id="redirect"),
    ],
)
def test_answers_of_sendsms(status: int, body: str, error: type[GatewayError] | None) -> None:
    found = sendsms_error(status, body)
    assert found is None if error is None else type(found) is error
    assert found is None or found.vendor_code.startswith(str(status))


def test_words() -> None:
    assert vendor_word("  odd text  ") == "odd text"
    assert len(vendor_word("x" * 1000)) == 200
    assert message_id(receipt("DELIVRD"), "") == "77"
    assert message_id("", "abc") == "abc"
    assert message_id("", "") == ""


@pytest.mark.parametrize("tag", [Tag(ID), Tag(ID, 2, 3), Tag(ID, 1, 1, True), Tag(ID, 255, 255, True)])
def test_tags_survive(tag: Tag) -> None:
    assert read_tag(tag.write()) == tag


@pytest.mark.parametrize(
    "text",
    ["", ID[:-1], ID.upper(), ID + "/0/1", ID + "/2/1", ID + "/1/256", ID + "/1/1/else", "http://shop.example/?" + ID],
)
def test_what_is_no_tag(text: str) -> None:
    assert read_tag(text) is None
