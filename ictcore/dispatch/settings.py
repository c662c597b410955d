"""The dispatcher's settings."""

from __future__ import annotations

from ictcore.spec import Setting

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "dispatch", "batch", int, 500, "How many attempts are claimed, and how many events applied, in one commit.",
        minimum=1, maximum=20_000,
    ),
    Setting(
        "dispatch", "gather", float, 0.002,
        "How long to gather events before they are committed, while more of them are on their way.",
        unit="seconds", minimum=0.0, maximum=1.0,
    ),
    Setting(
        "dispatch", "poll", float, 1.0, "How often the queue is looked at when nothing says that it has changed.",
        unit="seconds", minimum=0.01,
    ),
    Setting(
        "dispatch", "lease", float, 15.0,
        "How long a dispatcher that does not answer keeps what it holds; then others take it over.",
        unit="seconds", minimum=1.0,
    ),
    Setting(
        "dispatch", "submit_timeout", float, 600.0,
        "How long a gateway may take to say what became of an attempt; then the attempt is uncertain.",
        unit="seconds", minimum=1.0,
    ),
    Setting(
        "dispatch", "uncertain_timeout", float, 24 * 3600.0,
        "How long an uncertain attempt waits for a late report or an operator; then it has failed.",
        unit="seconds", minimum=1.0,
    ),
    Setting(
        "dispatch", "stop_timeout", float, 20.0, "How long a stopping dispatcher waits for what is under way.",
        unit="seconds", minimum=0.0,
    ),
    Setting(
        "dispatch", "backlog", int, 50_000,
        "Events that may wait in memory while the database is away; above it nothing more is submitted.",
        minimum=100,
    ),
    Setting(
        "dispatch", "inbox_days", float, 30.0, "How long taken events are remembered, to recognise repeated ones.",
        unit="days", minimum=1.0,
    ),
    Setting(
        "dispatch", "idempotency_hours", float, 24.0, "How long the answer to an Idempotency-Key is remembered.",
        unit="hours", minimum=1.0,
    ),
)  # fmt: skip
"""Every setting of the section ``dispatch``."""
