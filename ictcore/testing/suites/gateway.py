"""The suite that every gateway must pass.

A plugin's ``tests/test_conformance.py`` subclasses :class:`GatewaySuite` and overrides the fixtures ``gateway_type``,
``declared_settings``, ``far_side``, ``trunk`` and ``setting_values``. The suite asks what the gateway and its far side
declare, and skips the rest with a reason that names it; it never asks which plugin it is.
"""

from __future__ import annotations

from ictcore.testing.far_side import CONTROLS, FarSide, InboundMessage, Sent
from ictcore.testing.suites.gateway_base import GatewayBase
from ictcore.testing.suites.gateway_faults import FaultSuite
from ictcore.testing.suites.gateway_reports import UNKNOWN_EVENTS, ReportSuite
from ictcore.testing.suites.gateway_safety import FOREIGN, HOSTILE, SafetySuite
from ictcore.testing.suites.gateway_sending import SendingSuite

__all__ = [
    "CONTROLS",
    "FOREIGN",
    "HOSTILE",
    "UNKNOWN_EVENTS",
    "FarSide",
    "FaultSuite",
    "GatewayBase",
    "GatewaySuite",
    "InboundMessage",
    "ReportSuite",
    "SafetySuite",
    "SendingSuite",
    "Sent",
]


class GatewaySuite(SendingSuite, FaultSuite, SafetySuite, ReportSuite):
    """All promises of :mod:`ictcore.spec.gateway`."""
