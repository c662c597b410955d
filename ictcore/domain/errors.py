"""Every error that the core raises: one root, one class per decision that the caller can take.

``code`` is stable and machine-readable; the sentence may change. Nothing here knows HTTP: the API owns the one table
from class to status.
"""

from __future__ import annotations

from collections.abc import Mapping


class IctError(Exception):
    """Root of all errors raised on purpose.

    :ivar code: stable identifier of the kind of error.
    :ivar retryable: the same request may succeed later without being changed.
    """

    code = "error"
    retryable = False

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])

    @property
    def message(self) -> str:
        """The sentence for people. Never contains a secret."""
        return str(self.args[0])


class InvalidInput(IctError):
    """The request has fields that cannot be accepted.

    :ivar fields: field name -> what is wrong with it; every bad field is named.
    """

    code = "invalid"

    def __init__(self, message: str = "", *, fields: Mapping[str, str] | None = None) -> None:
        self.fields = dict(fields or {})
        if not message and self.fields:
            message = "; ".join(f"{name}: {reason}" for name, reason in self.fields.items())
        super().__init__(message)


class BadCredentials(IctError):
    """Username, password or token is missing or not valid."""

    code = "bad_credentials"


class TooManyAttempts(BadCredentials):
    """Too many failed logins; wait before the next one."""

    code = "too_many_attempts"
    retryable = True

    def __init__(self, message: str = "", *, retry_after: float = 60.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Forbidden(IctError):
    """The user is not permitted to do this."""

    code = "forbidden"


class NotFound(IctError):
    """There is no such thing, or it belongs to somebody else."""

    code = "not_found"


class Conflict(IctError):
    """It cannot be carried out because it contradicts what is stored."""

    code = "conflict"


class WrongState(IctError):
    """The object is not in a state that allows this."""

    code = "wrong_state"


class NotSupported(IctError):
    """No installed plugin can do this."""

    code = "not_supported"


class Unavailable(IctError):
    """Something this depends on does not answer now; try again later."""

    code = "unavailable"
    retryable = True

    def __init__(self, message: str = "", *, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreUnavailable(Unavailable):
    """The database cannot be used now (down, locked, or its disk is full)."""

    code = "store_unavailable"


class PluginError(IctError):
    """A plugin broke its contract."""

    code = "plugin_error"


class GatewayError(IctError):
    """Root of what a gateway may answer to a submission. Each subclass is a decision.

    :ivar vendor_code: the far side's own word, unchanged; ``""`` when it gave none.
    """

    code = "gateway_error"

    def __init__(self, message: str = "", *, vendor_code: str = "") -> None:
        super().__init__(message)
        self.vendor_code = vendor_code


class GatewayUnavailable(GatewayError):
    """Nothing was sent: the far side cannot be reached. Retry, or take another provider."""

    code = "gateway_unavailable"
    retryable = True


class GatewayThrottled(GatewayError):
    """Nothing was sent: the far side asks for patience.

    :ivar retry_after: seconds to wait.
    """

    code = "gateway_throttled"
    retryable = True

    def __init__(self, message: str = "", *, retry_after: float = 1.0, vendor_code: str = "") -> None:
        super().__init__(message, vendor_code=vendor_code)
        self.retry_after = retry_after


class GatewayRejected(GatewayError):
    """Nothing was sent and never will be: the far side refused this attempt for good.

    :ivar cause: one of :mod:`ictcore.domain.cause`.
    """

    code = "gateway_rejected"

    def __init__(self, message: str = "", *, cause: str = "rejected", vendor_code: str = "") -> None:
        super().__init__(message, vendor_code=vendor_code)
        self.cause = cause


class GatewayMisconfigured(GatewayError):
    """Nothing was sent: the provider's settings are wrong. Stop using it and tell the operator."""

    code = "gateway_misconfigured"


class GatewayUncertain(GatewayError):
    """Bytes left and no answer came. Never send it again."""

    code = "gateway_uncertain"


class GatewayProtocolError(GatewayError):
    """The far side answered nonsense: our fault or theirs. Whether it was sent is not known."""

    code = "gateway_protocol_error"
