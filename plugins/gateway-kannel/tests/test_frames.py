"""The codec of the box protocol: round trips, any cut of the stream, nonsense."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ictcore_gateway_kannel.wire import frames
from ictcore_gateway_kannel.wire.frames import Ack, Admin, Frame, FrameError, Heartbeat, Parser, Sms, Stencil

ID = b"01890a5d-ac96-774b-bcce-b302099a8057"
bytes_field = st.binary(max_size=60)
small = st.integers(-1, 2**31 - 1)
messages = st.builds(
    Sms, bytes_field, bytes_field, bytes_field, bytes_field, small, bytes_field, bytes_field, st.just(ID),
    st.sampled_from([frames.MO, frames.MT_PUSH]), small, small, bytes_field, bytes_field,
)  # fmt: skip
any_frame = (
    st.tuples(messages, bytes_field).map(lambda pair: (frames.sms(pair[0], boxc_id=pair[1]), pair[0]))
    | st.sampled_from([0, 1, 2, 3]).map(lambda nack: (frames.ack(ID, nack), Ack(nack, ID)))
    | st.tuples(small, st.none() | st.binary(min_size=1, max_size=9)).map(
        lambda pair: (frames.admin(pair[0], pair[1]), Admin(pair[0], pair[1]))
    )
    | small.map(lambda load: (frames.heartbeat(load), Heartbeat(load)))
)


def feed(parser: Parser, data: bytes, cuts: list[int]) -> list[Frame]:
    found: list[Frame] = []
    start = 0
    for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        found += parser.feed(data[start:cut])
        start = cut
    return found


@given(st.lists(any_frame, max_size=6), st.lists(st.integers(0, 2000), max_size=6))
def test_any_frames_in_any_cut(pairs: list[tuple[bytes, Frame]], cuts: list[int]) -> None:
    data = b"".join(data for data, _ in pairs)
    assert feed(Parser(), data, cuts) == [frame for _, frame in pairs]


@given(st.lists(any_frame, min_size=1, max_size=2))
def test_one_byte_at_a_time(pairs: list[tuple[bytes, Frame]]) -> None:
    parser = Parser()
    data = b"".join(data for data, _ in pairs)
    found = [frame for octet in data for frame in parser.feed(bytes((octet,)))]
    assert found == [frame for _, frame in pairs]


@given(st.binary(max_size=300))
def test_nonsense_ends_in_frames_or_a_frame_error(data: bytes) -> None:
    with contextlib.suppress(FrameError):
        Parser().feed(data)


@given(messages, st.integers(8, 400), st.binary(min_size=1, max_size=4))
def test_a_damaged_frame_ends_in_frames_or_a_frame_error(message: Sms, at: int, damage: bytes) -> None:
    data = frames.sms(message)
    at = min(at, len(data))
    parser = Parser()
    with contextlib.suppress(FrameError):
        parser.feed(data[:at] + damage + data[at + len(damage) :] + frames.ack(ID))


def test_a_real_frame() -> None:
    """As bearerbox 1.4.5 sent it: the acknowledgement of a message."""
    wire = bytes.fromhex("00000034 00000003 00000000 6920f1a8 00000024") + ID
    assert Parser().feed(wire) == [Ack(0, ID)]
    assert frames.ack(ID) == bytes.fromhex("00000034 00000003 00000000 ffffffff 00000024") + ID
    assert (
        frames.admin(frames.IDENTIFY, b"ictcore") == bytes.fromhex("00000013 00000001 00000003 00000007") + b"ictcore"
    )


def test_the_stencil_packs_what_the_parser_reads() -> None:
    stencil = Stencil(smsc=b"link", boxc_id=b"ictcore", account=b"shop")
    options = frames.options(coding=2, mclass=0, validity=1_800_000_000, dlr_mask=23, dlr_url=ID)
    part = frames.text(b"\x05\x00\x03\x01\x02\x01") + frames.text(b"\x04\x1f")
    frame = stencil.pack(frames.text(b"100"), frames.text(b"+49"), part, frames.number(5), ID, options)
    (message,) = Parser().feed(frame)
    wanted = Sms(
        b"100", b"+49", b"\x05\x00\x03\x01\x02\x01", b"\x04\x1f", 5, b"link", b"", ID, frames.MT_PUSH, 2, 23, ID, b""
    )
    assert message == wanted
    plain = frames.options(coding=0)
    frame = Stencil(smsc=b"", boxc_id=b"x").pack(
        frames.text(b"1"), frames.text(b"2"), frames.UNSET + frames.text(b"t"), frames.number(-1), ID, plain
    )
    (message,) = Parser().feed(frame)
    assert isinstance(message, Sms)
    assert (message.smsc, message.udh, message.dlr_mask, message.dlr_url) == (b"", b"", 0, b"")


def test_unknown_types_are_skipped_and_counted() -> None:
    parser = Parser()
    unknown = struct.pack(">ii", 8, 77) + b"what"
    assert parser.feed(unknown + frames.ack(ID)) == [Ack(0, ID)]
    assert parser.unknown == 1


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", id="another protocol"),
        pytest.param(struct.pack(">i", -1), id="negative length"),
        pytest.param(struct.pack(">i", 3), id="no room for a type"),
        pytest.param(struct.pack(">i", 1 << 21), id="two megabytes"),
        pytest.param(struct.pack(">iii", 8, 1, 3), id="admin without a name"),
        pytest.param(struct.pack(">iiiii", 16, 3, 0, 0, 99), id="ack whose id runs past its end"),
        pytest.param(struct.pack(">iii", 8, 2, -7), id="string of -7 bytes"),
        pytest.param(struct.pack(">iii", 8, 2, 1 << 30), id="string longer than its frame"),
    ],
)
def test_what_is_no_frame(wire: bytes) -> None:
    with pytest.raises(FrameError):
        Parser().feed(wire + b"\x00" * 8)
