"""The rules: dataclasses, enumerations and pure functions. Standard library only, no I/O, the clock is passed in."""
