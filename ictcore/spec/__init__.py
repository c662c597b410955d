"""All that a plugin may import, and the only part of the core that it may import.

A plugin is an installed distribution with an entry point in the group ``ictcore``; the entry point names a module (or
object) whose functions are marked with :data:`hookimpl`. What they return are objects that satisfy the protocols in
this package. Names that are not listed in ``__all__`` are not part of the contract.
"""

from ictcore.domain import cause
from ictcore.domain.attempt import Change, apply
from ictcore.domain.clock import Clock, utc_now
from ictcore.domain.errors import (
    Conflict,
    Forbidden,
    GatewayError,
    GatewayMisconfigured,
    GatewayProtocolError,
    GatewayRejected,
    GatewayThrottled,
    GatewayUnavailable,
    GatewayUncertain,
    IctError,
    InvalidInput,
    NotFound,
    NotSupported,
    PluginError,
    Unavailable,
)
from ictcore.domain.event import (
    Answered,
    AttemptEvent,
    Delivered,
    Event,
    Failed,
    NotSubmitted,
    Part,
    Progress,
    Received,
    StepDone,
    Submitted,
)
from ictcore.domain.ids import new_attempt_id
from ictcore.domain.plan import ANY, APPLICATIONS, ERROR, SUCCESS, Edge, Plan, Step, next_step, single
from ictcore.domain.retry import CALLS, MESSAGES, RetryPolicy
from ictcore.domain.service import EMAIL, FAX, FLAGS, SMS, VOICE
from ictcore.domain.tokens import has_tokens, render
from ictcore.spec.blocking import BlockingGateway
from ictcore.spec.dialect import Dialect, WsgiApp
from ictcore.spec.gateway import (
    Attempt,
    Capability,
    Gateway,
    GatewayContext,
    GatewayType,
    Health,
    ProviderType,
    Reconciliation,
    Trunk,
)
from ictcore.spec.hookspecs import ENTRY_POINT_GROUP, PROJECT, hookimpl
from ictcore.spec.program import Compilation, ProgramType, RouteRequest
from ictcore.spec.runtime import Runtime
from ictcore.spec.service import ServiceType
from ictcore.spec.settings import Setting, Settings
from ictcore.spec.sink import Receipt, Refusal, Sink

SPEC_VERSION = 1
"""Raised when something here changes so that an existing plugin must be changed."""

__all__ = [
    "ANY",
    "APPLICATIONS",
    "CALLS",
    "EMAIL",
    "ENTRY_POINT_GROUP",
    "ERROR",
    "FAX",
    "FLAGS",
    "MESSAGES",
    "PROJECT",
    "SMS",
    "SPEC_VERSION",
    "SUCCESS",
    "VOICE",
    "Answered",
    "Attempt",
    "AttemptEvent",
    "BlockingGateway",
    "Capability",
    "Change",
    "Clock",
    "Compilation",
    "Conflict",
    "Delivered",
    "Dialect",
    "Edge",
    "Event",
    "Failed",
    "Forbidden",
    "Gateway",
    "GatewayContext",
    "GatewayError",
    "GatewayMisconfigured",
    "GatewayProtocolError",
    "GatewayRejected",
    "GatewayThrottled",
    "GatewayType",
    "GatewayUnavailable",
    "GatewayUncertain",
    "Health",
    "IctError",
    "InvalidInput",
    "NotFound",
    "NotSubmitted",
    "NotSupported",
    "Part",
    "Plan",
    "PluginError",
    "ProgramType",
    "Progress",
    "ProviderType",
    "Receipt",
    "Received",
    "Reconciliation",
    "Refusal",
    "RetryPolicy",
    "RouteRequest",
    "Runtime",
    "ServiceType",
    "Setting",
    "Settings",
    "Sink",
    "Step",
    "StepDone",
    "Submitted",
    "Trunk",
    "Unavailable",
    "WsgiApp",
    "apply",
    "cause",
    "has_tokens",
    "hookimpl",
    "new_attempt_id",
    "next_step",
    "render",
    "single",
    "utc_now",
]
