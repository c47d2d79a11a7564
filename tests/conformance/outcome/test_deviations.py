"""The file of deviations: what it may hold, how a wrong file is refused, and the state of each deviation in a run."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.outcome.deviations import Deviation, read, state
from conformance.outcome.verdicts import Verdict
from conformance.report.model import deviation_row

GOOD = """
# what our server is known to do
[[deviation]]
clause = "2.5a"
reason = "the reader is being rewritten"
link = "https://example.org/issues/12"
until = 2026-12-31

[[deviation]]
clause = "tcrp-3.10a"
reason = '''
passwords are compared
without case'''
"""
ENTRY = '[[deviation]]\nclause = "2.5a"\nreason = "why"\n'


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "known.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_good_file(tmp_path: Path) -> None:
    assert read(written(tmp_path, GOOD)) == [
        Deviation("TCRP-2.5a", "the reader is being rewritten", "https://example.org/issues/12", date(2026, 12, 31)),
        Deviation("TCRP-3.10a", "passwords are compared without case", None, None),
    ]


def test_a_deviation_is_told_as_the_report_holds_it(tmp_path: Path) -> None:
    one, other = read(written(tmp_path, GOOD))
    assert deviation_row(one, "expired") == {
        "clause": "TCRP-2.5a", "reason": "the reader is being rewritten", "link": "https://example.org/issues/12",
        "until": "2026-12-31", "state": "expired",
    }  # fmt: skip
    known = deviation_row(other, "known")
    assert (known["link"], known["until"]) == (None, None)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "no deviation in it: begin one with [[deviation]], or leave the file out"),
        ("# nothing yet\n", "no deviation in it"),
        ("deviation = []", "no deviation in it"),
        ("deviation = 3", "deviation is not a list of tables: begin each with [[deviation]]"),
        ('deviation = ["2.5a"]', "deviation is not a list of tables"),
        ('[deviation]\nclause = "2.5a"\nreason = "why"', "deviation is not a list of tables"),
        ('[[deviations]]\nclause = "2.5a"', "unknown key 'deviations': the file holds [[deviation]] tables"),
        (f'version = 2\n{ENTRY}', "unknown key 'version'"),
        (ENTRY + 'owner = "me"', "deviation 1: unknown key 'owner', value 'me': the keys are clause, reason"),
        (f"{ENTRY}untl = 2027-01-01", "deviation 1: unknown key 'untl', value 2027-01-01: the keys are clause, reason"),
        ('[[deviation]]\nreason = "why"', 'deviation 1: clause is missing: add clause = "2.5a"'),
        ('[[deviation]]\nclause = "2.5a"', "deviation 1: reason is missing: add reason = "),
        (f'{ENTRY}[[deviation]]\nclause = "9.9"\nreason = "why"', "deviation 2: clause = '9.9': no clause has the id"),
        ('[[deviation]]\nclause = "4.3"\nreason = "why"', "near it: 4.3"),
        ('[[deviation]]\nclause = 2.5\nreason = "why"', "deviation 1: clause = 2.5: it must be text"),
        ('[[deviation]]\nclause = "2.5a"\nreason = " "', "deviation 1: reason = ' ': it must be text"),
        ('[[deviation]]\nclause = "2.5a"\nreason = ["why"]', "deviation 1: reason = ['why']: it must be text"),
        (f"{ENTRY}link = 12", "deviation 1: link = 12: it must be text"),
        (f'{ENTRY}link = "issues/12"', "deviation 1: link = 'issues/12': it must be an http or https URL"),
        (f'{ENTRY}link = "javascript:alert(1)"', "link = 'javascript:alert(1)': it must be an http or https URL"),
        (f'{ENTRY}link = "https://"', "link = 'https://': it must be an http or https URL"),
        (f'{ENTRY}link = "https://a b"', "link = 'https://a b': it must be an http or https URL"),
        (f'{ENTRY}link = "http://[::1"', "link = 'http://[::1': it must be an http or https URL"),
        (f'{ENTRY}until = "2026-12-31"', "deviation 1: until = '2026-12-31': it must be a date without quotes"),
        (f"{ENTRY}until = 2026", "deviation 1: until = 2026: it must be a date without quotes, as until = 2026-12-31"),
        (f"{ENTRY}until = 2026-12-31T10:00:00", "deviation 1: until = 2026-12-31 10:00:00: it must be a date"),
        (f"{ENTRY}until = 10:00:00", "it must be a date"),
        (ENTRY + ENTRY.replace("2.5a", "TCRP-2.5a"), "deviation 2: clause = 'TCRP-2.5a': deviation 1 is about it"),
        ("[[deviation]]\nclause = 2.5a", "not TOML: "),
        (f"{ENTRY}until = 2026-13-01", "not TOML: "),
        (b"[[deviation]]\nreason = '\xff'", "byte 24 is not UTF-8"),
        ("x = " + "[" * 100_000, "not TOML: "),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, content: str | bytes, complaint: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert complaint in message


@pytest.mark.parametrize("name", ["absent.toml", "."])
def test_a_file_that_cannot_be_read_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+: it cannot be read: [^\n]+$"):
        read(tmp_path / name)


DAY = date(2026, 12, 31)


@pytest.mark.parametrize(
    ("verdict", "until", "today", "expected"),
    [
        *((verdict, None, DAY, "known") for verdict in ("fail", "weak", "flaky", "crash", "known")),
        ("fail", DAY, DAY, "known"),
        ("fail", DAY, date(2027, 1, 1), "expired"),
        ("weak", DAY, date(2027, 1, 1), "expired"),
        ("crash", DAY, date(2027, 1, 1), "expired"),
        ("flaky", DAY, date(2027, 1, 1), "expired"),
        ("pass", None, DAY, "passing"),
        ("info", None, DAY, "passing"),
        ("pass", DAY, date(2027, 1, 1), "passing"),
        ("unsupported", DAY, date(2027, 1, 1), "unjudged"),
        ("error", None, DAY, "unjudged"),
        (None, DAY, date(2027, 1, 1), "unjudged"),
    ],
)
def test_what_becomes_of_it(verdict: str | None, until: date | None, today: date, expected: str) -> None:
    assert state(Deviation("TCRP-2.5a", "why", None, until), verdict, today) == expected


@given(st.sampled_from([*Verdict, None]), st.dates(), st.dates())
def test_a_verdict_of_the_suite_is_known_as_well_as_its_word(verdict: Verdict | None, until: date, today: date) -> None:
    one = Deviation("TCRP-2.5a", "why", None, until)
    word = None if verdict is None else str(verdict)
    assert state(one, verdict, today) == state(one, word, today)
    assert (state(one, word, today) == "expired") <= (today > until)
