"""For tests and benchmarks: a real Kannel, its links, an SMPP server, and scripted stand-ins for bearerbox and smsbox.

==========================  ==========================================================================
:class:`KannelServer`       bearerbox and smsbox as child processes on free ports
:class:`FakeLink`           the far side of a ``fake`` link, in Python: what it got, messages from phones
:class:`FakeSmsc`           the same by Kannel's own program ``fakesmsc``
:class:`SmppServer`         an SMPP 3.4 server that answers, refuses and reports as it is told
:class:`FakeBearerbox`      a bearerbox that drops, stalls, cuts and repeats (for the box protocol)
:class:`FakeSmsbox`         a smsbox that does (for sendsms and its callbacks)
==========================  ==========================================================================
"""

from ictcore_gateway_kannel.testing.bearerbox import FakeBearerbox
from ictcore_gateway_kannel.testing.link import FakeLink, FakeSmsc, LinkMessage
from ictcore_gateway_kannel.testing.server import KannelServer, installed
from ictcore_gateway_kannel.testing.smpp import SmppServer
from ictcore_gateway_kannel.testing.smsbox import FakeSmsbox

__all__ = [
    "FakeBearerbox",
    "FakeLink",
    "FakeSmsbox",
    "FakeSmsc",
    "KannelServer",
    "LinkMessage",
    "SmppServer",
    "installed",
]
