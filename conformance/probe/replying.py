"""From a good answer and several refusals to the answers about replies, statuses, words and tokens."""

import re
from dataclasses import dataclass, replace
from typing import Any

from conformance.probe.asking import Answered, Control
from conformance.probe.learning import Notebook, Sure, shown
from conformance.probe.reading import Part, template

OUTCOMES = ("room-exists", "room-not-found", "wrong-password", "malformed")
_FORMS = (
    ("uuid", re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)),
    ("decimal", re.compile(rb"\d+")),
    ("hex", re.compile(rb"[0-9a-fA-F]+")),
    ("base64url", re.compile(rb"[\w+/=.:-]+")),
)


@dataclass
class Refusals:
    """What was answered where a refusal is due. None: not asked, or a token came."""

    found: dict[str, Answered]

    def items(self) -> list[tuple[str, Answered]]:
        return [(outcome, self.found[outcome]) for outcome in OUTCOMES if outcome in self.found]


def ask_refusals(control: Control, room: str) -> Refusals:
    """The two refusals that anybody may get: a room that exists, and one that does not."""
    found: dict[str, Answered] = {}
    notes = control.notes
    again = control.request("CREATE of a room that exists", room, "carola")
    if again.token is None:
        found["room-exists"] = again
    else:
        notes.remark("a CREATE of a room that exists gets a token too")
    missing = control.request("JOIN of a room that does not exist", f"no{room}", "carola", join=True)
    if missing.token is None:
        found["room-not-found"] = missing
    else:
        notes.remark("a JOIN of a room that does not exist gets a token too")
    return Refusals(found)


def ask_password(control: Control, refusals: Refusals) -> None:
    """Is there a password, and what says that it is wrong?"""
    notes = control.notes
    if control.shape.payload != "json":
        return
    if not control.healthy():
        notes.not_learnt("request.password-key", "the server no longer creates rooms")
        return
    control.line.patience = max(3.0, control.line.patience)  # passwords are hashed, which is slow on purpose
    made = control.create("CREATE with a password", password="right-1")
    if made.token is None:
        notes.learn("request.password-key", False, "a CREATE with a password gets no token", made.got, sure=Sure.LIKELY)
        return
    wrong = control.request("JOIN with another password", made.room, "carola", join=True, password="other-2")
    right = control.request("JOIN with the same password", made.room, "carola", join=True, password="right-1")
    if wrong.token is None and right.token is not None:
        notes.learn("request.password-key", control.shape.password_keys[0],
                    "a JOIN with another password was refused, with the same it was not", wrong.got)  # fmt: skip
        refusals.found["wrong-password"] = wrong
    elif right.token is None:
        notes.learn("request.password-key", False, "a room with a password cannot be joined with it", right.got,
                    sure=Sure.LIKELY)  # fmt: skip
    else:
        notes.learn("request.password-key", False, "a JOIN with another password gets a token", wrong.sent)


def ask_malformed(control: Control, refusals: Refusals) -> None:
    """Requests that cannot be served. Last, since not every server survives them."""
    notes, shape = control.notes, control.shape
    if not control.healthy():
        notes.not_learnt("reply.bad-payload", "the server no longer creates rooms")
        return
    if notes.value("request.payload") != "raw":
        bad = {
            "json-string": b"alicia", "length-prefixed": b"\xffal",
        }.get(shape.payload, b'{"username": "alicia", ')  # fmt: skip
        broken = control.create("CREATE with a payload that does not parse", payload=bad)
        _note_bad(notes, "reply.bad-payload", broken, control)
        if broken.token is None and broken.got:
            refusals.found["malformed"] = broken
    odd = control.create("CREATE with operation 9", operation=9)
    if odd.token is None:
        found = refusals.found.get("room-not-found")
        cut = control.good is not None and breaks_off(odd, control.good)
        same = found is not None and odd.got and not cut and _essence(odd) == _essence(found)
        if same:
            notes.learn("reply.bad-header", "room-not-found", "operation 9 is answered as an unknown room", odd.got)
        else:
            _note_bad(notes, "reply.bad-header", odd, control)
            if odd.got and "malformed" not in refusals.found:
                refusals.found["malformed"] = odd
    else:
        notes.remark("a request with operation 9 gets a token")
    state = 7 if shape.state != 7 else 6
    other = control.create(f"CREATE with State {state}", shape=replace(shape, state=state))
    notes.learn("request.any-state", other.token is not None,
                f"a CREATE with State {state} {'got a token' if other.token else 'got none'}", other.got)  # fmt: skip


