"""Mail servers for tests and benchmarks: a scripted one, and Debian's ``smtp-sink``, Postfix and Dovecot."""

from ictcore_gateway_smtp.testing.dovecot import DovecotServer
from ictcore_gateway_smtp.testing.postfix import PostfixServer
from ictcore_gateway_smtp.testing.scripted import DROP, STALL, Mail, Raw, ScriptedServer
from ictcore_gateway_smtp.testing.sink import SmtpSink

__all__ = ["DROP", "STALL", "DovecotServer", "Mail", "PostfixServer", "Raw", "ScriptedServer", "SmtpSink"]
