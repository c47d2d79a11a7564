"""From verdicts to causes: which findings have one cause, which clause is its root, and the order of the causes."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.outcome.causes import causes, damage
from conformance.outcome.findings import PLAIN_CONVERSATION, Evidence, Outcome
from conformance.outcome.trouble import exception_of, trouble_of, words_of
from conformance.outcome.verdicts import FOUND, Judgement, Verdict
from conformance.spec.clauses import Clause, all_clauses, clause

WENT_AWAY = """\
Exception in thread Thread-9 (serve):
Traceback (most recent call last):
  File "/home/ann/chat/server.py", line 60, in serve
    connection.sendall(reply)
BrokenPipeError: [Errno 32] Broken pipe
Error: read ECONNRESET
    at TCP.onStreamRead (/home/ann/chat/server.js:217:20)
accept: error: Connection reset by peer (server.c:88)
"""
SAID = {
    "python": (
        """\
Traceback (most recent call last):
  File "/home/ann/chat/server.py", line 88, in <module>
    main()
  File "/home/ann/chat/server.py", line 41, in main
    size = data[0]
           ~~~~^^^
IndexError: index out of range
""",
        ("/home/ann/chat/server.py", "41"),
        "IndexError: index",
    ),
    "python thread": (
        """\
Exception in thread Thread-3 (serve):
Traceback (most recent call last):
  File "/usr/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
    self.run()
  File "/usr/lib/python3.11/threading.py", line 982, in run
    self._target(*self._args, **self._kwargs)
  File "server.py", line 57, in serve
    name = payload.decode()
           ^^^^^^^^^^^^^^^^
  File "<frozen codecs>", line 322, in decode
UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte
""",
        ("server.py", "57"),
        "UnicodeDecodeError: ",
    ),
    "python logging": (
        """\
ERROR:asyncio:Exception in callback Chat.datagram_received(b'', ('127.0.0.1', 40321))
handle: <Handle Chat.datagram_received>
Traceback (most recent call last):
  File "/usr/lib/python3.11/asyncio/events.py", line 80, in _run
    self._context.run(self._callback, *self._args)
  File "/srv/chat.py", line 12, in datagram_received
    room_size, token_size = data[0], data[1]
                            ~~~~^^^
IndexError: index out of range
""",
        ("/srv/chat.py", "12"),
        "IndexError: ",
    ),
    "go": (
        """\
panic: runtime error: index out of range [1] with length 0

goroutine 7 [running]:
main.handleDatagram(...)
	/home/ann/chat/udp.go:33
main.serve(0xc000010000)
	/home/ann/chat/main.go:21 +0x1d
created by main.main in goroutine 1
	/home/ann/chat/main.go:12 +0x85
exit status 2
""",
        ("/home/ann/chat/udp.go", "33"),
        "panic: runtime error: index out of range",
    ),
    "go, in a library": (
        """\
panic: runtime error: slice bounds out of range [:32] with capacity 8

goroutine 7 [running]:
encoding/binary.bigEndian.Uint32(...)
	/usr/local/go/src/encoding/binary/binary.go:100
main.parseHeader({0xc0000a, 0x8, 0x8})
	/home/ann/chat/header.go:33 +0x12
main.main()
	/home/ann/chat/main.go:21 +0x1d
exit status 2
""",
        ("/home/ann/chat/header.go", "33"),
        "panic: ",
    ),
    "node": (
        """\
/home/ann/chat/server.js:41
    const size = data.readUInt8(1);
                      ^

RangeError [ERR_OUT_OF_RANGE]: The value of "offset" is out of range. It must be >= 0 and <= 0. Received 1
    at boundsError (node:internal/buffer:88:9)
    at Buffer.readUInt8 (node:internal/buffer:254:5)
    at Socket.<anonymous> (/home/ann/chat/server.js:41:23)
    at Socket.emit (node:events:517:28)
    at UDP.onMessage [as onmessage] (node:dgram:940:8) {
  code: 'ERR_OUT_OF_RANGE'
}

Node.js v18.19.0
""",
        ("/home/ann/chat/server.js", "41"),
        "RangeError [ERR_OUT_OF_RANGE]: ",
    ),
    "node, in a library": (
        """\
undefined:1
{"username": }
             ^

SyntaxError: Unexpected token } in JSON at position 13
    at JSON.parse (<anonymous>)
    at parseRequest (/home/ann/chat/control.js:17:22)
    at Socket.<anonymous> (/home/ann/chat/control.js:40:9)
    at Socket.emit (node:events:517:28)

Node.js v18.19.0
""",
        ("/home/ann/chat/control.js", "17"),
        "SyntaxError: Unexpected token",
    ),
    "java": (
        """\
Exception in thread "main" java.lang.ArrayIndexOutOfBoundsException: Index 1 out of bounds for length 0
	at chat.Datagram.parse(Datagram.java:27)
	at chat.UdpServer.run(UdpServer.java:44)
	at java.base/java.lang.Thread.run(Thread.java:840)
""",
        ("Datagram.java", "27"),
        'Exception in thread "main" java.lang.ArrayIndex',
    ),
    "rust": (
        """\
