"""Faults of 3.2d to 3.2f: unknown keys, equal keys and white space in a JSON payload."""

import json
import re
from typing import ClassVar

from tests.faults.bases import ReadsAddressInJson, ReadsJoinsItsOwnWay
from tests.faults.plain import (
    MALFORMED,
    Address,
    Member,
    Refused,
    Room,
    Server,
)
from tests.faults.registry import fault

# 3.2d: unknown keys are ignored, whatever their valid value ---------------------------------------


@fault("nesting-over-31-refused", "TCRP-3.2d", note="nesting of 32 is malformed")
class NestingOver31Refused(Server):
    def load_json(self, text: str) -> dict[str, object]:
        depth = deepest = 0
        for character in re.sub(r'"(\\.|[^"\\])*"', "", text):
            depth += (character in "[{") - (character in "]}")
            deepest = max(deepest, depth)
        if deepest > 31:
            raise ValueError
        return super().load_json(text)


@fault("exponents-refused", "TCRP-3.2d", note="a number with an exponent is malformed")
class ExponentsRefused(Server):
    def load_json(self, text: str) -> dict[str, object]:
        if re.search(r":\s*-?\d+(\.\d+)?[eE]|[\[,]-?\d+(\.\d+)?[eE]", text):
            raise ValueError
        return super().load_json(text)


@fault("keys-end-at-nul", "TCRP-3.2d", note="a key ends at its first NUL")
class KeysEndAtNul(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        return {key.partition("\0")[0]: value for key, value in super().parse_json(payload).items()}


@fault("keys-stripped", "TCRP-3.2d", note="white space around a key does not count")
class KeysStripped(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        return {key.strip(): value for key, value in super().parse_json(payload).items()}


@fault("join-unknown-keys-refused", "TCRP-3.2d", note="a JOIN with an unknown key is malformed")
class JoinUnknownKeysRefused(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if payload.startswith(b"{") and set(self.parse_json(payload)) - {"username", "password"}:
            raise Refused(MALFORMED)
        return self.parse_payload(payload)


@fault("nested-keys-count", "TCRP-3.2d", note="a username inside an unknown key's object counts, too")
class NestedKeysCount(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        fields = super().parse_json(payload)
        for value in list(fields.values()):
            if isinstance(value, dict):
                fields |= value
        return fields


@fault("unknown-keys-refused", "TCRP-3.2d", note="a key other than username and password is malformed")
class UnknownKeysRefused(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        fields = super().parse_json(payload)
        if fields.keys() - {"username", "password"}:
            raise Refused(MALFORMED)
        return fields


@fault("unknown-values-must-be-text", "TCRP-3.2d", note="an unknown key is ignored only if its value is a string")
class UnknownValuesMustBeText(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        fields = super().parse_json(payload)
        if any(not isinstance(value, str) for key, value in fields.items() if key not in ("username", "password")):
            raise Refused(MALFORMED)
        return fields


@fault("nesting-over-8-refused", "TCRP-3.2d", note="nesting deeper than 8 is malformed")
class NestingOver8Refused(Server):
    def load_json(self, text: str) -> dict[str, object]:
        def depth(value: object) -> int:
            items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
            return 0 if items is None else 1 + max(map(depth, items), default=0)

        fields = super().load_json(text)
        if depth(fields) > 8:
            raise ValueError
        return fields


@fault("numbers-over-32-bits-refused", "TCRP-3.2d", note="a number that does not fit 32 bits is malformed")
class NumbersOver32BitsRefused(Server):
    def load_json(self, text: str) -> dict[str, object]:
        def small(digits: str) -> int:
            if abs(int(digits)) >= 2**31:
                raise ValueError(digits)
            return int(digits)

        json.loads(text, parse_int=small)
        return super().load_json(text)


@fault(
    "port-in-json-moves-delivery",
    "TCRP-3.2d",
    also=("TCRP-4.3a", "TCRP-4.3b"),
    note="a key port in JSON says where the member's chat goes, whatever it sends from",
)
class PortInJsonMovesDelivery(ReadsAddressInJson):
    ports: ClassVar[dict[Member, int]] = {}

    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        member = super().admit(room, user, peer)
        if isinstance(self.declared.port, int):
            self.ports[member] = self.declared.port
        return member

    def hear(self, member: Member, source: Address, message: bytes) -> None:
        super().hear(member, source, message)
        if member in self.ports:
            member.address = (source[0], self.ports[member])


@fault(
    "udp-port-in-json-registers",
    "TCRP-3.2d",
    also=("TCRP-4.3b",),
    note="a key udp_port in JSON registers the member there",
)
class UdpPortInJsonRegisters(ReadsAddressInJson):
    def port_in(self, fields: dict[str, object]) -> object:
        return fields.get("udp_port")

    def admit(self, room: Room, user: bytes, peer: Address) -> Member:
        member = super().admit(room, user, peer)
        if isinstance(self.declared.port, int) and 0 < self.declared.port < 65536:
            member.address = (peer[0], self.declared.port)
        return member


# 3.2e: of equal JSON keys the last counts ---------------------------------------------------------


@fault("first-username-counts", "TCRP-3.2e", note="of two user names the first counts")
class FirstUsernameCounts(Server):
    def members_of_object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        first = [pair for pair in pairs if pair[0] == "username"][:1]
        return super().members_of_object(pairs) | dict(first)


@fault("null-puts-nothing-aside", "TCRP-3.2e", note="a null does not replace an earlier equal key")
class NullPutsNothingAside(Server):
    def members_of_object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        super().members_of_object(pairs)
        return dict(pair for pair in pairs if pair[1] is not None)


@fault("join-first-equal-key-counts", "TCRP-3.2e", note="of equal keys of a JOIN the first counts")
class JoinFirstEqualKeyCounts(ReadsJoinsItsOwnWay):
    joins = False

    def members_of_object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        return dict(reversed(pairs)) if self.joins else super().members_of_object(pairs)

    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        with self.lock:
            self.joins = True
            try:
                return self.parse_payload(payload)
            finally:
                self.joins = False


@fault("first-equal-key-counts", "TCRP-3.2e", note="of equal keys the first counts")
class FirstEqualKeyCounts(Server):
    def members_of_object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        super().members_of_object(pairs)
        return dict(reversed(pairs))


@fault("equal-keys-refused", "TCRP-3.2e", note="equal keys are malformed")
class EqualKeysRefused(Server):
    def members_of_object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        fields = super().members_of_object(pairs)
        if len(fields) < len(pairs):
            raise ValueError
        return fields


# 3.2f: white space after the JSON object is allowed -----------------------------------------------


@fault("join-white-space-after-object-refused", "TCRP-3.2f", note="the payload of a JOIN must end with }")
class JoinWhiteSpaceAfterObjectRefused(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if payload.startswith(b"{") and not payload.endswith(b"}"):
            raise Refused(MALFORMED)
        return self.parse_payload(payload)


@fault("white-space-after-object-refused", "TCRP-3.2f", note="the payload must end with }")
class WhiteSpaceAfterObjectRefused(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        if not payload.endswith(b"}"):
            raise Refused(MALFORMED)
        return super().parse_json(payload)
