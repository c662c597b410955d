"""Reading contacts: what is taken, what is bad, and on which line."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ictcore.domain import contact_reader
from ictcore.domain.contact_csv import COLUMNS, layout_of, marked, unmarked, written
from ictcore.domain.contact_fields import BadField, checked, is_usual
from ictcore.domain.contact_reader import BadRow, ContactReader, NotCsv

EMPTY = ("",) * 8


def read(content: bytes) -> tuple[list[tuple[str, ...]], list[BadRow]]:
    bad: list[BadRow] = []
    return list(ContactReader(io.BytesIO(content), bad.append)), bad


def full(phone: str = "", **values: str) -> tuple[str, ...]:
    return tuple({"phone": phone, **values}.get(column, "") for column in COLUMNS)


GOOD = {
    "nine columns": (b"+4930123,A,B,a@b.de,S 1,x,y,z,d\n",
                     [("+4930123", "A", "B", "a@b.de", "S 1", "x", "y", "z", "d")]),
    "only a number": (b"0301234\n", [("0301234", *EMPTY)]),
    "numbers, no final line end": (b"+4930\r\n0049 30", [("+4930", *EMPTY), ("004930", *EMPTY)]),
    "old Mac line ends": (b"111\r222\r333", [("111", *EMPTY), ("222", *EMPTY), ("333", *EMPTY)]),
    "a mark at the beginning": (b"\xef\xbb\xbf+4930,,,,,,,,\r\n", [("+4930", *EMPTY)]),
    "semicolons": (b"+4930;A;B, C;;;;;;\n", [full("+4930", first_name="A", last_name="B, C")]),
    "tabs": (b"+4930\tA\t\t\t\t\t\t\t\n", [full("+4930", first_name="A")]),
    "sep line": (b"sep=;\r\n+4930;A;;;;;;;\r\n", [full("+4930", first_name="A")]),
    "header": (b"phone,first_name,last_name,email,address,custom1,custom2,custom3,description\n+4930,A,,,,,,,\n",
               [full("+4930", first_name="A")]),
    "header of one column": (b"Phone\n+4930\n", [("+4930", *EMPTY)]),
    "header in another order": (b'"E-Mail";"Last Name";"MOBILE"\r\na@b.de;Doe;+49 30\r\n',
                                [full("+4930", email="a@b.de", last_name="Doe")]),
    "header with other columns": (b"Company,Phone\nAcme,+4930\n", [full("+4930")]),
    "blank rows": (b"\n\n+4930\n   \n,,,,,,,,\n\n111\n", [("+4930", *EMPTY), ("111", *EMPTY)]),
    "line ends in quotes": (b'+4930,,,,,,,,"one\r\ntwo\n"\r\n111,,,,,,,,\r\n',
                            [full("+4930", description="one\r\ntwo\n"), full("111")]),
    "quotes in quotes": (b'+4930,"A ""B""",,,,,,,\n', [full("+4930", first_name='A "B"')]),
    "quotes inside": (b'+4930,A "B" C,,,,,,,\n', [full("+4930", first_name='A "B" C')]),
    "trailing separators": (b"+4930,A,,,,,,,,,,\n", [full("+4930", first_name="A")]),
    "number as people write it": (b"+49 (30) 12-34.56/7\n", [("+4930" "1234567", *EMPTY)]),
    "number with marks of direction": ("\u202a+49 30\u00a012\u202c\n".encode(), [("+493012", *EMPTY)]),
    "digits of another script": ("٠١٢٣\n".encode(), [("0123", *EMPTY)]),
    "apostrophe for a spreadsheet": (b"'+4930,'=A,'B,,,,,,\n", [full("+4930", first_name="=A", last_name="'B")]),
    "no number": (b",A,,a@b.de,,,,,\n", [full(first_name="A", email="a@b.de")]),
    "not ASCII": ("+4930,Zoë,Łódź,ü@bücher.example,,,,,\n".encode(),
                  [full("+4930", first_name="Zoë", last_name="Łódź", email="ü@bücher.example")]),
    "nothing": (b"", []),
    "just a header": (b"phone,email\n", []),
    "description of many lines": (b'1234,,,,,,,,"' + b"x\n" * 90 + b'"\n', [full("1234", description="x\n" * 90)]),
}  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), GOOD.values(), ids=GOOD.keys())
def test_good_rows(content: bytes, expected: list[tuple[str, ...]]) -> None:
    assert read(content) == (expected, [])


