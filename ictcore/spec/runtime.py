"""What a plugin's own commands and services get of the running system."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ictcore.spec.settings import Settings
from ictcore.spec.sink import Sink


class Runtime(Protocol):
    """The parts of the system that a plugin's command may use."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        ...

    @property
    def home(self) -> Path:
        """The folder that holds the system's state."""
        ...

    def sink(self) -> Sink:
        """A sink that commits each batch before ``put`` returns: its receipts are confirmed already.

        :raises StoreUnavailable: from ``put``, when the database cannot be used; nothing was kept.
        """
        ...
