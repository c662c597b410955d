"""``/metrics``, in the text format of Prometheus."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from ictcore.api.auth import Authenticator
from ictcore.api.call import Call
from ictcore.api.counter import RequestCounter
from ictcore.api.local import from_this_machine
from ictcore.api.operation import Operation
from ictcore.domain.errors import BadCredentials
from ictcore.usecases import metrics
from ictcore.usecases.system import System

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Reading(Collector):
    """What ``/metrics`` shows, read when it is asked for."""

    def __init__(self, system: System) -> None:
        self._system = system

    def collect(self) -> Iterable[Metric]:
        """All families. Reads the database."""
        system, sample = self._system, metrics.read(self._system)
        info = {"version": version("ictcore"), "python": platform.python_version(), "database": system.store.engine}
        yield InfoMetricFamily("ictcore_build", "What runs here.", value=info)
        attempts = GaugeMetricFamily(
            "ictcore_attempts",
            f"Attempts that have not ended, at most {metrics.COUNT_LIMIT} of each.",
            labels=["state", "service"],
        )
        for (state, service), count in sample.attempts.items():
            attempts.add_metric([state, service], count)
        yield attempts
        oldest = GaugeMetricFamily(
            "ictcore_overdue_seconds", "How long the longest overdue attempt has waited.", labels=["service"]
        )
        for service, age in sample.oldest.items():
            oldest.add_metric([service], age)
        yield oldest
        yield GaugeMetricFamily("ictcore_dispatchers", "Dispatchers that run.", value=len(sample.workers))
        counted = CounterMetricFamily(
            "ictcore_dispatcher", "What a dispatcher has done since it started.", labels=["node", "dispatcher", "what"]
        )
        for worker in sample.workers:
            for name, value in worker.counters.items():
                counted.add_metric([worker.node, worker.name, name], value)
        yield counted
        plugins = GaugeMetricFamily("ictcore_plugins", "Installed plugins.", labels=["state"])
        for state in ("loaded", "blocked", "quarantined"):
            plugins.add_metric([state], sum(info.state == state for info in system.registry.plugins))
        yield plugins
        yield self._requests()

    def _requests(self) -> Metric:
        family = CounterMetricFamily(
            "ictcore_http_requests",
            "Requests answered by the process that answers this one; the others have series of their own.",
            labels=["process", "operation", "status"],
        )
        process = str(os.getpid())
        for (operation, status), count in self._system.part(RequestCounter).counts().items():
            family.add_metric([process, operation, status], count)
        return family


def _get(call: Call) -> Any:
    _check_reader(call)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Reading(call.system))
    call.response.content_type = CONTENT_TYPE
    call.response.data = generate_latest(registry)


def _check_reader(call: Call) -> None:
    """Whoever shows credentials with ``statistic_read``, or asks from this machine itself, not by way of a proxy."""
    request = call.request
    header = request.get_header("Authorization") or request.get_header("Authentication")
    if header:
        call.system.part(Authenticator)(header, request.remote_addr or "").require("statistic_read")
        return
    if not from_this_machine(request):
        raise BadCredentials("credentials are required, except from the machine itself")


OPERATIONS = (
    Operation("metrics.get", "GET", "/metrics", _get, "Numbers for monitoring", ("statistic_read",), auth=False,
              produces="text/plain", errors=frozenset({401, 403}),
              description="In the text format of Prometheus. No credentials are needed from the machine itself."
              " Request counters are those of the answering process; the label `process` keeps them apart."),
)  # fmt: skip