BAD = {
    "letters in the number": (b"abc,,,,,,,,", "phone", "is no telephone number"),
    "signs but no digit": (b"-,,,,,,,,", "phone", "is no telephone number"),
    "one digit": (b"1,,,,,,,,", "phone", "must have 2 to 20 digits"),
    "21 digits": (b"123456789012345678901,,,,,,,,", "phone", "must have 2 to 20 digits"),
    "endless number": (b" " * 256 + b"1234,,,,,,,,", "phone", "is too long for a telephone number"),
    "plus in the middle": (b"12+34,,,,,,,,", "phone", "is no telephone number"),
    "two plus": (b"++1234,,,,,,,,", "phone", "is no telephone number"),
    "spreadsheet": (b"4.93012E+11,,,,,,,,", "phone",
                    "has lost its digits in a spreadsheet: format the column as text"),
    "no at": (b"1234,,,a.b.de,,,,,", "email", "is no e-mail address"),
    "two at": (b"1234,,,a@b@c.de,,,,,", "email", "is no e-mail address"),
    "space in the address": (b"1234,,,a b@c.de,,,,,", "email", "is no e-mail address"),
    "two addresses": (b'1234,,,"a@b.de,c@d.de",,,,,', "email", "is no e-mail address"),
    "dots": (b"1234,,,a..b@c.de,,,,,", "email",
             "is no e-mail address: a dot stands at an end or beside another dot"),
    "long address": (b"1234,,," + b"a" * 65 + b"@b.de,,,,,", "email", "is too long for an e-mail address"),
    "long name": (b"1234," + b"a" * 256 + b",,,,,,,", "first_name", "is longer than 255 characters"),
    "long description": (b"1234,,,,,,,," + b"a" * 4097, "description", "is longer than 4096 characters"),
    "NUL": (b"1234,a\0b,,,,,,,", "first_name", "must not hold the character NUL"),
    "NUL in the number": (b"12\x0034,,,,,,,,", "phone", "must not hold the character NUL"),
    "NUL in the description": (b"1234,,,,,,,,a\0", "description", "must not hold the character NUL"),
    "control character": (b"1234,,,,a\x1bb,,,,", "address", "must be one line without control characters"),
    "two lines": (b'1234,,,,"a\nb",,,,', "address", "must be one line without control characters"),
    "Latin-1": (b"1234,Zo\xeb,,,,,,,", "first_name", "is not UTF-8"),
    "half surrogate": (b"1234,\xed\xa0\x80,,,,,,,", "first_name", "is not UTF-8"),
    "eight columns": (b"1234,,,,,,,", "", "has 8 columns instead of 9, or 1 with just a number"),
    "ten columns": (b"1234,,,,,,,,,x", "", "has 10 columns instead of 9, or 1 with just a number"),
    "text after a quote": (b'1234,"a"b,,,,,,,', "", "a quote is misplaced or not closed"),
    "open quote": (b'1234,"a,,,,,,,', "", "a quote is misplaced or not closed"),
    "endless line": (b"1234," + b"a" * 200_000, "", "is longer than 65536 characters"),
}  # fmt: skip


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(("row", "field", "reason"), BAD.values(), ids=BAD.keys())
def test_a_bad_row_is_reported_and_its_neighbours_are_taken(row: bytes, field: str, reason: str, end: bytes) -> None:
    """Line numbers count every line of the file; a row that is wrong costs no other row."""
    before = b'1001,A,"Last, first",,,,,,"two' + end + b'lines"' + end
    rows, bad = read(before + end + row + end + b"1002,,,,,,,," + end + b"1003" + end)
    line = 4
    assert bad == [BadRow(line, field, reason)]
    assert [found[0] for found in rows] == ["1001", "1002", "1003"]