def _note_bad(notes: Notebook, key: str, answered: Answered, control: Control) -> None:
    if answered.token is not None:
        return
    if answered.got and not (control.good and breaks_off(answered, control.good)):
        notes.learn(key, "malformed", f"{answered.exchange.what}: answered", answered.got)
    else:
        how = "the server closed" if answered.exchange.closed else f"nothing in {control.line.wait:.1f} s"
        notes.learn(key, "close", f"{answered.exchange.what}: {how}", sure=Sure.SURE if answered.exchange.closed else
                    Sure.LIKELY)  # fmt: skip


def breaks_off(answered: Answered, good: Answered) -> bool:
    """Whether it is the beginning of a good answer and no more: what says no is that nothing follows."""
    parts, whole = answered.reply.parts, good.reply.parts
    return 0 < len(parts) < len(whole) and all(
        (one.state, one.payload) == (like.state, like.payload) for one, like in zip(parts, whole, strict=False)
    )


def _essence(answered: Answered) -> list[tuple[int, bytes]]:
    """The answer apart from names."""
    return [(part.state, part.payload.replace(answered.room.encode(), b"")) for part in answered.reply.parts]


# ---------------------------------------------------------------------------------------------------- what it comes to


def learn_framing(control: Control, join: Answered | None, wide: Answered | None) -> None:
    """How an answer lies. `wide`: the answer to a CREATE of a room whose name has other characters than bytes."""
    assert control.good is not None
    notes, good = control.notes, control.good
    reply = good.reply
    notes.learn("reply.framing", "header" if reply.framed else "none",
                "it parses as frames to its end" if reply.framed else "the answer has no header", good.got)  # fmt: skip
    notes.learn("reply.steps", min(2, len(reply.parts)), f"{len(reply.parts)} in the answer", good.got)
    asked = good.exchange
    if asked.closed or asked.closed_then:
        notes.learn("reply.closes", "server", "it closed after the answer")
    else:
        notes.learn("reply.closes", "client", f"it was still open {asked.waited:.1f} s after the answer",
                    sure=Sure.LIKELY)  # fmt: skip
    if len(reply.parts) > 2:
        notes.remark(f"the answer has {len(reply.parts)} parts, a dialect file knows two")
    if not reply.framed:
        return
    first, last = reply.parts[0], reply.last
    assert reply.how is not None
    if len(reply.parts) == 2:
        notes.learn("reply.ack-state", first.state, "State of the first frame", good.got)
    notes.learn("reply.token-state", last.state, "State of the frame with the token", good.got)
    absent = last.room_size == 0
    presence = "absent" if absent else "announced" if reply.how.room == "announced" else "echoed"
    notes.learn("reply.room", presence, f"RoomNameSize {last.room_size} for a name of {len(good.room)} bytes", good.got)
    joined = join.reply.last.operation if join is not None and join.reply.parts else None
    if last.operation == control.shape.create and joined in (None, control.shape.join):
        notes.learn("reply.operation", "echoed", "as in the request, of JOIN too" if join else "as in the request",
                    good.got, sure=Sure.SURE if joined is not None else Sure.LIKELY)  # fmt: skip
    else:
        notes.learn("reply.operation", last.operation, "the same in every answer", good.got)
    if wide is not None and wide.reply.parts and wide.reply.how is not None and not absent:
        size = wide.reply.last.room_size
        form = "characters" if size == len(wide.room) else "bytes"
        notes.learn("reply.room-size", form, f"RoomNameSize {size} for a name of {len(wide.room)} characters and "
                    f"{len(wide.room.encode())} bytes", wide.got)  # fmt: skip


