"""The report of a server that does much wrong. Its texts are hostile to every format."""

from collections.abc import Mapping
from typing import Any, cast

from conformance.dialect.forge import canonical_frame as frame
from conformance.dialect.forge import payload
from conformance.report.model import ClauseRow, FieldRow, FindingRow, Head, MessageRow, Report
from conformance.spec.clauses import all_clauses, clause
from conformance.trace.recording import Step, StepKind
from tcrp import layouts
from tcrp.annotate import Row, annotate, mark

HOSTILE = (
    "<script>alert('x')</script> ]]> a|b `c` *d* @mention #1 部屋 \x00\x1b[31m \ud800 \u202eabc &amp; \r\n--> {{ 7*7 }}"
)
VERDICTS = ("pass", "fail", "weak", "info", "unsupported", "known", "flaky", "crash", "error")
JUDGED = {
    "TCRP-2.5a": "fail",
    "TCRP-2.6a": "fail",
    "TCRP-2.6b": "weak",
    "TCRP-3.2h": "info",
    "TCRP-3.8e": "unsupported",
    "TCRP-3.10a": "known",
    "TCRP-4.2a": "fail",
    "TCRP-4.6b": "flaky",
    "TCRP-5.4b": "unsupported",
    "TCRP-6.1f": "crash",
}
MESSAGES = {
    "TCRP-3.2h": "it is taken",
    "TCRP-3.8e": "this machine has no second source address (127.0.0.2)",
    "TCRP-5.4b": "give --idle-timeout, the server's idle time in seconds",
    "TCRP-6.1f": "the process ended with exit code 1",
}
ROOM = "部屋 1".encode()
CREATE = frame(ROOM, payload(username="alicia"))
TOKEN = b"0c4f21f6-9b0e-4f8e-8f5f-0a1b2c3d4e5f"
LONG = bytes([len(ROOM), len(TOKEN)]) + ROOM + TOKEN + bytes(range(256)) * 16


def message(title: str, rows: tuple[Row, ...], decisive: bool) -> MessageRow:
    told: list[FieldRow] = [
        {"offset": row.offset, "bytes": row.data.hex(), "field": row.field, "value": row.value,
         "problem": row.problem, "at": row.at} for row in rows
    ]  # fmt: skip
    return {"title": title, "decisive": decisive, "rows": told}


def finding(number: int, name: str, verdict: str, **others: Any) -> FindingRow:
    one = clause(name)
    empty: dict[str, Any] = {
        "test": "a request is served whatever its segmentation", "expected": None, "actual": None, "message": None,
        "bytes": None, "example": None, "runs": {"failed": 4, "total": 4}, "summary": "",
        "seen_once": None, "killer": None, "exception": None, "may_share": [], "hinge": None, "advice": None,
        "conversation": [], "ladder": [], "messages": [], "output": [], "replay": None, "script": None, "also": [],
    }  # fmt: skip
    about = {"number": number, "clause": name, "level": str(one.level), "title": one.title, "quote": one.quote}
    row = about | empty | {"verdict": verdict} | others
    came = row["actual"] or row["message"] or ""
    return cast(FindingRow, row | {"summary": came if verdict == "crash" else f"{one.title}: {came}"})


def because(name: str, verdict: str, expected: str, actual: str) -> Head:
    one = clause(name)
    return {"clause": name, "level": str(one.level), "title": one.title, "verdict": verdict, "expected": expected,
            "actual": actual}  # fmt: skip


