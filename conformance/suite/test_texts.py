"""No message depends on what it says, on what was said before, or on who is named in it.

The texts hold no nonce: they are said one after another in rooms of this test's own, and each is awaited.
"""

import time

from conformance.client.assertions import blaming
from conformance.client.bench import Bench
from conformance.net.peer import Peer
from conformance.outcome.findings import Mismatch, unsupported
from conformance.suite.marks import clause, needs_chat
from conformance.suite.steps import held, judge
from conformance.trace.names import another, nonce
from conformance.trace.text import shown

pytestmark = needs_chat

PASSWORD = "Open-Sesame-1"
SHORT_SECONDS = 0.1
"""After so long a text that is not heard is said again, on a path that loses datagrams."""
SLOW_SECONDS = 0.05
"""With a round trip longer than this a few texts have to do."""
BURST = 8
"""Messages of each of two members that are sent without a pause."""


@held
def texts_of_a_room(bench: Bench) -> None:
    """Two members say the same texts in turn; a third one hears them, whose name is a word that leaves."""
    if not bench.traits.as_the_model:
        unsupported("in this dialect members come, move or leave otherwise")
    with blaming("TCRP-4.5a"):
        alice, bob, leaver = bench.rooms.settled("alicia", "bob", "exit", password=PASSWORD)
    texts = _texts(alice.member.room)
    for text in texts if bench.waits.round_trip < SLOW_SECONDS else texts[::6]:
        turns = [(bob, [alice, leaver]), (alice, [bob, leaver]), (alice, [bob, leaver])]
        said = [_is_relayed(bench, speaker, listeners, text) for speaker, listeners in turns]
        if all(said) or bench.context.path.lost:
            continue
        said = [_is_relayed(bench, speaker, listeners, text) for speaker, listeners in turns]  # one may be lost
        if not all(said):
            speaker, listeners = turns[said.index(False)]
            expected = f"the message {shown(text, 40)} of {speaker} to reach {listeners[0]} when it is said first"
            raise Mismatch(expected, "only when it was said again, twice", data=text, clause="TCRP-4.5a")
    for text in (b"good morning", b": hello", b"0"):
        _is_relayed(bench, leaver, [alice, bob], text, "TCRP-5.1d")
    mark = nonce()
    bench.udp.say(leaver, mark)
    with blaming("TCRP-5.1d"):
        bench.hearing.must_hear(alice, mark, "a message of a member called exit, who has said other things before")


def _texts(room: str) -> list[bytes]:
    named = [
        text.format(name) for name in ("alicia", "bob") for text in ("{}", "{}: hello", "hello, {} is here", "@{}")
    ]
    about = [room, f"{room}: hello", f"hello {room}", PASSWORD, f"it is {PASSWORD}.", "alicia: bob: hello"]
    form = ["{}", "{0}", "{name}", "{username} {room}", "$name", "%s", "%(name)s", "%n", "<name>", "#{name}", "\\1"]
    cut = ["x" * 900, "y", "部屋" * 200, "é", "é ", "a: b", "a: b: c: d", ": ", "hello: ", "\u3000", "e\u0301"]
    after = ["EXIT", "yes", "exit ", "y", "/exit", "no", "quit", "ok"]
    return [text.encode() for text in (*named, *about, *form, *cut, *after)]


def _is_relayed(
    bench: Bench, speaker: Peer, listeners: list[Peer], text: bytes, broken: str = "TCRP-4.5a"
) -> bool:  # fmt: skip
    """Whether the text reaches the listeners, as it is, when it is said once. `broken`: if it is said twice in vain."""
    right = bench.traits.datagrams.delivery(speaker.member, text)
    since = {listener: len(listener.inbox) for listener in listeners}
    lossy = [SHORT_SECONDS] * bench.context.path.rounds if bench.context.path.lost else []
    for wait in (*lossy, bench.waits.answer / 2, bench.waits.answer):
        bench.udp.say(speaker, text)
        deadline = time.monotonic() + wait
        untold = listeners
        while untold and (left := deadline - time.monotonic()) > 0:
            bench.udp.pump(min(0.1, left))
            untold = [one for one in untold if all(came.data != right for came in one.inbox[since[one] :])]
        if not untold:
            return wait < bench.waits.answer
    listener = untold[0]
    expected = f"the message {shown(text, 40)} of {speaker} to reach {listener} as it is"
    came = [one for one in listener.inbox[since[listener] :] if not bench.datagrams.is_information(one)]
    if not came:
        raise Mismatch(
            expected, f"neither of two messages came within {1.5 * bench.waits.answer:.1f} s", data=text, clause=broken
        )
    if bench.datagrams.is_notice(came[0]):
        raise Mismatch(expected, f"a notice: {shown(came[0].data)}", data=text, clause="TCRP-5.1d")
    raise Mismatch(expected, shown(came[0].data), data=text, clause="TCRP-4.6b")


