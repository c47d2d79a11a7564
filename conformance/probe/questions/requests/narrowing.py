"""Which parts of the request that was understood are needed: one part changed at a time."""

from dataclasses import replace

from conformance.probe.notebook import Sure
from conformance.probe.questions.requests.asking import AnsweredRequest, Requester
from conformance.probe.questions.requests.shapes import CREATE, NO_PASSWORDS
from conformance.probe.reply_parsing import FrameForm

HALF_AN_OBJECT = b'{"username": "alicia", '


def narrow(requester: Requester) -> None:
    """Ask for every part of the shape that was understood. The shape that remains stands in the requester's facts."""
    facts, notes = requester.facts, requester.notes
    assert facts.example is not None
    good = facts.example.first
    if good.reply.form is not None:
        _take_sizes_of_replies(requester, good.reply.form)
    shape, sent = facts.shape, good.sent
    notes.learn("header.size", shape.size, f"a CREATE with the size written so got a token ({shape.words})", sent)
    notes.learn("header.counts", shape.counts, "a CREATE with the size counted so got a token", sent,
                sure=Sure.SURE if shape.payload == "json" or shape.counts == "body" else Sure.LIKELY)  # fmt: skip
    if shape.create != CREATE:
        notes.learn("request.create", shape.create, "a CREATE with this operation got a token", sent)
        notes.learn("request.join", shape.join, "the next number")
    notes.learn("request.state", shape.state, "a CREATE with this State got a token", sent)
    notes.learn("request.stages", shape.stages, "sent so it got a token", sent)
    if shape.payload == "json":
        _narrow_json(requester)
    else:
        notes.learn("request.payload", shape.payload, "a CREATE with JSON got no token, this did", sent)


def _take_sizes_of_replies(requester: Requester, form: FrameForm) -> None:
    """Write and count sizes as the replies do, where a request with such sizes works."""
    facts = requester.facts
    if (form.size, form.counts) != (facts.shape.size, facts.shape.counts):
        as_answered = replace(facts.shape, size=form.size, counts=form.counts)
        if requester.works(f"CREATE with {as_answered.words}, as the answer has it", as_answered):
            facts.shape = as_answered


def _narrow_json(requester: Requester) -> None:
    facts = requester.facts
    if _takes_names_for_json(requester):
        facts.shape = replace(facts.shape, payload="raw")
        _check_counts(requester)
        return
    if requester.works("CREATE without an address", facts.shape.without_address()):
        facts.declares = "may"
    else:
        facts.declares = "must"
        _narrow_address(requester)
    _narrow_extra(requester)
    _narrow_password(requester)
    _narrow_user(requester)


def _takes_names_for_json(requester: Requester) -> bool:
    """Whether the payload is the raw user name, so that JSON was taken for a name."""
    shape, notes = requester.facts.shape, requester.notes
    raw = requester.create("CREATE with the raw user name", shape=replace(shape, payload="raw"))
    if raw.token is None:
        notes.learn("request.payload", "json", "JSON got a token, the raw user name did not", raw.sent)
        return False
    broken = requester.create("CREATE with half a JSON object", payload=HALF_AN_OBJECT)
    if broken.token is not None:
        why = "half a JSON object got a token too: it is taken for a name"
        notes.learn("request.payload", "raw", why, broken.sent)
        return True
    why = "both got a token, half a JSON object did not"
    notes.learn("request.payload", "json-or-raw", why, raw.sent, accepts=("json",))
    return False


def _check_counts(requester: Requester) -> None:
    """A server that counts the room too has cut the user name off, and then nobody can join."""
    room = requester.create("CREATE of a room to join", user="al").room
    if requester.ask("JOIN of it", room, "bobbyjoe", join=True).token is not None:
        return
    other = requester.facts.shape.counted_otherwise()
    made = requester.create("CREATE with the size counted otherwise", user="al", shape=other)
    if requester.ask("JOIN of it", made.room, "bobbyjoe", join=True, shape=other).token is not None:
        requester.facts.shape = other
        requester.notes.learn("header.counts", other.counts, "only so can a room be joined", made.sent)


