from __future__ import annotations

from urllib.parse import quote

import pytest


def test_a_text_lives(ada):
    text_id = ada.post("/messages/texts", {"name": "Hi", "data": "Grüße ☎"})["text_id"]
    text = ada.get(f"/messages/texts/{text_id}")
    assert (text["data"], text["length"], text["type"]) == ("Grüße ☎", 7, "plain")
    text = ada.put(f"/messages/texts/{text_id}", {"data": "Hello", "type": "unicode"})
    assert (text["name"], text["length"], text["type"]) == ("Hi", 5, "unicode")
    assert [row["text_id"] for row in ada.get("/messages/texts", type="unicode")] == [text_id]
    assert ada.delete(f"/messages/texts/{text_id}") is True
    ada.refused(404, "PUT", f"/messages/texts/{text_id}", {"data": "x"})


MISSING = [
    ("/messages/texts", {"name": "x"}, ["data"]),
    ("/messages/texts", {}, ["data", "name"]),
    ("/messages/texts", {"name": "x", "data": "x", "type": "other"}, ["type"]),
    ("/messages/templates", {}, ["name", "subject"]),
    ("/messages/templates", {"name": "x", "subject": "s"}, ["body"]),
    ("/messages/templates", {"name": "x", "subject": "s\r\nBcc: eve", "body": "b"}, ["subject"]),
    ("/groups", {}, ["name"]),
]


@pytest.mark.parametrize(("path", "body", "fields"), MISSING)
def test_what_is_missing_is_named(path, body, fields, ada):
    assert sorted(ada.refused(412, "POST", path, body)["fields"]) == fields


def test_a_template_lives(ada):
    given = {"name": "News", "subject": "Hello [contact:first_name]", "body": "<b>ü</b>", "body_alt": "u"}
    template_id = ada.post("/messages/templates", given)["template_id"]
    template = ada.get(f"/messages/templates/{template_id}")
    assert {name: template[name] for name in given} == given
    assert (template["length"], template["attachments"]) == (10, [])
    assert ada.put(f"/messages/templates/{template_id}", {"body": ""})["length"] == 1
    error = ada.refused(412, "PUT", f"/messages/templates/{template_id}", {"body_alt": ""})
    assert list(error["fields"]) == ["body"]
    assert ada.delete(f"/messages/templates/{template_id}") is True


@pytest.fixture
def template(ada) -> str:
    given = {"name": "m", "subject": "s", "body": "b"}
    return f"/messages/templates/{ada.post('/messages/templates', given)['template_id']}"


def test_files_come_back_as_they_went(ada, template):
    content = bytes(range(256)) * 100
    kind = {"Content-Type": "Application/PDF; x=y", "Content-Disposition": 'attachment; filename="a b.pdf"'}
    first = ada.put(f"{template}/media", content, headers=kind)
    assert sorted(first) == ["attachment_id", "template_id"]
    second = ada.post(f"{template}/media?name=b.txt", b"second")
    files = ada.get(template)["attachments"]
    assert files == [
        {"attachment_id": first["attachment_id"], "name": "a b.pdf", "content_type": "application/pdf", "size": 25600},
        {
            "attachment_id": second["attachment_id"],
            "name": "b.txt",
            "content_type": "application/octet-stream",
            "size": 6,
        },
    ]
    assert ada.get(template)["length"] == 25607
    assert ada.get("/messages/templates")[0]["attachments"] == files
    result = ada.call("GET", f"{template}/media", params={"name": "a b.pdf"})
    assert (result.content, result.headers["Content-Type"]) == (content, "application/pdf")
    assert result.headers["Content-Disposition"] == "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf"
    assert (result.headers["X-Content-Type-Options"], result.headers["Content-Security-Policy"]) == (
        "nosniff",
        "sandbox",
    )
    assert ada.call("GET", f"{template}/download").content == b"second"
    assert ada.call("GET", f"{template}/media", params=first).content == content
    assert ada.call("GET", f"{template}/media/{first['attachment_id']}").content == content
    ada.refused(404, "GET", f"{template}/media", params={"name": "c"})


