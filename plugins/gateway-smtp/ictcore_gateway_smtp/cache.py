"""A small cache that forgets what was not used for longest, limited by the bytes of what it keeps."""

from __future__ import annotations

from collections.abc import Hashable


class ByteCache:
    """Keeps byte strings by key. For one thread.

    :param limit: bytes of all values together; a single value larger than a quarter of it is not kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._values: dict[Hashable, bytes] = {}

    def get(self, key: Hashable) -> bytes | None:
        """The value of ``key``, which is now the one used last; ``None`` when there is none."""
        value = self._values.get(key)
        if value is not None and len(self._values) > 1:
            del self._values[key]
            self._values[key] = value
        return value

    def put(self, key: Hashable, value: bytes) -> bytes:
        """Keep ``value`` and return it."""
        if len(value) * 4 > self.limit:
            return value
        old = self._values.pop(key, None)
        if old is not None:
            self.size -= len(old) + 200
        self._values[key] = value
        self.size += len(value) + 200  # about what a key costs
        while self.size > self.limit:
            oldest = next(iter(self._values))
            self.size -= len(self._values.pop(oldest)) + 200
        return value

    def __len__(self) -> int:
        return len(self._values)
