"""The registry of clauses. It must say the same as docs/spec.md."""

import re
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.spec.clauses import Clause, Level, Role, UnknownClause, all_clauses, clause, parse, select

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "spec.md"
HEAD = re.compile(r"\*\*(\S+)\*\* · (\S+) · (\S+) · ([^·\n]+)  \n")
ID = re.compile(r"TCRP-(\d)\.(\d+)([a-z]?)")
NAMES = sorted({name for one in all_clauses() for name in one.names()})


class Paragraph(NamedTuple):
    """A clause as the document or the registry has it."""

    id: str
    level: str
    role: str
    source: str
    section: str
    quote: str
    untested: str


def blocks() -> list[tuple[str, str]]:
    """The document's paragraphs, each with the title of its section."""
    found, section = [], ""
    for block in DOCUMENT.read_text(encoding="utf-8").split("\n\n"):
        if block.startswith("## "):
            section = block.removeprefix("## ").strip()
        found.append((section, block))
    return found


def documented() -> list[Paragraph]:
    found = []
    for section, block in blocks():
        if not block.startswith("**TCRP-"):
            continue
        head = HEAD.match(block)
        assert head, f"not the shape of a clause: {block!r}"
        quote, _, untested = " ".join(block[head.end() :].split()).partition(" *Not tested ")
        found.append(Paragraph(head[1], head[2], head[3], head[4], section, quote, untested))
    return found


def registered(one: Clause) -> Paragraph:
    untested = f"({one.untested.kind}): {one.untested.reason}*" if one.untested else ""
    return Paragraph(one.id, one.level, one.role, one.source, one.section, one.quote, untested)


def test_document_and_registry_hold_the_same_clauses_in_the_same_order() -> None:
    assert [found.id for found in documented()] == [one.id for one in all_clauses()]


@pytest.mark.parametrize("one", all_clauses(), ids=lambda one: one.id)
def test_document_and_registry_say_the_same(one: Clause) -> None:
    assert [found for found in documented() if found.id == one.id] == [registered(one)]


def test_a_rule_stands_only_in_a_clause() -> None:
    outside = [
        block
        for section, block in blocks()
        if section != "How to read it"
        and not block.startswith("**TCRP-")
        and re.search(r"\b(MUST|SHOULD|MAY)\b", block)
    ]
    assert outside == []


def test_every_reference_leads_somewhere() -> None:
    texts = [DOCUMENT.read_text(encoding="utf-8")]
    for one in all_clauses():
        texts += [one.title, one.quote, one.why, one.right or "", *one.mistakes]
    references = [word for text in texts for word in re.findall(r"TCRP-\d[\d.a-z]*\b", text)]
    assert len(references) > len(all_clauses())
    for reference in references:
        assert select([reference]), reference


def test_ids_are_well_formed_and_count_up_without_a_gap() -> None:
    parts = []
    for one in all_clauses():
        match = ID.fullmatch(one.id)
        assert match, one.id
        assert one.section.startswith(f"{match[1]} "), one.id
        parts.append((int(match[1]), int(match[2]), match[3]))
    assert len(parts) == len(set(parts))
    assert parts == sorted(parts)
    for group, members in groupby(parts, key=lambda part: part[:2]):
        letters = "".join(letter for *_, letter in members)
        assert letters == "" or (len(letters) > 1 and "abcdefghijklmnopqrstuvwxyz".startswith(letters)), group
    for section, pairs in groupby(dict.fromkeys(part[:2] for part in parts), key=lambda pair: pair[0]):
        numbers = [number for _, number in pairs]
        assert numbers == list(range(1, len(numbers) + 1)), section


@pytest.mark.parametrize("one", all_clauses(), ids=lambda one: one.id)
def test_a_clause_is_written_as_a_finding_needs_it(one: Clause) -> None:
    assert one.level in one.quote
    assert len(one.title) < 70
    assert not one.title.endswith(".")
    assert re.match(r"[a-z0-9]|(CREATE|JOIN|ACK|JSON)\b", one.title), "a title begins in lower case"
    assert 1 <= len(one.mistakes) <= 3
    assert all(len(text) > 5 for text in one.mistakes)
    assert one.why.endswith(".")
    assert one.quote.endswith(".")


def test_what_binds_only_the_client_has_no_server_test() -> None:
    clients = {one.id for one in all_clauses() if one.role is Role.CLIENT}
    assert clients == {one.id for one in all_clauses() if one.untested and one.untested.kind == "client"}


@pytest.mark.parametrize(
    ("need", "names"),
    [
        ("idle", ["4.4c", "5.3"]),
        ("process", ["5.7"]),
        ("second-address", ["3.8e", "4.2e"]),
        ("ipv6", ["4.2f"]),
    ],
)
def test_what_a_test_needs(need: str, names: list[str]) -> None:
    assert tuple(one for one in all_clauses() if need in one.needs) == select(names)


def test_clause_takes_the_id_with_and_without_prefix() -> None:
    for name in ("TCRP-2.5a", "2.5a", "tcrp-2.5a", " Tcrp-2.5A "):
        assert clause(name).id == "TCRP-2.5a"
    assert clause("3.11").level is Level.MUST