def test_put_replaces_a_file_of_the_same_name_and_post_adds(ada, template):
    ada.put(f"{template}/media?name=a", b"one")
    ada.put(f"{template}/media?name=a", b"three")
    assert [file["size"] for file in ada.get(template)["attachments"]] == [5]
    ada.post(f"{template}/media?name=a", b"1234567")
    assert [file["size"] for file in ada.get(template)["attachments"]] == [5, 7]
    last = ada.get(template)["attachments"][1]["attachment_id"]
    assert ada.delete(f"{template}/media/{last}") is True
    assert [file["size"] for file in ada.get(template)["attachments"]] == [5]
    assert ada.get(template)["length"] == 6
    ada.refused(404, "DELETE", f"{template}/media/{last}")


NAMES = [
    pytest.param("", 'inline; filename="C:\\\\temp\\\\a.txt"', "a.txt", id="Windows folders"),
    pytest.param("", "attachment; filename=a.txt; x=y", "a.txt", id="bare"),
    pytest.param("", "attachment; filename=\"x\"; filename*=UTF-8''%E2%98%8E.txt", "☎.txt", id="extended wins"),
    pytest.param("", 'attachment; filename="say \\"hi\\".txt"', 'say "hi".txt', id="quotes"),
    pytest.param("", "", "attachment", id="none"),
    pytest.param("?name=..%2F..%2Fetc%2Fpasswd", "", "passwd", id="folders"),
    pytest.param(f"?name={quote('ü')}", 'attachment; filename="x"', "ü", id="the query wins"),
]


@pytest.mark.parametrize(("query", "header", "name"), NAMES)
def test_names_of_files(query, header, name, ada, template):
    ada.put(f"{template}/media{query}", b"x", headers={"Content-Disposition": header} if header else {})
    (file,) = ada.get(template)["attachments"]
    assert file["name"] == name
    sent = ada.call("GET", f"{template}/media").headers["Content-Disposition"]
    assert sent.endswith(f"filename*=UTF-8''{quote(name)}")
    assert sent.isascii()


REFUSED = [
    pytest.param("", {}, b"", "body", id="empty"),
    pytest.param("", {}, b"x" * 5000, "body", id="too large"),
    pytest.param("?name=a%0Ab", {}, b"x", "name", id="LF in the name"),
    pytest.param("?name=a%00b", {}, b"x", "name", id="NUL in the name"),
    pytest.param("?name=..", {}, b"x", "name", id="a folder"),
    pytest.param("?name=", {}, b"x", "name", id="empty name"),
    pytest.param("?name=" + "x" * 300, {}, b"x", "name", id="long name"),
    pytest.param("", {"Content-Disposition": "x; filename*=UTF-8''a%0D%0Ab"}, b"x", "name", id="CR LF in the header"),
    pytest.param("", {"Content-Type": "pdf"}, b"x", "Content-Type", id="no media type"),
    pytest.param("", {"Content-Type": 'a/b"'}, b"x", "Content-Type", id="odd media type"),
]


@pytest.mark.parametrize(("query", "headers", "content", "field"), REFUSED)
def test_files_that_are_refused(query, headers, content, field, ada, template, system, tables):
    system.settings._values["media.largest"] = 4096
    before = tables()
    error = ada.refused(412, "PUT", f"{template}/media{query}", content, headers=headers)
    assert list(error["fields"]) == [field]
    assert tables() == before


def test_a_template_has_a_limit_of_files(ada, template, monkeypatch):
    monkeypatch.setattr("ictcore.usecases.attachments.MOST", 2)
    ada.post(f"{template}/media", b"x")
    ada.post(f"{template}/media", b"x")
    ada.refused(412, "POST", f"{template}/media", b"x")


@pytest.mark.both_engines
def test_messages_that_programs_use_stay(ada, world):
    program = ada.post("/programs/sendemail", {"template_id": world.ids["template_id"], "name": "Newsletter"})
    error = ada.refused(423, "DELETE", f"/messages/templates/{world.ids['template_id']}")
    assert f"program {program['program_id']} (Newsletter)" in error["message"]
    assert ada.get(f"/messages/templates/{world.ids['template_id']}")["attachments"]
    ada.refused(423, "DELETE", f"/messages/texts/{world.ids['text_id']}")
    ada.refused(423, "DELETE", f"/accounts/{world.ids['account_id']}")
    ada.delete(f"/programs/{world.ids['program_id']}")
    ada.delete(f"/messages/texts/{world.ids['text_id']}")
