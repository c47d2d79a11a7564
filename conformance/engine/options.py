"""The options of a run, declared once for the command (`--seed`) and for the pytest plugin (`--tcrp-seed`), checked,
and made into what a run needs. Light to import: pytest loads the plugin in every run of an environment that has it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from conformance.client.bench import Bench
    from conformance.net.target import Target
    from conformance.outcome.deviations import Deviation
    from conformance.spec.clauses import Clause, Level
    from tcrp import Dialect

AUTO = "auto"
"""In place of a dialect: the canonical one if the plain conversation works in it, else what a probe finds."""
READY_SECONDS = 10.0
LEVELS = ("must", "should", "may")
NO_SERVER = "no server to test: give {0}target HOST[:TCP[:UDP]] or {0}exec 'CMD'"
COMMAND, PLUGIN = "--", "--tcrp-"
"""What the names of options begin with."""


class UsageProblem(ValueError):
    """An option that cannot be followed. One line says which, why, and what would do."""


class Option(NamedTuple):
    """One option. `help`: its text, given the prefix of other options that it names; `least`: of a whole number;
    `filled`: its text must not be empty, as it is where a variable of the shell is not set; `choices`: the words that
    it takes; `flag`: it takes none.
    """

    name: str
    metavar: str
    help: Callable[[str], str]
    type: Callable[[str], Any] | None = None
    default: Any = None
    repeated: bool = False
    short: str | None = None
    least: int | None = None
    seconds: bool = False
    filled: bool = False
    choices: tuple[str, ...] = ()
    flag: bool = False

    @property
    def attribute(self) -> str:
        return self.name.replace("-", "_")


def filled(text: str) -> str:
    """The text of an option that must not be empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is empty")
    return text


def seconds_or_auto(text: str) -> float | None:
    """A number of seconds, or None for `auto`."""
    if text == AUTO:
        return None
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'auto' nor a number of seconds") from None


SERVER = (
    Option(
        "target", "HOST[:TCP[:UDP]]",
        lambda p: "the server; a missing port is the dialect's usual one; no TCP is '-'; IPv6 in brackets",
        short="-t", filled=True,
    ),
    Option("exec", "CMD", lambda p: "start the server; {tcp} and {udp} in it become free ports", filled=True),
    Option(
        "ready-timeout", "S", lambda p: f"seconds for {p}exec (default: {READY_SECONDS:g})", float, READY_SECONDS,
        seconds=True,
    ),
)  # fmt: skip
"""Where the server is, or how to start it."""
TLS = (
    Option("tls", "", lambda p: "the server speaks TLS on TCP", default=False, flag=True),
    Option(
        "tls-ca", "FILE", lambda p: f"PEM: trust these authorities, not the system's; implies {p}tls", filled=True
    ),
)  # fmt: skip
"""Whether its TCP is encrypted."""
RECORDED = "\0"
"""In place of a command: the one that a replay file records. No shell can pass it, as it can an empty variable."""
HOSTILE = Option(
    "hostile", "",
    lambda p: "do to a server on another machine what may hurt it: the clauses of section 6, and load", default=False,
    flag=True,
)  # fmt: skip
JUDGING = (
    Option(
        "dialect", "auto|NAME|FILE",
        lambda p: "the dialect it speaks: a built-in one, a .toml file that says another, or auto: tcrp if the plain "
        "conversation works in it, else what a probe finds",
    ),
    Option("skip", "CLAUSE", lambda p: "not this clause, group or section", repeated=True),
    Option("examples", "N", lambda p: "examples a property (default: 3)", int, least=1),
    Option("runs", "N", lambda p: "how often a failure is repeated (default: 3)", int, 3, least=1),
    Option("seed", "N", lambda p: "draw the same examples as a run with this seed", int, least=0),
    Option(
        "idle-timeout", "S", lambda p: "the server's idle time: judge the idle clauses too", float, seconds=True
    ),
    Option(
        "timeout", "auto|S", lambda p: "seconds to wait for an answer (default: auto)", seconds_or_auto, seconds=True
    ),
    Option(
        "request", "HEX|FILE",
        lambda p: "a request that this server answers, for a server whose replies cannot be read: it is compared with "
        "itself", filled=True,
    ),
    Option("max-time", "S", lambda p: "judge nothing more after this many seconds", float, seconds=True),
    HOSTILE,
)  # fmt: skip
"""What is judged, and how."""
REDACT = Option(
    "redact", "",
    lambda p: "leave tokens, passwords and names out, and with them all bytes, replay files and the server's output",
    default=False, flag=True,
)  # fmt: skip
TELLING = (
    Option(
        "level", "|".join(LEVELS), lambda p: "the least binding level whose break makes the run fail (default: must)",
        default=LEVELS[0], choices=LEVELS,
    ),
    Option("deviations", "FILE", lambda p: "TOML: what is known to fail, and why", filled=True),
    Option("report-dir", "DIR", lambda p: "the folder of the reports", filled=True),
    Option("report", "KIND", lambda p: "comma-separated: json, junit, html, md (default: json)"),
    REDACT,
)  # fmt: skip
"""What becomes of it."""
IMPAIR = Option(
    "impair", "FIELDS",
    lambda p: "put a bad path between the suite and the server, such as loss=2%%,dup=5%%,reorder=20%%,delay=20ms,"
    "mtu=1472,nat,seed=1: each field may be left out; each direction gets all of it",
    filled=True,
)  # fmt: skip
"""A path that loses datagrams, doubles them and more."""
PATH = (
    IMPAIR,
    Option(
        "addresses-kept", "", lambda p: "the server sees each client's own IP address (no NAT, no port forwarding)",
        default=False, flag=True,
    ),
)  # fmt: skip
"""What is between the suite and the server."""
OPTIONS = (*SERVER, *TLS, *PATH, *JUDGING, *TELLING)