thread 'main' panicked at src/udp.rs:52:17:
index out of bounds: the len is 0 but the index is 1
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
""",
        ("src/udp.rs", "52"),
        "thread 'main' panicked at ",
    ),
    "rust before 1.73": (
        """\
thread '<unnamed>' panicked at 'called `Result::unwrap()` on an `Err` value: Utf8Error { .. }', src/control.rs:88:45
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
""",
        ("src/control.rs", "88"),
        "thread '<unnamed>' panicked at ",
    ),
    "c++": (
        """\
terminate called after throwing an instance of 'std::out_of_range'
  what():  basic_string::substr: __pos (which is 32) > this->size() (which is 4)
""",
        None,
        "terminate called after throwing",
    ),
    "c assert": (
        """\
server: server.c:120: read_header: Assertion `n == 32' failed.
""",
        ("server.c", "120"),
        "server: server.c:120: ",
    ),
    "c#": (
        """\
Unhandled exception. System.IndexOutOfRangeException: Index was outside the bounds of the array.
   at Chat.Udp.Parse(Byte[] data) in /home/ann/chat/Udp.cs:line 31
   at Chat.Program.Main(String[] args) in /home/ann/chat/Program.cs:line 12
""",
        ("/home/ann/chat/Udp.cs", "31"),
        "Unhandled exception. ",
    ),
    "php": (
        """\
PHP Warning:  Uninitialized string offset 1 in /home/ann/chat/server.php on line 41
PHP Fatal error:  Uncaught ValueError: unpack(): Argument #1 must be of type string in /home/ann/chat/server.php:44
Stack trace:
#0 /home/ann/chat/server.php(44): unpack('C', NULL)
#1 {main}
  thrown in /home/ann/chat/server.php on line 44
""",
        ("/home/ann/chat/server.php", "44"),
        "PHP Fatal error: ",
    ),
    "ruby": (
        """\
server.rb:12:in `unpack1': no implicit conversion of nil into String (TypeError)
	from server.rb:12:in `block in <main>'
	from server.rb:8:in `loop'
	from server.rb:8:in `<main>'
""",
        ("server.rb", "12"),
        "server.rb:12:in `unpack1'",
    ),
    "a line of a log": (
        """\
2026-03-01 12:00:00 listening on 127.0.0.1:9001
2026-03-01 12:00:01 error: bad request from 10.0.0.1:40000
""",
        None,
        "2026-03-01 12:00:01 error: ",
    ),
    "nothing wrong": (
        """\
listening on server.py:41
""",
        None,
        "listening on",
    ),
}


@pytest.mark.parametrize("language", SAID)
def test_the_place_in_its_own_code_is_read_from_its_last_words(language: str) -> None:
    text, place, words = SAID[language]
    assert trouble_of(text.splitlines()) == place
    said = words_of(text.splitlines())
    assert said is not None
    assert said.startswith(words)


def test_of_two_troubles_the_latest_counts() -> None:
    early, late = SAID["java"][0], SAID["node"][0]
    assert trouble_of([*early.splitlines(), *late.splitlines()]) == ("/home/ann/chat/server.js", "41")


def test_who_said_nothing_had_no_trouble() -> None:
    assert trouble_of([]) is None
    assert words_of([]) is None
    assert words_of(["", " "]) is None


FAILS = {"MUST": Verdict.FAIL, "SHOULD": Verdict.WEAK, "MAY": Verdict.INFO}


def judged(
    name: str,
    verdict: Verdict | None = None,
    *,
    output: Iterable[str] = (),
    advice: str | None = None,
    test: str = "test",
    ended: bool = False,
) -> Judgement:
    one = clause(name)
    verdict = verdict or FAILS[one.level.value]
    output = tuple(output)
    hinge = advice and f"passes with {advice}"
    evidence = Evidence(output=output, hinge=hinge, advice=advice, ended=ended, exception=exception_of(output))
    outcome = Outcome(one.id, "fail", test, 0.1, evidence=evidence)
    return Judgement(one, verdict, outcome, [outcome])


def told(*judgements: Judgement) -> list[tuple[str, list[str]]]:
    """The root of each cause, and the clauses that are folded under it."""
    return [
        (cause.root.clause.names()[0], [one.clause.names()[0] for one in cause.also]) for cause in causes(judgements)
    ]


PLACE = SAID["python"][0].splitlines()
ELSEWHERE = SAID["python logging"][0].splitlines()


def test_what_ended_the_service_at_one_place_is_one_cause() -> None:
    ended = [judged(name, output=PLACE, ended=True) for name in ("4.6b", "4.2c")]
    elsewhere = judged("4.5d", output=ELSEWHERE, ended=True)
    assert told(*ended, elsewhere) == [("4.2c", ["4.6b"]), ("4.5d", [])]


def test_trouble_at_one_place_is_no_proof() -> None:
    found = causes([judged("4.6b", output=PLACE), judged("4.5d", output=ELSEWHERE), judged("4.2c", output=PLACE)])
    assert [(one.root.clause.names()[0], one.also, one.may_share) for one in found] == [
        ("4.2c", [], ["TCRP-4.6b"]), ("4.5d", [], []), ("4.6b", [], ["TCRP-4.2c"]),
    ]  # fmt: skip


