"""For authors of plugins: suites that every gateway must pass, fakes to run them with, and pytest fixtures."""

from ictcore.testing.fakes import MemorySink, StaticSettings, gateway_context

__all__ = ["MemorySink", "StaticSettings", "gateway_context"]