def learn_token(control: Control) -> None:
    """What tokens look like."""
    assert control.good is not None
    notes, good, place = control.notes, control.good, control.place
    values = [place.value]
    if control.second is not None and (other := control.second):
        found = control.token_of(other.got, other.room, other.exchange.pieces)
        values += [found] if found else []
    why = "what differs in the answers to two CREATEs" if len(set(values)) > 1 else "what the answer holds"
    if place.key:
        notes.learn("token.form", "json", why, good.reply.parts[place.part].payload)
        notes.learn("token.key", place.key, why, good.reply.parts[place.part].payload)
    else:
        notes.learn("token.form", "raw", why, good.reply.parts[place.part].payload)
    alphabet = next((name for name, form in _FORMS if all(form.fullmatch(value) for value in values)), "bytes")
    if len(set(map(len, values))) > 1:
        alphabet = "base64url" if alphabet == "uuid" else alphabet
    notes.learn("token.alphabet", alphabet, "of the characters in it", values[0])
    size = max(map(len, values))
    if size <= 255:
        notes.learn("token.size", size, "bytes of it", values[0])
    if not good.reply.framed and not place.key:
        fixed = len(control.sizes) == 1
        notes.learn("token.ends", "size" if fixed else "pause",
                    f"sizes seen: {' and '.join(map(str, sorted(control.sizes)))} bytes", sure=Sure.LIKELY)  # fmt: skip
    if control.constant:
        notes.remark(f"every answer holds the same token, {shown(place.value)}")


def learn_status(control: Control, refusals: Refusals) -> None:
    """What says yes and what says no."""
    _Status(control, refusals).learn()


