"""The hooks of the plugin."""

from __future__ import annotations

from collections.abc import Sequence

from ictcore.spec import ProgramType, hookimpl
from ictcore_program_basic.receive import ReceiveEmail, ReceiveSms
from ictcore_program_basic.sendemail import SendEmail
from ictcore_program_basic.sendsms import SendSms


class BasicPrograms:
    """What the entry point names."""

    @hookimpl
    def ictcore_register_programs(self) -> Sequence[ProgramType]:
        """The four types."""
        return [SendSms(), ReceiveSms(), SendEmail(), ReceiveEmail()]


plugin = BasicPrograms()