def test_rows_with_a_header_must_have_its_width() -> None:
    rows, bad = read(b"first_name,phone\nA,1234\n5678\nB,1,2\n")
    assert rows == [full("1234", first_name="A")]
    assert bad == [BadRow(3, "", "has 1 columns instead of 2"), BadRow(4, "", "has 3 columns instead of 2")]


def test_an_open_quote_takes_no_more_than_its_line() -> None:
    lines = [b'1000,"Bob,,,,,,,', *(b"%d,,,,,,,," % (1001 + number) for number in range(500))]
    rows, bad = read(b"\n".join(lines))
    assert [row[0] for row in rows] == [str(1001 + number) for number in range(500)]
    assert bad == [BadRow(1, "", "a quote is misplaced or not closed")]


def test_quotes_that_never_close_do_not_fill_the_memory() -> None:
    """Each line closes a quote and opens the next one: a reader that waits for the end would hold all of them."""
    rows, bad = read(b'"a' + b'x","\n' * 2000)
    assert rows == []
    assert len(bad) >= 1900


@pytest.mark.parametrize("content", ["phone\n1234".encode("utf-16"), b"phone,mobile\n1,2\n"], ids=["UTF-16", "twice"])
def test_a_file_that_is_no_csv_is_refused(content: bytes) -> None:
    with pytest.raises(NotCsv):
        read(content)


def test_columns_that_are_no_field_are_named() -> None:
    assert layout_of("Company,Phone, Shoe size ,").ignored == ("Company", "Shoe size")


values = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40)
hostile = st.text(st.sampled_from("'=+-@\t\r\nabc1;,\""), max_size=8)


@given(values | hostile)
def test_marking_can_be_undone(value: str) -> None:
    assert unmarked(marked(value)) == value
    assert not marked(value).startswith(("=", "-", "@", "\t", "\r"))
    assert not marked(value).startswith("+") or marked(value)[1:].isdigit()


numbers = st.from_regex(r"\A\+?[0-9]{2,20}\Z")
emails = st.just("") | st.from_regex(r"\A[a-z+=-]{1,9}@[a-z]{1,9}\.de\Z")
line = (values | hostile).filter(lambda text: not any(ord(letter) < 32 or ord(letter) == 127 for letter in text))


@given(st.lists(st.tuples(numbers, line, line, emails, line, line, line, line, values | hostile), max_size=8))
def test_what_is_written_is_read(rows: list[tuple[str, ...]]) -> None:
    assert read(written(rows)) == (rows, [])
    assert read(written([COLUMNS, *rows])) == (rows, [])


@settings(max_examples=300)
@given(
    st.tuples(*[st.text(max_size=12) | hostile] * 9) | st.tuples(numbers | hostile, *[line] * 2, emails, *[line] * 5)
)
def test_the_quick_check_agrees_with_the_exact_one(row: tuple[str, ...]) -> None:
    if is_usual(row):
        assert checked(row) == row
    else:
        try:
            kept = checked(row)
        except BadField:
            return
        assert checked(marked_all(kept)) == kept


def marked_all(row: tuple[str, ...]) -> list[str]:
    return [marked(value) for value in row]


@settings(max_examples=300)
@given(st.lists(st.sampled_from([b'"', b",", b";", b"\n", b"\r", b"\r\n", b"1234", b"a@b.de", b"x", b"\0", b"\xff",
                                 b"phone", b"\t", b"'=", b"sep=;"]), max_size=60).map(b"".join))  # fmt: skip
def test_nonsense_is_read_to_its_end(content: bytes) -> None:
    """Every line that says something is part of a row that is taken or reported; nothing else is raised."""
    try:
        rows, bad = read(content)
    except NotCsv:
        return
    assert all(len(row) == 9 for row in rows)
    lines = [found.line for found in bad]
    assert lines == sorted(set(lines))
    assert all(1 <= found <= content.count(b"\n") + content.count(b"\r") + 1 for found in lines)


def test_limits_are_those_of_the_interface() -> None:
    """A line long enough for any contact that can be kept, quoted in full."""
    longest = 2 * (8 * 255 + 4096) + 9 * 3
    assert longest < contact_reader.LONGEST