def test_the_same_hinge_is_one_cause() -> None:
    advice = "the header is read with one recv"
    assert told(judged("2.5a", advice=advice), judged("3.6a", advice=advice), judged("2.6a")) == [
        ("2.5a", ["3.6a"]), ("2.6a", []),
    ]  # fmt: skip


def test_segmentation_leaving_staying_up_and_crashes_are_never_told_under_another() -> None:
    advice = "one change"
    apart = [judged(name, advice=advice) for name in ("2.5a", "5.2a", "6.1f", "3.4a")]
    crash = judged("2.1", Verdict.CRASH, advice=advice)
    assert {name for name, _ in told(crash, *apart)} == {"2.1", "2.5a", "5.2a", "6.1f"}
    assert dict(told(crash, *apart))["2.1"] == ["3.4a"]


def test_what_follows_stands_apart_and_says_that_it_may_have_the_same_cause() -> None:
    found = causes([judged(name) for name in ("2.3a", "2.3c", "4.2c", "5.4a")])
    assert {one.root.clause.names()[0]: one.may_share for one in found} == {
        "2.3a": [], "2.3c": ["TCRP-2.3a"], "4.2c": ["TCRP-2.3c"], "5.4a": [],
    }  # fmt: skip


def test_each_place_that_ended_the_service_under_one_clause_is_a_finding() -> None:
    one = judged("6.1f", output=PLACE, ended=True)
    other = judged("6.1f", output=ELSEWHERE, ended=True)
    both = Judgement(one.clause, Verdict.FAIL, one.outcome, [*one.outcomes, *other.outcomes, *one.outcomes])
    found = causes([both])
    assert [cause.root.outcome for cause in found] == [one.outcome, other.outcome]


def test_what_harms_others_comes_first() -> None:
    rows = [judged(name) for name in ("3.2g", "2.2", "4.2c", "6.1b", "4.5a")]
    assert [name for name, _ in told(*rows)] == ["6.1b", "4.2c", "2.2", "4.5a", "3.2g"]


def test_what_is_known_hides_nothing_new() -> None:
    assert told(judged("2.3a", Verdict.KNOWN), judged("2.3b")) == [("2.3b", []), ("2.3a", [])]


def test_the_most_damaging_first() -> None:
    crash, flaky, error = judged("6.1f", Verdict.CRASH), judged("3.8a", Verdict.FLAKY), judged("2.1", Verdict.ERROR)
    plain = judged("3.4a", test=PLAIN_CONVERSATION)
    weak, known = judged("2.6b"), judged("4.5d", Verdict.KNOWN)
    late, early = judged("5.4a"), judged("5.1d")
    rows = [known, error, weak, late, early, flaky, plain, crash]
    assert [name for name, _ in told(*rows)] == ["6.1f", "3.4a", "3.8a", "5.1d", "5.4a", "2.6b", "2.1", "4.5d"]


def test_clauses_are_ordered_by_number() -> None:
    assert [name for name, _ in told(judged("3.10a"), judged("3.9"))] == ["3.9", "3.10a"]


SOME = st.sampled_from(all_clauses())
OUTPUTS = st.sampled_from([(), tuple(PLACE), tuple(ELSEWHERE), ("calm",)])
ADVICE = st.sampled_from([None, "one", "two"])


@settings(deadline=None)
@given(st.lists(st.tuples(SOME, st.sampled_from(Verdict), OUTPUTS, ADVICE), unique_by=lambda row: row[0].id))
def test_every_finding_is_told_exactly_once_and_nothing_else(
    rows: list[tuple[Clause, Verdict, tuple[str, ...], str | None]],
) -> None:
    judgements = [judged(one.id, verdict, output=said, advice=advice) for one, verdict, said, advice in rows]
    found = causes(judgements)
    told_of = [id(one) for cause in found for one in (cause.root, *cause.also)]
    assert sorted(told_of) == sorted(id(one) for one in judgements if one.verdict in FOUND)
    assert [damage(cause.root) for cause in found] == sorted(damage(cause.root) for cause in found)
    for cause in found:
        assert Verdict.KNOWN not in {one.verdict for one in cause.also} or cause.root.verdict is Verdict.KNOWN


@settings(deadline=None)
@given(st.permutations([judged(name) for name in ("2.3a", "2.3b", "4.2c", "3.8e", "4.2e", "5.7", "5.4a", "5.2a")]))
def test_the_order_in_which_they_were_found_does_not_matter(judgements: list[Judgement]) -> None:
    assert told(*judgements) == told(*sorted(judgements, key=lambda one: one.clause.id))


def test_what_any_server_prints_of_peers_that_go_away_is_no_place_of_trouble() -> None:
    assert trouble_of(WENT_AWAY.splitlines()) is None
    text, place, _ = SAID["python"]
    assert trouble_of([*WENT_AWAY.splitlines(), *text.splitlines(), *WENT_AWAY.splitlines()]) == place