@pytest.mark.parametrize(("name", "near"), [("2.5c", "2.5a"), ("4.3", "4.3a"), ("TCRP-4.5z", "4.5d"), ("4", "")])
def test_clause_names_what_is_near(name: str, near: str) -> None:
    with pytest.raises(KeyError) as caught:
        clause(name)
    message = caught.value.args[0]
    assert f'"{name}"' in message
    assert near in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ([], []),
        (["4.3a"], ["4.3a"]),
        (["TCRP-4.3a"], ["4.3a"]),
        (["4.3"], ["4.3a", "4.3b", "4.3c"]),
        (["tcrp-4.3"], ["4.3a", "4.3b", "4.3c"]),
        (["3.1"], ["3.1a", "3.1b"]),
        (["3.9"], ["3.9"]),
        (["1"], ["1.1"]),
        (["7", "4.3c", "4.3", "1.1"], ["1.1", "4.3a", "4.3b", "4.3c", "7.1"]),
    ],
)
def test_select(words: list[str], ids: list[str]) -> None:
    assert [one.id for one in select(words)] == [f"TCRP-{name}" for name in ids]


def test_a_section_is_all_of_its_clauses() -> None:
    everything = [one for number in range(1, 8) for one in select([str(number)])]
    assert everything == list(all_clauses())
    assert {one.section for one in select(["2"])} == {"2 The TCP frame"}


@given(st.lists(st.sampled_from(NAMES)))
@settings(deadline=None)
def test_select_keeps_the_order_and_says_nothing_twice(words: list[str]) -> None:
    chosen = select(words)
    assert chosen == tuple(one for one in all_clauses() if any(one in select([word]) for word in words))


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("4.3d", "4.3"),
        ("TCRP-6.1z", "6.1"),
        ("4.33", "4.3"),
        ("9", ""),
        ("frames", "like 4.3a"),
        ("", "like 4.3a"),
    ],
)
def test_an_unknown_word_is_refused_in_one_line(word: str, near: str) -> None:
    with pytest.raises(UnknownClause) as caught:
        select(["2.1", word])
    message = str(caught.value)
    assert f'"{word}"' in message
    assert near in message
    assert "\n" not in message


def test_the_first_unknown_word_is_the_one_that_is_named() -> None:
    with pytest.raises(UnknownClause, match="yonder"):
        select(["2.1", "yonder", "hither"])


GOOD = """
[[clause]]
id = "TCRP-1.1"
level = "MUST"
role = "server"
section = "1 Ports"
title = "a title"
source = "settled here"
quote = "It MUST."
why = "Because."
mistakes = ["not doing it"]
needs = ["idle"]
untested = { kind = "definition", reason = "It defines." }
"""


def test_the_registry_of_the_refusals_below_is_good() -> None:
    (one,) = parse(GOOD)
    assert one.right is None
    assert one.needs == {"idle"}
    assert one.untested
    assert one.untested.reason == "It defines."


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('level = "MUST"', 'level = "must"', r"TCRP-1\.1: level = 'must': it must be MUST \| SHOULD \| MAY"),
        ('role = "server"', 'role = "peer"', r"TCRP-1\.1: role = 'peer'.*server \| client \| both"),
        ('"settled here"', '"a dream"', r"TCRP-1\.1: source = 'a dream'.*seed 002"),
        ('"definition"', '"laziness"', r"TCRP-1\.1: untested kind = 'laziness'.*permission"),
        (', reason = "It defines."', "", r"TCRP-1\.1: untested reason = None"),
        ('["idle"]', '["luck"]', r"TCRP-1\.1: needs = 'luck'.*second-address"),
        ('"It MUST."', '" "', r"TCRP-1\.1: quote = ' ': it must be text"),
        ('"a title"', "7", r"TCRP-1\.1: title = 7: it must be text"),
        ("why =", "wherefore =", r"TCRP-1\.1: unknown or missing keys: wherefore, why"),
        ('id = "TCRP-1.1"', "", r"clause number 1: unknown or missing keys: id"),
    ],
)
def test_a_wrong_registry_is_refused(old: str, new: str, complaint: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ValueError, match=complaint):
        parse(GOOD.replace(old, new))


def test_an_id_used_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"TCRP-1\.1: the id is used twice"):
        parse(GOOD + GOOD)


def examples() -> list[bytes]:
    """The byte dumps of the document: offset, 16 bytes in hexadecimal, the same in ASCII."""
    found = []
    for dump in re.findall(r"```hex\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL):
        data = b""
        for line in dump.splitlines():
            row = bytes.fromhex(line[6:53])
            assert int(line[:4], 16) == len(data), line
            shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
            assert line[55:] == shown.rstrip(), line
            data += row
        found.append(data)
    return found


def test_the_worked_example_is_right() -> None:
    create, ack, complete, registration, up, down, notice = examples()
    room = "部屋".encode()
    payloads = []
    for state, frame in enumerate((create, ack, complete)):
        assert frame[:3] == bytes([len(room), 1, state])
        assert frame[32:38] == room
        assert int.from_bytes(frame[3:32], "big") == len(frame[38:])
        payloads.append(frame[38:])
    request, status, token = payloads
    assert request == b'{"username":"alice"}'
    assert status == b"\0"
    assert registration == bytes([len(room), len(token)]) + room + token
    assert up == registration + b"hello"
    assert down == b"alice: hello"
    assert notice[0] == 4
    said = re.findall(r", (\d+)\s+bytes\b", DOCUMENT.read_text(encoding="utf-8").split("## An example")[1])
    assert [int(length) for length in said] == [len(data) for data in examples()]


def test_no_clause_follows_from_itself_by_way_of_others() -> None:
    """Each of them would be folded under another, and none would be reported."""
    above = {one.id: one.follows for one in all_clauses()}

    def roots(clause_id: str, passed: tuple[str, ...]) -> None:
        assert clause_id not in passed, " <- ".join((*passed, clause_id))
        for one in above[clause_id]:
            roots(one, (*passed, clause_id))

    for clause_id in above:
        roots(clause_id, ())
