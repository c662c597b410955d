"""The smaller rules: retries, tokens, rights, ids, time."""

from __future__ import annotations

import html
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ictcore.domain import cause, permission
from ictcore.domain.clock import epoch, from_epoch
from ictcore.domain.errors import Forbidden, WrongState
from ictcore.domain.ids import format_uuid7, new_attempt_id
from ictcore.domain.retry import CALLS, MESSAGES, RetryPolicy
from ictcore.domain.tokens import has_tokens, render
from ictcore.domain.transmission import STATUSES, check_sendable
from ictcore.domain.user import Actor

# -- retries ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("why", "done", "allowed", "expected"),
    [
        pytest.param(cause.BUSY, 1, 3, 60.0, id="first retry"),
        pytest.param(cause.BUSY, 2, 3, 120.0, id="waits longer each time"),
        pytest.param(cause.BUSY, 3, 3, None, id="all tries used"),
        pytest.param(cause.BUSY, 1, 1, None, id="one try allowed"),
        pytest.param(cause.UNALLOCATED, 1, 9, None, id="the number does not exist"),
        pytest.param(cause.CONTENT, 1, 9, None, id="the content was refused"),
        pytest.param(cause.UNCERTAIN, 1, 9, None, id="it may have gone out"),
    ],
)
def test_when_a_message_is_tried_again(why: str, done: int, allowed: int, expected: float | None) -> None:
    assert MESSAGES.delay(why, done, allowed) == expected


def test_no_delay_grows_for_ever() -> None:
    assert RetryPolicy({cause.BUSY: 60.0}, longest=100.0).delay(cause.BUSY, 50, 99) == 100.0


@pytest.mark.parametrize("policy", [CALLS, MESSAGES], ids=["calls", "messages"])
def test_what_may_have_gone_out_is_never_tried_again(policy: RetryPolicy) -> None:
    assert cause.UNCERTAIN not in policy.delays
    assert set(policy.delays) <= cause.ALL


# -- tokens -----------------------------------------------------------------------------------------------------------

VALUES = {"contact": {"first_name": "Ada <b>", "phone": "0300", "nested": {"x": 1}, "none": None}, "n": {"one": 1}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Hello [contact:first_name]!", "Hello Ada <b>!", id="a value"),
        pytest.param("[contact:phone][n:one]", "03001", id="two, side by side; zeros stay"),
        pytest.param("[contact:nested:x]", "1", id="deeper"),
        pytest.param("[contact:none]", "", id="nothing"),
        pytest.param("[contact:shoe_size] [planet:name]", "[contact:shoe_size] [planet:name]", id="unknown stays"),
        pytest.param("[contact:nested] [contact] [a b:c]", "[contact:nested] [contact] [a b:c]", id="no token stays"),
    ],
)
def test_tokens(text: str, expected: str) -> None:
    assert render(text, VALUES) == expected


def test_values_can_be_escaped() -> None:
    assert render("<p>[contact:first_name]</p>", VALUES, escape=html.escape) == "<p>Ada &lt;b&gt;</p>"


def test_a_value_that_looks_like_a_token_is_not_looked_at_again() -> None:
    assert render("[a:b]", {"a": {"b": "[a:c]", "c": "secret"}}) == "[a:c]"


@given(st.text(), st.dictionaries(st.sampled_from(["x", "y"]), st.text()))
def test_rendering_never_fails_and_leaves_plain_text_alone(text: str, values: dict[str, str]) -> None:
    rendered = render(text, {"v": values})
    if not has_tokens(text):
        assert rendered == text


# -- rights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "asked", "may"),
    [
        ("contact_create", "contact_create", True),
        ("contact", "contact_create", True),
        ("contact_create", "contact", False),
        ("contact_create", "contact_delete", False),
        ("con", "contact_create", False),
        ("", "contact_create", False),
        ("user", "user_password", True),
        ("user", "usr_password", False),
    ],
)
def test_a_prefix_grants_what_follows(held: str, asked: str, may: bool) -> None:
    actor = Actor(1, "ada", frozenset({held}))
    assert actor.may(asked) is may
    if not may:
        with pytest.raises(Forbidden, match=asked):
            actor.require(asked)


def test_whose_rows_one_sees() -> None:
    assert Actor(7, "ada", frozenset({"contact_list"})).scope("contact") == 7
    assert Actor(7, "ada", frozenset({"contact"})).scope("contact") is None
    assert Actor(7, "ada", frozenset({"contact_admin"})).scope("contact") is None


def test_the_seeded_roles_hold_permissions_that_exist() -> None:
    names = set(permission.all_names())
    assert set(permission.ADMIN_ROLE) <= names
    assert set(permission.USER_ROLE) <= names
    assert not any(
        name.endswith("_admin") or name in permission.FAMILIES for name in set(permission.USER_ROLE) - {"api"}
    )


# -- ids and time -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**80 - 1))
def test_ids_are_uuids_of_version_7(milliseconds: int, noise: int) -> None:
    found = uuid.UUID(format_uuid7(milliseconds, noise))
    assert (found.version, found.variant, found.int >> 80) == (7, uuid.RFC_4122, milliseconds)


def test_ids_differ_and_grow_with_time() -> None:
    assert len({new_attempt_id() for _ in range(1000)}) == 1000
    assert format_uuid7(1, 2**74 - 1) < format_uuid7(2, 0)


def test_naive_times_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        epoch(datetime(2026, 1, 1))  # noqa: DTZ001
    assert from_epoch(epoch(datetime(2026, 1, 1, tzinfo=UTC))) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("status", STATUSES)
def test_what_may_be_sent(status: str) -> None:
    if status in ("pending", "failed"):
        check_sendable(status)
    else:
        with pytest.raises(WrongState):
            check_sendable(status)
