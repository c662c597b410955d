"""Transparency: a message's own lines that begin with a dot (RFC 5321, section 4.5.2)."""

from __future__ import annotations

END = b".\r\n"
"""The line that ends the content; it stands after a CRLF."""


def stuff(content: bytes) -> bytes:
    """``content`` with each leading dot doubled. Its lines must end with CRLF and it must end with one."""
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\n.", b"\n..")


def unstuff(content: bytes) -> bytes:
    """The opposite of :func:`stuff`."""
    if content.startswith(b"."):
        content = content[1:]
    return content.replace(b"\n.", b"\n")