def _narrow_address(requester: Requester) -> None:
    """The one key of the address that is needed, or the two keys."""
    shape = requester.facts.shape
    none = shape.without_address()
    for key in shape.pair_keys:
        one = replace(none, pair_keys=(key,))
        if requester.works(f"CREATE with the address under {key!r} alone", one):
            requester.facts.shape = one
            return
    for ip in shape.ip_keys:
        for port in shape.port_keys:
            one = replace(none, ip_keys=(ip,), port_keys=(port,))
            if requester.works(f"CREATE with {ip!r} and {port!r} alone", one):
                requester.facts.shape = one
                return


def _narrow_extra(requester: Requester) -> None:
    """The extra keys that are needed."""
    facts, notes = requester.facts, requester.notes
    for key in list(facts.shape.extra):
        rest = {other: value for other, value in facts.shape.extra.items() if other != key}
        without = replace(facts.shape, extra=rest)
        answered = requester.create(f"CREATE without {key!r}", shape=without)
        if answered.token is not None:
            facts.shape = without
        else:
            why = "without a key of these a CREATE got no token"
            notes.learn("request.extra", facts.shape.extra, why, answered.sent)
    if facts.shape.extra:
        notes.learnt["request.extra"].value = dict(facts.shape.extra)


def _narrow_password(requester: Requester) -> None:
    """The ways to say that there is no password."""
    facts = requester.facts
    works = {facts.shape.password: True}
    for said in NO_PASSWORDS:
        if said not in works:
            works[said] = requester.works(f"CREATE with the password: {said}", replace(facts.shape, password=said))
    good = tuple(said for said in NO_PASSWORDS if works[said])
    why = f"a CREATE got a token with: {', '.join(good)}"
    requester.notes.learn("request.no-password", good[0], why, accepts=good[1:])
    facts.shape = replace(facts.shape, password=good[0])


def _narrow_user(requester: Requester) -> None:
    """The key of the user name. If several keys work, or none, the payload may be no JSON at all."""
    facts, notes = requester.facts, requester.notes
    found: AnsweredRequest | None = None
    facts.other_user_keys = []
    for key in facts.shape.user_keys:
        one = replace(facts.shape, user_keys=(key,))
        answered = requester.create(f"CREATE with the user name under {key!r} alone", shape=one)
        if answered.token is not None:
            if found is None:
                found, chosen = answered, one
            else:
                facts.other_user_keys.append(key)
                break
    prefixed = replace(facts.shape, payload="length-prefixed")
    doubtful = found is None or facts.other_user_keys
    if doubtful and requester.works("CREATE with 1 byte of length and the user name", prefixed):
        facts.shape, facts.other_user_keys = prefixed, []
        notes.learnt.pop("request.no-password")
        why = "this got a token, which no JSON is: the { of JSON was taken for a length"
        notes.learn("request.payload", "length-prefixed", why, requester.wire.tcp.exchanges[-1].sent)
    elif found is not None:
        facts.shape = chosen
        why = "a CREATE with this key alone got a token"
        notes.learn("request.user-key", chosen.user_keys[0], why, found.sent, sure=Sure.LIKELY)


def check_user_key(requester: Requester) -> None:
    """The control question for the key of the user name: the same without it. Ask it late: some servers die of it."""
    facts, notes = requester.facts, requester.notes
    key = notes.learnt.get("request.user-key")
    if key is None or facts.user_came_with_chat:
        return
    without = requester.create("CREATE without a user name", shape=replace(facts.shape, user_keys=()))
    if without.token is None:
        notes.learn(
            "request.user-key", key.value, "with this key alone a CREATE gets a token, without it none", key.data
        )
    else:
        why = "a CREATE without any user name gets a token too"
        notes.learn("request.user-key", key.value, why, without.sent, sure=Sure.ASSUMED)
