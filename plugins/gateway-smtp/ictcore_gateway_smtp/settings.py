"""The settings of the section ``smtp``."""

from __future__ import annotations

from ictcore.spec import Setting

SECTION = "smtp"

SETTINGS = (
    Setting(
        SECTION,
        "bounce_domain",
        str,
        "",
        "Domain whose addresses bounce+ID are delivered to us; messages get such an envelope sender, so that each"
        " bounce finds its message. Empty: bounces go to the sender's address. A provider's bounce_address goes first.",
    ),
    Setting(SECTION, "listen_port", int, 0, "Port on which mail comes in; 0: none.", minimum=0, maximum=65535),
    Setting(
        SECTION, "listen_host", str, "127.0.0.1", "Address on which mail comes in. Whoever reaches it can send mail in."
    ),
    Setting(
        SECTION,
        "listen_protocol",
        str,
        "lmtp",
        "Protocol in which mail comes in: lmtp answers for each recipient, smtp takes one recipient at a time.",
        choices=("lmtp", "smtp"),
    ),
    Setting(SECTION, "size_limit", int, 26214400, "Largest message that is taken in.", unit="bytes", minimum=1024),
    Setting(
        SECTION,
        "store_timeout",
        float,
        30.0,
        "How long a message that came in may wait to be stored, before the mail server is told to send it again.",
        unit="seconds",
        minimum=0.1,
        maximum=240,
    ),
)
