"""The services by ICTCore's flags. What a service *is* (its addresses, its retries) a plugin tells."""

from __future__ import annotations

from typing import Final

VOICE: Final = "voice"
FAX: Final = "fax"
SMS: Final = "sms"
EMAIL: Final = "email"

FLAGS: Final[dict[str, int]] = {VOICE: 1, FAX: 2, SMS: 4, EMAIL: 8}
"""Name -> service flag, as published by the REST API."""
SEND_STEP: Final[dict[str, str]] = {SMS: "sms_send", EMAIL: "email_send"}
"""Services whose outbound plan is one step: its outcome is the attempt's, so no gateway has to report it."""
NAMES: Final[dict[int, str]] = {flag: name for name, flag in FLAGS.items()}