def declare(
    add: Callable[..., Any], options: Collection[Option] = OPTIONS, *, prefix: str = COMMAND, tail: str = "",
    **defaults: Any,
) -> None:  # fmt: skip
    """Declare the options with `add_argument` of a parser, or with pytest's `addoption`. `tail`: what to add to the
    help of options of the server; `defaults`: by attribute, in place of the usual.
    """
    for one in options:
        names = [one.short] if one.short is not None and prefix == COMMAND else []
        default = defaults.get(one.attribute, [] if one.repeated else one.default)
        shown = f" (default: {default})" if one.attribute in defaults else ""
        told = one.help(prefix) + shown + (tail if one in SERVER[:2] else "")
        if one.flag:
            add(prefix + one.name, action="store_true", default=default, help=told)
            continue
        more: dict[str, Any] = {"action": "append"} if one.repeated else {}
        if one.type is not None:
            more["type"] = one.type
        elif one.filled and prefix == COMMAND:  # pytest's own parser would tell it in several lines: `read` does
            more["type"] = filled
        add(*names, prefix + one.name, metavar=one.metavar, default=default, help=told, **more)


class RunOptions(NamedTuple):
    """A run as its options ask for it, all of them checked.

    `given` and `command`: how the command line named the endpoint; `automatic`: nobody has said which dialect the
    server speaks; `strict`: somebody has said that it is TCRP/1; seconds are None where nothing was said; `hostile`: a
    server on another machine may be hurt; `deviations`: what is known to fail; `report_dir` and `report`: where reports
    go, and their kinds, as they were named; `said`: every option by its name, as it was given, for the report;
    `addresses_kept`: the user says that the server sees each client's own address; `request`: the bytes of a request
    that the server answers.
    """

    target: Target
    dialect: Dialect
    chosen: list[Clause]
    level: Level
    said: Mapping[str, Any]
    automatic: bool = False
    given: str | None = None
    command: str | None = None
    examples: int | None = None
    seed: int = 0
    runs: int = 3
    idle_timeout: float | None = None
    timeout: float | None = None
    max_time: float | None = None
    hostile: bool = False
    deviations: Sequence[Deviation] = ()
    report_dir: str | None = None
    report: str | None = None
    redact: bool = False
    addresses_kept: bool = False
    strict: bool = False
    request: bytes | None = None

    def bench(self) -> Bench:
        """A bench for this run."""
        from conformance.client.bench import Bench
        from conformance.client.drawing import Drawing
        from conformance.net.pacing import Waits

        drawing = Drawing.of(self.examples, self.seed)
        return Bench(self.target, self.dialect, Waits(self.timeout), self.idle_timeout, drawing)