@clause("TCRP-4.5a")
def test_a_message_is_relayed_whoever_is_named_in_it_and_whatever_was_said_before(bench: Bench) -> None:
    judge(bench, texts_of_a_room, "TCRP-4.5a")


@clause("TCRP-4.6b")
def test_a_message_is_unchanged_whoever_is_named_in_it_and_whatever_was_said_before(bench: Bench) -> None:
    judge(bench, texts_of_a_room, "TCRP-4.6b")


@clause("TCRP-5.1d")
def test_only_exit_leaves_whatever_was_said_before_and_whatever_one_is_called(bench: Bench) -> None:
    judge(bench, texts_of_a_room, "TCRP-5.1d")


# many at once -------------------------------------------------------------------------------------


@held
def a_burst_in_two_rooms(bench: Bench) -> None:
    """Members of two rooms speak in turns, and nobody waits for anybody."""
    if not bench.traits.as_the_model:
        unsupported("in this dialect members come, move or leave otherwise")
    with blaming("TCRP-4.5a"):
        here, there = bench.shared.settled()
    speakers = [here[0], there[0], here[1], there[1]]
    drawn = {(speaker, number): nonce() for number in range(BURST) for speaker in speakers}
    missing = {
        (listener, said): mark
        for said, mark in drawn.items()
        for listener in (here if said[0] in here else there)
        if listener is not said[0]
    }
    for attempt, wait in enumerate((bench.waits.answer, bench.waits.prompt)):  # some may be lost, not twice the same
        for said in dict.fromkeys(said for _, said in missing):
            bench.udp.say(said[0], another(drawn[said], attempt))
        deadline = time.monotonic() + wait
        for (listener, said), mark in [*missing.items()]:
            if (heard := bench.hearing.hear(listener, another(mark, attempt), deadline - time.monotonic())) is not None:
                _has_its_name(bench, heard.data, said[0], another(mark, attempt))
                del missing[listener, said]
    if missing:
        (listener, said), _ = next(iter(missing.items()))
        expected = f"every one of {len(drawn)} messages sent without a pause to reach {listener}"
        raise Mismatch(expected, f"one of {said[0]} did not, sent twice", clause="TCRP-4.5a")
    for peer in (*here, *there):
        for (speaker, _), mark in drawn.items():
            if (speaker in here) is not (peer in here):
                with blaming("TCRP-4.5b"):
                    bench.hearing.must_not_hear(peer, mark, "a message of another room, sent without a pause")


def _has_its_name(bench: Bench, data: bytes, speaker: Peer, mark: bytes) -> None:
    right = bench.traits.datagrams.delivery(speaker.member, mark)
    if data != right:
        misnamed = data.endswith(b": " + mark) and right is not None and len(data.split(b": ")) == 2
        expected = f"the datagram {right!r} among messages sent without a pause"
        raise Mismatch(expected, shown(data), data=data, clause="TCRP-3.8d" if misnamed else "TCRP-4.6a")


@clause("TCRP-4.5a")
def test_messages_sent_without_a_pause_reach_everybody(bench: Bench) -> None:
    judge(bench, a_burst_in_two_rooms, "TCRP-4.5a")


@clause("TCRP-4.5b")
def test_messages_sent_without_a_pause_stay_in_their_room(bench: Bench) -> None:
    judge(bench, a_burst_in_two_rooms, "TCRP-4.5b")


@clause("TCRP-4.6a")
def test_messages_sent_without_a_pause_come_each_in_a_datagram(bench: Bench) -> None:
    judge(bench, a_burst_in_two_rooms, "TCRP-4.6a")


@clause("TCRP-3.8d")
def test_messages_sent_without_a_pause_carry_each_its_speaker_s_name(bench: Bench) -> None:
    judge(bench, a_burst_in_two_rooms, "TCRP-3.8d")