def findings() -> list[FindingRow]:
    steps = (
        Step(0.0, "tcp 1", StepKind.CONNECT),
        Step(0.0004, "tcp 1", StepKind.SEND, CREATE[:33]),
        Step(0.0521, "tcp 1", StepKind.SEND, CREATE[33:]),
        Step(0.0533, "tcp 1", StepKind.END, note="reset"),
    )
    crash = finding(
        1, "TCRP-6.1f", "crash", test="a datagram of one byte ends nothing", message=MESSAGES["TCRP-6.1f"],
        expected="the server to stay up", actual="the process ended with exit code 1", bytes="00",
        runs={"failed": 1, "total": 1},
        hinge="the same datagram with a second byte is dropped in silence, as it should be",
        advice="The size of the token is read without asking whether the datagram has a second byte.",
        messages=[message("stranger sent 1 byte", annotate(b"\0", layouts.packet_layout), True)],
        ladder=["stranger             server", "   | datagram, 1 byte ->  |", "   |              exit 1  x"],
        output=["Traceback (most recent call last):", '  File "server.py", line 88, in datagram_received',
                "    token_size = data[1]", "IndexError: index out of range", HOSTILE],
        replay="replay/6.1f.json", script="replay/6.1f.py",
    )  # fmt: skip
    stream = finding(
        2, "TCRP-2.5a", "fail", expected="an ACK with status 0", actual="a close without an answer",
        bytes=CREATE.hex(), example="{'cuts': [33]}", hinge="the same bytes in one segment are answered",
        advice="One recv() is taken for one request. Read until 32 bytes are there, then until the body is.",
        conversation=[step.as_dict() for step in steps],
        ladder=["tcp 1                                server", "  | connect                        ->  |",
                "  | 33 bytes of CREATE '部屋 1'     ->  |", "  | 30 bytes more, 50 ms later     ->  |",
                "  | <-                          reset  |"],
        messages=[
            message("tcp 1 sent CREATE, cut after byte 33", mark(annotate(CREATE, layouts.frame_layout), 33, "here the "
                    "second segment begins"), True),
            message("tcp 2 sent JOIN", annotate(frame(ROOM, payload(username="bob"), operation=2),
                    layouts.frame_layout), False),
        ],
        replay="replay/2.5a.json", script="replay/2.5a.py",
        also=[because("TCRP-2.6a", "fail", "an ACK with status 0", "a close without an answer")],
    )  # fmt: skip
    relayed = finding(
        3, "TCRP-4.6b", "flaky", test="the bytes of a message arrive as they were sent", runs={"failed": 2, "total": 5},
        expected=f"alicia: {HOSTILE}", actual=HOSTILE[::-1], message=HOSTILE,
        bytes=HOSTILE.encode(errors="replace").hex(), example=repr({"message": HOSTILE}), hinge=HOSTILE,
        advice=HOSTILE, ladder=[HOSTILE, HOSTILE], output=[HOSTILE],
        replay="replay/a b'c.json", script="javascript:alert(1)",
        messages=[message(HOSTILE, (Row(0, b"\0\xff", HOSTILE, HOSTILE, HOSTILE, 2),), True)],
    )  # fmt: skip
    long = finding(
        4, "TCRP-4.2a", "fail", test="a datagram of 4097 bytes and more is dropped",
        expected="silence", actual="it was relayed", bytes=LONG.hex(),
        messages=[message(f"alicia sent {len(LONG)} bytes", mark(annotate(LONG, layouts.packet_layout), 4096,
                          "beyond 4096 bytes"), True)],
    )  # fmt: skip
    return [
        crash, stream, relayed, long,
        finding(5, "TCRP-2.6b", "weak", expected="ACK, then FIN", actual="a reset overtook the ACK"),
        finding(6, "TCRP-3.10a", "known", expected="status 3", actual="status 0", replay="replay/3.10a.json"),
    ]  # fmt: skip


def row(name: str, about: Mapping[str, Mapping[str, Any]]) -> ClauseRow:
    one, found = clause(name), about.get(name, {})
    verdict = JUDGED.get(name, "info" if one.level == "MAY" else "pass")
    tests = found.get("runs", {"failed": 0, "total": 0 if verdict == "unsupported" else 2})
    return {
        "id": name, "level": str(one.level), "section": one.section, "title": one.title, "verdict": verdict,
        "examples": 0 if verdict == "unsupported" else 8, "seconds": 0.125, "expected": found.get("expected"),
        "actual": found.get("actual"), "bytes": found.get("bytes"), "replay": found.get("replay"),
        "message": MESSAGES.get(name), "how": None if verdict == "unsupported" else "test", "runs": tests,
    }  # fmt: skip


def made() -> Report:
    found = findings()
    about = {one["clause"]: one for one in found} | {one["clause"]: one for cause in found for one in cause["also"]}
    rows = [row(one.id, about) for one in all_clauses() if one.untested is None]
    return {
        "schema": 1, "tool": "tcrp-conformance 0.1.0", "spec": "0123456789ab",
        "options": {"target": "127.0.0.1:9001:9002", "exec": None, "level": "must", "skip": []},
        "target": "127.0.0.1:9001:9002", "dialect": "tcrp",
        "seed": 3578438309, "seconds": 134.2, "exit_code": 7, "incomplete": None,
        "summary": {verdict: sum(one["verdict"] == verdict for one in rows) for verdict in VERDICTS},
        "clauses": rows, "findings": found,
        "deviations": [
            {"clause": "TCRP-3.10a", "reason": f"passwords are being moved {HOSTILE}",
             "link": "https://example.org/issues/12?a=1&b=<2>", "until": "2026-12-31", "state": "known"},
            {"clause": "TCRP-2.4c", "reason": "the buffer is small", "link": None, "until": None, "state": "passing"},
            {"clause": "TCRP-4.2a", "reason": "waits for a release", "link": None, "until": "2025-01-31",
             "state": "expired"},
            {"clause": "TCRP-5.4b", "reason": "never measured", "link": None, "until": None, "state": "unjudged"},
        ],
    }  # fmt: skip


SAMPLE = made()