def _request(text: str | None, prefix: str) -> bytes | None:
    """The bytes of `--request`: those of a file, or hex."""
    if text is None:
        return None
    try:
        data = Path(text).read_bytes() if Path(text).is_file() else bytes.fromhex(text.replace(":", " "))
    except ValueError:
        raise UsageProblem(f"{prefix}request is {text[:40]!r}: neither a file nor hex digits") from None
    except OSError as error:
        raise UsageProblem(f"{prefix}request {text!r}: {error.strerror}") from None
    if not data:
        raise UsageProblem(f"{prefix}request {text!r}: it is empty")
    return data


def read(arguments: argparse.Namespace, clauses: list[str], *, prefix: str = COMMAND) -> RunOptions:
    """The run that these arguments ask for. UsageProblem for one that cannot be followed, Unreachable for a host
    without an address.
    """
    from conformance.impair.impairment import parse_impairment
    from conformance.net.impaired import why_not_through
    from conformance.net.target import MOST_SECONDS, target_of
    from conformance.net.tls import tls_of
    from conformance.outcome import deviations
    from conformance.spec.clauses import Level, UnknownClause, choose
    from tcrp import dialects

    begins = prefix.lstrip("-").replace("-", "_")
    values = {one.attribute: getattr(arguments, begins + one.attribute) for one in OPTIONS}
    for one in OPTIONS:
        value = values[one.attribute]
        if value is None:
            continue
        if one.filled and not value.strip():
            raise UsageProblem(f"{prefix}{one.name} is {value!r}: it is empty")
        if one.choices and value not in one.choices:
            raise UsageProblem(f"{prefix}{one.name} is {value!r}: choose from {', '.join(one.choices)}")
        if one.least is not None and value < one.least:
            raise UsageProblem(f"{prefix}{one.name} is {value}: a whole number, at least {one.least}")
        if one.seconds and not 0 < value < MOST_SECONDS:
            raise UsageProblem(f"{prefix}{one.name} is {value:g}: seconds, more than 0")
    try:
        named = values["dialect"] or dialects.DEFAULT
        dialect = dialects.get(dialects.DEFAULT if named == AUTO else named)
        chosen = choose(clauses, values["skip"], rooms=dialect.can.rooms and named != AUTO)
        listed = deviations.read(Path(values["deviations"])) if values["deviations"] else []
        tls = tls_of(values["tls"], values["tls_ca"], values["target"])
        impairment = None if values["impair"] is None else parse_impairment(values["impair"])
        target = target_of(values["target"], values["exec"], dialect.ports, values["ready_timeout"], tls, impairment)
        if impairment is not None and (problem := why_not_through(impairment, target.server.host, dialect)) is not None:
            raise ValueError(problem)
    except (UnknownClause, ValueError) as error:
        raise UsageProblem(str(error)) from None
    level, said = Level(values["level"].upper()), {one.name: values[one.attribute] for one in OPTIONS}
    return RunOptions(
        target, dialect, chosen, level, {"clauses": clauses, **said}, named == AUTO and tls is None,
        values["target"], values["exec"],
        values["examples"], values["seed"] or 0, values["runs"], values["idle_timeout"], values["timeout"],
        values["max_time"], values["hostile"], listed, values["report_dir"], values["report"], values["redact"],
        values["addresses_kept"], values["dialect"] == dialects.DEFAULT and tls is None,
        _request(values["request"], prefix),
    )  # fmt: skip
