"""Inbound messages: who answers, what is stored, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ictcore.domain.errors import StoreUnavailable
from ictcore.inbox.resolve import Offer, resolve
from ictcore.spec import Part, Received, Refusal
from ictcore.store.media import MediaStore
from tests.dispatch.world import World


def route(world: World, called: str = "", keyword: str = "", *, name: str = "", owner: int = 1, **columns: Any) -> int:
    """A route to a program of its own; the program's id."""
    store, now = world.store, world.clock.epoch
    program: int = store.value(
        "INSERT INTO program (created_at, created_by, name, type) VALUES (?, ?, ?, 'receive') RETURNING id",
        (now, owner, name or f"{called} {keyword}"),
    )
    values = {
        "service_flag": 4, "called": called, "keyword": keyword, "program_id": program, "created_by": owner,
        "created_at": now, **columns,
    }  # fmt: skip
    store.run(
        f"INSERT INTO route ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", tuple(values.values())
    )
    return program


def account(world: World, *, owner: int = 1, **columns: Any) -> int:
    values = {"created_at": world.clock.epoch, "created_by": owner, **columns}
    made: int = world.store.value(
        f"INSERT INTO account ({', '.join(values)}) VALUES ({', '.join('?' * len(values))}) RETURNING id",
        tuple(values.values()),
    )
    return made


def sms(world: World, text: str = "hello there", **more: Any) -> Received:
    values = {"called": "+4470", "caller": "+4471", "key": "m1", **more}
    return Received(service="sms", gateway="fake", at=world.clock(), text=text, **values)


def put(world: World, dispatcher: Any, *events: Any) -> list[Refusal | None]:
    receipt = world.gateway.put(*events)
    dispatcher.turn()
    assert receipt.wait(0)
    return list(receipt.refusals)


def test_a_text_becomes_a_completed_transmission(world: World) -> None:
    provider = world.provider("link")
    ours = account(world, phone="+4470")
    program = route(world, "+4470")
    event = sms(world, "Größe \x00 [token] '; --", caller=" +44 71 ", provider="link", headers={"pid": "0"})
    assert put(world, world.dispatcher(), event) == [None]
    store = world.store
    [(title, direction, status, owner, account_id, contact_id, program_id, flag)] = store.rows(
        "SELECT title, direction, status, created_by, account_id, contact_id, program_id, service_flag"
        " FROM transmission"
    )
    assert (title, direction, status, owner) == ("SMS from +4471", "inbound", "completed", 1)
    assert (account_id, program_id, flag) == (ours, program, 4)
    assert store.rows("SELECT id, phone, created_by FROM contact") == [(contact_id, "+4471", 1)]
    [(uuid, state, source, destination, provider_id, ended)] = store.rows(
        "SELECT uuid, state, source, destination, provider_id, time_end FROM spool"
    )
    assert (state, source, destination, provider_id, ended) == (
        "completed", "+4471", "+4470", provider, world.clock.epoch,
    )  # fmt: skip
    [(text, name, data, kind, length)] = store.rows("SELECT id, name, data, type, length FROM text")
    assert (name, data, kind, length) == ("SMS from +4471", "Größe \ufffd [token] '; --", "unicode", 21)
    results = world.results(uuid)
    assert results[0] == ("message", "text", str(text))
    assert ("info", "gateway", "fake") in results
    assert ("info", "provider", "link") in results
    assert ("info", "header:pid", "0") in results


def test_an_existing_contact_is_used_and_only_the_owners(world: World) -> None:
    route(world, "+4470", owner=1)
    for owner in (2, 1):
        world.store.run("INSERT INTO contact (created_at, created_by, phone) VALUES (0, ?, '+4471')", (owner,))
    put(world, world.dispatcher(), sms(world))
    assert world.store.value("SELECT count(*) FROM contact") == 2
    assert world.store.value(
        "SELECT c.created_by FROM transmission t JOIN contact c ON c.id = t.contact_id"
    ) == 1  # fmt: skip


def test_a_message_that_comes_again_is_taken_once_and_not_refused(world: World) -> None:
    route(world, "+4470")
    dispatcher = world.dispatcher()
    assert put(world, dispatcher, sms(world), sms(world)) == [None, None]
    assert put(world, dispatcher, sms(world)) == [None]
    world.store.run("DELETE FROM route")  # its route has gone since: still the same answer
    assert put(world, dispatcher, sms(world)) == [None]
    assert world.store.value("SELECT count(*) FROM text") == 1
    assert world.store.rows("SELECT key FROM inbox") == [("fake:m1",)]
    assert [type(item) for item in put(world, dispatcher, sms(world, key="m2"))] == [Refusal]


def test_what_nobody_takes_is_refused_and_not_stored(world: World) -> None:
    world.provider()
    [uuid] = world.send()
    dispatcher = world.dispatcher()
    dispatcher.turn()
    dispatcher.turn()
    strange = Received(service="pigeon", gateway="fake", called="a", caller="b", key="k", at=world.clock())
    refusals = put(world, dispatcher, sms(world), world.gateway.delivered(uuid), strange)
    assert [item and item.cause for item in refusals] == ["unallocated", None, "forbidden"]
    assert dispatcher.counters["refused"] == 2
    for table in ("text", "contact"):
        assert world.store.value(f"SELECT count(*) FROM {table}") == 0
    assert world.store.rows("SELECT key FROM inbox WHERE kind = 'Received'") == []