class _Status:
    def __init__(self, control: Control, refusals: Refusals) -> None:
        assert control.good is not None
        self.notes = control.notes
        self.place = control.place
        self.good = control.good
        self.refusals = refusals
        self.two = len(self.good.reply.parts) == 2
        self.first: Part = self.good.reply.parts[0]
        self.token_part: Part = self.good.reply.parts[self.place.part]
        self.said = {
            outcome: one for outcome, one in refusals.items() if one.reply.parts and not breaks_off(one, self.good)
        }

    def refusal_part(self, one: Answered) -> Part:
        """What says no: the last part, but for what follows an answer that is as long as a good one."""
        return one.reply.parts[: len(self.good.reply.parts)][-1]

    def learn(self) -> None:
        notes = self.notes
        if self.two:
            late = [one for one in self.said.values() if len(one.reply.parts) == 2
                    and one.reply.parts[0].payload == self.first.payload]  # fmt: skip
            where = "token" if late and len(late) * 2 > len(self.said) else "acknowledgement"
            if self.said:
                proof = (late or list(self.said.values()))[0]
                notes.learn("reply.refused-in", where, "where the answer to a refused request differs", proof.got)
        usual = [one for outcome, one in self.refusals.items() if outcome != "malformed"]
        if any(len(one.reply.parts) > len(self.good.reply.parts) for one in self.said.values()):
            notes.remark("a refusal is followed by another answer on the same connection")
        if usual and not any(one in self.said.values() for one in usual):
            if usual[0].got:
                notes.learn("reply.refused-in", "token", "after the acknowledgement nothing comes", usual[0].got)
            how = "with no more than the acknowledgement" if usual[0].got else "without a word"
            notes.learn("reply.refusal", "close", f"refused requests are closed {how}", usual[0].sent)
        self._form()
        self._states()

    def _states(self) -> None:
        if not self.good.reply.framed:
            return
        states = {outcome: self.refusal_part(one).state for outcome, one in self.said.items()}
        usual = [state for outcome, state in states.items() if outcome != "malformed"]
        if usual:
            self.notes.learn("reply.refusal-state", usual[0], "State of a refusal", next(iter(self.said.values())).got)
        if "malformed" in states and (not usual or states["malformed"] != usual[0]):
            self.notes.learn("reply.malformed-state", states["malformed"], "State where the request does not parse",
                             self.said["malformed"].got)  # fmt: skip

    def _form(self) -> None:
        ack = self.first if self.two else None
        if ack is not None and ack.kind == "byte":
            self._bytes(ack.payload[0], ack.payload)
        elif ack is not None and ack.value is not None:
            self._json(ack)
        elif ack is not None and ack.kind == "text":
            self._texts(ack)
        elif self.place.key:
            self._json(self.token_part)
        else:
            self._bare()

    def _bytes(self, ok: int, proof: bytes) -> None:
        self.notes.learn("status.form", "byte", "the acknowledgement is 1 byte", proof)
        self.notes.learn("status.ok", ok, "it in a good answer", proof)
        self._values(lambda part: part.payload[0] if len(part.payload) == 1 else None)

    def _texts(self, ack: Part) -> None:
        self.notes.learn("status.form", "text", "the acknowledgement is a text", ack.payload)
        self.notes.learn("status.ok", ack.text, "it in a good answer", ack.payload)
        self._values(lambda part: part.text if part.kind == "text" else None, templated=True)

    def _json(self, part: Part) -> None:
        """A status beside the token or in an acknowledgement of its own; the other keys may be words."""
        notes, value = self.notes, part.value
        if not isinstance(value, dict):
            notes.learn("status.form", "json", "the acknowledgement is a JSON value", part.payload)
            notes.learn("status.key", False, "the value is the whole payload", part.payload)
            notes.learn("status.ok", value, "it in a good answer", part.payload)
            self._values(lambda one: one.value)
            return
        refused = [self.refusal_part(one).fields for one in self.said.values()]
        key = self._status_key(value, [fields for fields in refused if fields])
        if key:
            notes.learn("status.form", "json", f"{key!r} tells a good answer from a refusal", part.payload,
                        sure=Sure.SURE if any(key in fields for fields in refused) else Sure.LIKELY)  # fmt: skip
            notes.learn("status.key", key, "as above", part.payload)
            notes.learn("status.ok", value[key], "it in a good answer", part.payload)
            if self.two and key in self.token_part.fields:
                notes.learn(
                    "status.token-ok", self.token_part.fields[key], "it beside the token", self.token_part.payload
                )
            self._values(lambda one: one.fields.get(key))
        elif refused and any(refused):
            notes.learn("status.form", "none", "nothing but the token, or its absence, tells", part.payload)
        else:
            self._bare()
            return
        self._words(part, key, [fields for fields in refused if fields])

    def _status_key(self, good: dict[str, Any], refused: list[dict[str, Any]]) -> str | None:
        scalars = [key for key, value in good.items() if isinstance(value, bool | int | str) and key != self.place.key]
        telling = [key for key in scalars if any(fields.get(key, good[key]) != good[key] for fields in refused)]
        named = [
            key
            for key in telling or ([] if any(refused) else scalars)
            if re.search("status|code|ok|success|result|state", key)
        ]
        short = [key for key in telling if not isinstance(good[key], str) or " " not in good[key]]
        if not telling and refused and not named:
            named = [key for key in scalars if re.search("status|code|ok|success|result", key)]
        for group in (named, [key for key in short if not isinstance(good[key], str)], short):
            if group:
                return group[0]
        return None

    def _words(self, part: Part, status: str | None, refused: list[dict[str, Any]]) -> None:
        notes = self.notes
        texts = {
            key
            for fields in refused
            for key, value in fields.items()
            if isinstance(value, str) and key not in (status, self.place.key)
        }
        keys = sorted(
            texts, key=lambda key: (key not in part.value, not re.search("message|error|reason|msg|text", key))
        )
        for key in keys:
            if key in part.value and isinstance(part.value[key], str):
                notes.learn("words.key", key, "words stand under it in good answers and refusals", part.payload)
                notes.learn("words.ok", part.value[key], "in a good answer", part.payload)
            elif all(status not in fields for fields in refused if key in fields):
                notes.learn("words.error-key", key, "it stands in refusals alone", repr(refused[0]).encode())
            else:
                notes.learn("words.key", key, "words stand under it in refusals", repr(refused[0]).encode())
            for outcome, one in self.said.items():
                text = self.refusal_part(one).fields.get(key)
                if isinstance(text, str):
                    self._word(outcome, text, one)
            return

    def _bare(self) -> None:
        """No acknowledgement, no JSON: a refusal is what is no token."""
        notes, parts = self.notes, {outcome: self.refusal_part(one) for outcome, one in self.said.items()}
        usual = [part for outcome, part in parts.items() if outcome != "malformed"] or list(parts.values())
        if not usual:
            if notes.value("reply.refusal") is None:
                notes.not_learnt("reply.refusal", "nothing was refused")
            notes.learn("status.form", "none", "the token alone tells", self.good.got, sure=Sure.LIKELY)
            return
        if all(len(part.payload) == 1 for part in usual) and not self.two:
            notes.learn("status.form", "byte", "a refusal is 1 byte", usual[0].payload)
            self._values(lambda part: part.payload[0] if len(part.payload) == 1 else None)
        elif any(part.fields for part in usual):
            notes.learn("status.form", "none", "the token alone tells", self.good.got)
            self._refused_in_json(next(part for part in usual if part.fields))
        elif (
            self.good.reply.framed
            and len({part.state for part in usual}) > 1
            and not any(part.payload for part in usual)
        ):
            notes.learn(
                "status.form", "state", "refusals differ by their State alone", self.said[next(iter(self.said))].got
            )
            self._values(lambda part: part.state)
        elif any(part.kind == "text" for part in usual):
            notes.learn("status.form", "none", "a refusal is words, a good answer a token", self.good.got)
            notes.learn("reply.refusal", "text", "a refusal is words alone", next(iter(self.said.values())).got)
            for outcome, one in self.said.items():
                if self.refusal_part(one).kind == "text":
                    self._word(outcome, self.refusal_part(one).text, one)
        elif self.good.reply.framed:
            notes.learn(
                "status.form", "state", "a refusal differs by its State alone", self.said[next(iter(self.said))].got
            )
            self._values(lambda part: part.state)

    def _refused_in_json(self, part: Part) -> None:
        key = next((key for key, value in part.fields.items() if isinstance(value, str)), None)
        if key is None:
            return
        self.notes.learn("words.error-key", key, "it stands in refusals alone", part.payload)
        for outcome, one in self.said.items():
            text = self.refusal_part(one).fields.get(key)
            if isinstance(text, str):
                self._word(outcome, text, one)

    def _values(self, value_of: Any, *, templated: bool = False) -> None:
        ok = self.notes.value("status.ok")
        for outcome, one in self.said.items():
            value = value_of(self.refusal_part(one))
            if value is None or isinstance(value, dict | list | float) or (value == ok and type(value) is type(ok)):
                continue
            if templated:
                value = template(value, room=one.room, users=(one.user,))
            self.notes.learn(f"status.{outcome}", value, one.exchange.what, one.got)

        if isinstance(ok, bool | str) and (
            refused := [v for v in map(value_of, map(self.refusal_part, self.said.values())) if v is not None]
        ):
            general = next((value for value in reversed(refused) if type(value) is type(ok)), None)
            if general is not None:
                self.notes.learn("status.refused", general, "for what was not asked", sure=Sure.ASSUMED)

    def _word(self, outcome: str, text: str, one: Answered) -> None:
        said = template(text, room=one.room, users=(one.user,))
        self.notes.learn(f"words.{outcome}", said, one.exchange.what, one.got)
