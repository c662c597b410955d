"""Attempts as frames of the box protocol: one for each part, with an id and a report tag that come back to us."""

from __future__ import annotations

import secrets
from functools import lru_cache

from ictcore_gateway_kannel.outgoing import Outgoing
from ictcore_gateway_kannel.reports import Tag
from ictcore_gateway_kannel.text import header
from ictcore_gateway_kannel.transport import Message, Route
from ictcore_gateway_kannel.wire import frames
from ictcore_gateway_kannel.wire.frames import Stencil

Piece = tuple[bytes, bytes, Outgoing]
"""A frame, the id that it is acknowledged with, and the attempt that it is a part of."""

_packed = lru_cache(maxsize=4096)(lambda value: frames.text(value.encode()))


class Packer:
    """Packs messages; what is the same for all messages of a link is packed once. Used by one thread.

    :param box_name: our name as a box.
    """

    def __init__(self, box_name: str) -> None:
        self._box_name = box_name.encode()
        self._stencils: dict[str, Stencil] = {}
        self._reference = secrets.randbelow(256)

    def pack(self, message: Message, stamp: bytes, pieces: list[Piece]) -> None:
        """Append the frames of ``message`` to ``pieces``. ``stamp``: now, as a packed integer.

        A message of one part has the attempt's id as its own; the parts of a long one differ in the last two digits.
        """
        outgoing, sender, receiver, encoded, route, validity = message
        stencil = self._stencils.get(route.smsc) or self._stencil(route)
        packed_sender = _packed(sender)
        packed_receiver = frames.text(receiver.encode())
        attempt_id = outgoing.id.encode()
        total = len(encoded.packed)
        if total == 1 and not route.relay:
            options = frames.options(
                coding=encoded.coding,
                mclass=route.mclass,
                validity=validity,
                dlr_mask=route.dlr_mask,
                dlr_url=attempt_id if route.dlr_mask else b"",
            )
            part = frames.UNSET + encoded.packed[0]
            frame = stencil.pack(packed_sender, packed_receiver, part, stamp, attempt_id, options)
            pieces.append((frame, attempt_id, outgoing))
            return
        self._reference = reference = (self._reference + 1) & 0xFF
        for number, data in enumerate(encoded.packed, 1):
            tag = Tag(outgoing.id, number, total, route.relay).write().encode() if route.dlr_mask else b""
            options = frames.options(
                coding=encoded.coding, mclass=route.mclass, validity=validity, dlr_mask=route.dlr_mask, dlr_url=tag
            )
            udh = frames.text(header(reference, total, number)) if total > 1 else frames.UNSET
            wire_id = attempt_id if total == 1 else attempt_id[:-2] + b"%02x" % number
            frame = stencil.pack(packed_sender, packed_receiver, udh + data, stamp, wire_id, options)
            pieces.append((frame, wire_id, outgoing))

    def _stencil(self, route: Route) -> Stencil:
        stencil = Stencil(smsc=route.smsc.encode(), boxc_id=self._box_name)
        if len(self._stencils) > 1000:
            self._stencils.clear()
        self._stencils[route.smsc] = stencil
        return stencil