def test_addresses_that_cannot_be_normalised_are_kept_as_they_came(world: World) -> None:
    route(world, "Info!")
    assert put(world, world.dispatcher(), sms(world, called="Info!", caller="BANK!")) == [None]
    assert world.store.value("SELECT phone FROM contact") == "BANK!"


def test_a_mail_becomes_a_template_with_its_files(world: World, tmp_path: Path) -> None:
    route(world, "me@here.example", service_flag=8)
    content = bytes(range(256)) * 10
    parts = (
        Part(name="../../etc/passwd", content_type="application/pdf", content=content),
        Part(name="b", content_type="text/plain", content=b""),
    )
    event = Received(
        service="email", gateway="fake", called="Me@here.example", caller="You@there.example", key="<1@x>",
        at=world.clock(), text="plain", html="<p>html</p>", subject="Su\r\nbject", parts=parts,
    )  # fmt: skip
    assert put(world, world.dispatcher(), event) == [None]
    [(template, name, subject, body, alternative, length)] = world.store.rows(
        "SELECT id, name, subject, body, body_alt, length FROM template"
    )
    assert (name, subject, body, alternative) == (
        "E-mail from you@there.example",
        "Su\r\nbject",
        "<p>html</p>",
        "plain",
    )
    assert length == len("plain") + len("<p>html</p>") + len(content)
    files = world.store.rows(
        "SELECT template_id, name, content_type, digest, size FROM template_attachment ORDER BY id"
    )
    assert [file[:3] + file[4:] for file in files] == [
        (template, "../../etc/passwd", "application/pdf", len(content)),
        (template, "b", "text/plain", 0),
    ]
    assert world.media.read(files[0][3]) == content
    assert all(path.is_relative_to(tmp_path / "media") for path in tmp_path.rglob("*") if path.name == files[0][3])
    assert world.store.value("SELECT email FROM contact") == "you@there.example"
    assert '"size":2560' in world.store.value("SELECT body FROM inbox")


def test_who_answers(world: World) -> None:
    """The table of DESIGN: exact address and word, exact address, account, any address with the word, any."""
    store, services = world.store, world.services
    ours = account(world, phone="+4472", owner=2)
    account(world, phone="+4479", owner=2, active=0)
    expected = {
        "word": route(world, "+4470", "stop"),
        "number": route(world, "+4470"),
        "account": route(world, "", account_id=ours, owner=2),
        "account word": route(world, "", "info", account_id=ours, owner=2),
        "any word": route(world, "", "stop", weight=5),
        "any": route(world, "", weight=9, owner=3),
    }
    linked = route(world, "", "fax", owner=2, weight=3)
    ours_too = account(world, phone="+4473", owner=2)
    store.run(
        "INSERT INTO program_resource (program_id, resource_type, resource_id) VALUES (?, 'account', ?)",
        (linked, ours_too),
    )
    table = {
        ("+4470", "STOP now"): "word",
        ("+4470", "stopped"): "number",
        ("+4470", ""): "number",
        ("+44 70", "x"): "number",
        ("+4472", "hello"): "account",
        ("+4472", "Info please"): "account word",
        ("+4472", "stop"): "account",
        ("+4479", "hello"): "any",
        ("+4479", "stop"): "any word",
        ("", "hello"): "any",
        ("+4474", "hello"): "any",
    }
    found = {
        key: resolve(store, services, Offer("sms", key[0], "+1", key[1])).program
        for key in table  # type: ignore[arg-type]
    }
    assert found == {key: expected[name] for key, name in table.items()}
    assert resolve(store, services, Offer("sms", "+4473", "+1", "fax")).program == linked  # type: ignore[arg-type]
    answer = resolve(store, services, Offer("sms", "+4472", "+1"))  # type: ignore[arg-type]
    assert (answer.account, answer.owner) == (ours, 2)
    with pytest.raises(Refusal):
        resolve(store, services, Offer("voice", "+4470", "+1"))  # type: ignore[arg-type]


def test_the_lighter_route_wins(world: World) -> None:
    route(world, "", weight=5, name="heavy")
    light = route(world, "", weight=1, name="light")
    found = resolve(world.store, world.services, Offer("sms", "+1", "+2"))  # type: ignore[arg-type]
    assert found.program == light


def test_a_media_file_is_stored_once_and_whole(tmp_path: Path) -> None:
    media = MediaStore(tmp_path / "m")
    digest = media.put(b"content")
    assert media.put(b"content") == digest
    assert media.read(digest) == b"content"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [digest]
    assert media.path(digest).parent.name == digest[2:4]
    with pytest.raises(ValueError, match="digest"):
        media.path("../" * 21 + "x")
    with pytest.raises(FileNotFoundError):
        media.read("0" * 64)


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreUnavailable, match="No space"):
        MediaStore(tmp_path).put(b"content")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_full_disk_of_media_keeps_the_message_unconfirmed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The far side still has it: it will send it again."""
    route(world, "me@here.example", service_flag=8)
    event = Received(
        service="email", gateway="fake", called="me@here.example", caller="you@there.example", key="1",
        at=world.clock(), parts=(Part(name="a", content_type="text/plain", content=b"x"),),
    )  # fmt: skip
    dispatcher = world.dispatcher()
    sync = os.fsync

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    receipt = world.gateway.put(event)
    dispatcher.turn()
    dispatcher.turn()
    assert not receipt.wait(0)
    assert "No space left" in {item.name: item.fault for item in dispatcher.health()}["database"]
    monkeypatch.setattr("os.fsync", sync)
    dispatcher.turn()
    assert receipt.wait(0)
    assert world.store.value("SELECT count(*) FROM template_attachment") == 1
