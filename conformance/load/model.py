"""What load.json holds, as types. load.schema.json describes the same for other programs."""

from typing import TypedDict

SCHEMA = 1


class LatencySummary(TypedDict):
    """Percentiles and the maximum in milliseconds; None where nothing was measured."""

    p50: float | None
    p90: float | None
    p99: float | None
    max: float | None


class AskedRow(TypedDict):
    """What was asked for. `members`: of each room; `rate`: messages a second of each member; `seconds`: of sending."""

    rooms: int
    members: int
    rate: float
    seconds: float
    messages_per_second: float
    deliveries_per_second: float


class HeldRow(TypedDict):
    """What was sent and what came, by the second."""

    messages_per_second: float
    deliveries_per_second: float


class GeneratorRow(TypedDict):
    """How busy the generator was.

    `cores`: the share of a core that each process used; `late_ms`: how much later than planned messages were sent;
    `own_ms`: latencies of datagrams to itself; `limit`: why it may have been the limit, in words.
    """

    cores: list[float]
    late_ms: LatencySummary
    own_ms: LatencySummary
    limit: list[str]


class TimelineRow(TypedDict):
    """What became of the messages that were sent in one stretch of time. `at`: seconds at which it begins."""

    at: float
    sent: int
    delivered: int
    lost: int
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    max_ms: float | None


class RateRow(TypedDict):
    """One rate of a search. `why`: what was wrong, "" if it was held; `generator`: the generator was the limit."""

    rate: float
    held: bool
    why: str
    generator: bool


class SearchRow(TypedDict):
    """The search for the highest rate. `held`: the highest that was; `failed`: the lowest above it that was not."""

    held: float | None
    failed: float | None
    bounded_by_generator: bool
    steps: list[RateRow]


class LoadReport(TypedDict):
    """A whole load; of a search, its last run.

    `expected`: deliveries of the messages that were sent; `lost_by_generator`: of the lost, what its own sockets
    dropped; `foreign`: heard by a member that should not; `garbled`: changed on its way; `disconnected`: notices that a
    member is one no longer; `refused`: times that nothing listened; `faults`: what the server did wrong, in words.
    """

    schema: int
    tool: str
    target: str
    dialect: str
    exit_code: int
    asked: AskedRow
    held: HeldRow
    messages: int
    expected: int
    delivered: int
    lost: int
    lost_by_generator: int
    duplicated: int
    foreign: int
    garbled: int
    disconnected: int
    refused: int
    seconds_behind: float
    latency_ms: LatencySummary
    generator: GeneratorRow
    faults: list[str]
    notes: list[str]
    timeline: list[TimelineRow]
    search: SearchRow | None
