"""The operations, one file per noun. :data:`OPERATIONS` is the whole API."""

from __future__ import annotations

from ictcore.api.operation import Operation
from ictcore.api.resources import contacts

OPERATIONS: tuple[Operation, ...] = (*contacts.OPERATIONS,)
