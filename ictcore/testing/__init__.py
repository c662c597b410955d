"""For authors of plugins: suites that every plugin must pass, fakes to run them with, and pytest fixtures.

=====================================  =====================================================================
:mod:`ictcore.testing.suites.gateway`  ``GatewaySuite``: what every gateway promises
:mod:`ictcore.testing.suites.service`  ``ServiceSuite``
:mod:`ictcore.testing.suites.program`  ``ProgramSuite``
:mod:`ictcore.testing.far_side`        ``FarSide``: the other end, as the suite steers it
:mod:`ictcore.testing.fakes`           a sink that remembers, settings from a dictionary, a context in a folder
:mod:`ictcore.testing.servers`         ``ServerProcess``, ``free_port``: real servers as child processes
:mod:`ictcore.testing.postgres`        ``PostgresServer``
:mod:`ictcore.testing.require`         skip, or fail where ``ICTCORE_REQUIRE`` names the server
:mod:`ictcore.testing.waiting`         ``wait_until``
:mod:`ictcore.testing.pytest_plugin`   fixtures ``memory_sink``, ``free_port``, ``require``, ``wait_until``,
                                       ``postgres_server``; they are there wherever the core is installed
=====================================  =====================================================================
"""

from ictcore.testing.fakes import MemorySink, StaticSettings, gateway_context
from ictcore.testing.waiting import wait_until

__all__ = ["MemorySink", "StaticSettings", "gateway_context", "wait_until"]
