"""Faults of 3.2g to 3.2i: what is JSON, and the payload that is a raw user name."""

import contextlib
import json
import re

from tests.faults.bases import ReadsJoinsItsOwnWay
from tests.faults.plain import MALFORMED, Refused, Server
from tests.faults.registry import fault

# 3.2g: what is not JSON is malformed, lone surrogates included ------------------------------------


def json_repaired(name: str, note: str, pattern: str, instead: str) -> None:
    """Registers a server that reads JSON with `instead` wherever `pattern` matches."""

    @fault(name, "TCRP-3.2g", note=note)
    class JsonRepaired(Server):
        def load_json(self, text: str) -> dict[str, object]:
            return super().load_json(re.sub(pattern, instead, text))


json_repaired("equals-sign-accepted", "= may stand for the colon in JSON", r'"=', '":')
json_repaired("missing-comma-accepted", "between members a space will do", r'" "', '","')
json_repaired("escaped-apostrophe-accepted", r"\' in a JSON string is '", r"\\'", "'")
json_repaired("short-escapes-accepted", r"\u00e, with three digits, is let through", r'\\u([0-9a-f]{3})"', r'\\u0\1"')
json_repaired("no-break-space-accepted", "any white space of Unicode may stand in JSON", ":\u00a0", ":")


@fault("join-bytes-after-object-ignored", "TCRP-3.2g", note="whatever follows the object of a JOIN is ignored")
class JoinBytesAfterObjectIgnored(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if payload.startswith(b"{") and b"}" in payload:
            payload = payload[: payload.rindex(b"}") + 1]
        return self.parse_payload(payload)


@fault("json-stripped-as-text", "TCRP-3.2g", note="white space of all Unicode after the object is allowed")
class JsonStrippedAsText(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(text.strip())


@fault("leading-zeros-accepted", "TCRP-3.2g", note="a number may begin with zeros")
class LeadingZerosAccepted(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(re.sub(r"([:\[,]\s*)0+(?=\d)", r"\1", text))


@fault("json-comments-accepted", "TCRP-3.2g", note="/* and // begin comments in JSON")
class JsonCommentsAccepted(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(re.sub(r"/\*.*?\*/|//[^\n\"]*\n", "", text))


@fault("json-tabs-accepted", "TCRP-3.2g", note="a JSON string may hold a raw tab")
class JsonTabsAccepted(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(text.replace("\t", " "))


@fault("low-surrogates-accepted", "TCRP-3.2g", note="only a lone high surrogate is refused")
class LowSurrogatesAccepted(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(re.sub(r"(?i)(?<!\\u[d][89ab]..)\\u(d[c-f]..)", "?", text))


@fault("unknown-escapes-accepted", "TCRP-3.2g", note=r"\x in a JSON string is x")
class UnknownEscapesAccepted(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(re.sub(r'\\(?=[^"\\/bfnrtu])', "", text))


@fault("bare-keys-accepted", "TCRP-3.2g", note="a key needs no quotes")
class BareKeysAccepted(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(re.sub(r"([{,]\s*)([A-Za-z_]+)(\s*:)", r'\1"\2"\3', text))


@fault("missing-brace-put-in", "TCRP-3.2g", note="a } that is missing at the end is put in")
class MissingBracePutIn(Server):
    def load_json(self, text: str) -> dict[str, object]:
        with contextlib.suppress(ValueError):
            return super().load_json(text + "}")
        return super().load_json(text)


@fault("lone-surrogates-replaced", "TCRP-3.2g", note="a lone surrogate in a user name becomes a question mark")
class LoneSurrogatesReplaced(Server):
    def check_text(self, value: object) -> None:
        pass

    def user_in(self, fields: dict[str, object]) -> bytes:
        name = fields.get("username")
        if isinstance(name, str):
            return name.encode("utf-8", "replace")
        return super().user_in(fields)


@fault("bytes-after-object-ignored", "TCRP-3.2g", note="whatever follows the object is ignored")
class BytesAfterObjectIgnored(Server):
    def load_json(self, text: str) -> dict[str, object]:
        end = json.JSONDecoder().raw_decode(text)[1]
        return super().load_json(text[:end])


@fault("nul-after-object-ignored", "TCRP-3.2g", note="a NUL after the object is ignored, as in a C string")
class NulAfterObjectIgnored(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(text.rstrip("\0"))


@fault("control-characters-in-json-accepted", "TCRP-3.2g", note="a JSON string may hold a raw newline")
class ControlCharactersInJsonAccepted(Server):
    def load_json(self, text: str) -> dict[str, object]:
        fields: dict[str, object] = json.loads(
            text, strict=False, parse_constant=self.constant, object_pairs_hook=self.members_of_object
        )
        return fields


@fault("trailing-comma-accepted", "TCRP-3.2g", note="a comma before } is let through")
class TrailingCommaAccepted(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(re.sub(r",\s*}", "}", text))


@fault("single-quotes-accepted", "TCRP-3.2g", note="'username' in single quotes is let through")
class SingleQuotesAccepted(Server):
    def load_json(self, text: str) -> dict[str, object]:
        return super().load_json(text if '"' in text else text.replace("'", '"'))


@fault(
    "bad-json-is-a-name",
    "TCRP-3.2g",
    also=("TCRP-3.2c",),
    note="an object that does not parse is taken for a raw user name",
)
class BadJsonIsAName(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        try:
            json.loads(payload)
        except ValueError:
            return self.check_user(payload), b""
        return super().parse_payload(payload)


# 3.2i: any other payload is the user name itself --------------------------------------------------


@fault("join-raw-refused", "TCRP-3.2i", note="a JOIN must be JSON")
class JoinRawRefused(ReadsJoinsItsOwnWay):
    def payload_of_join(self, payload: bytes) -> tuple[bytes, bytes]:
        if not payload.startswith(b"{"):
            raise Refused(MALFORMED)
        return self.parse_payload(payload)


@fault("json-after-a-bom", "TCRP-3.2i", note="a byte order mark before { makes it JSON, too")
class JsonAfterABom(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        return super().parse_payload(payload.removeprefix(b"\xef\xbb\xbf"))


@fault("raw-names-url-decoded", "TCRP-3.2i", also=("TCRP-3.8d",), note="%41 in a raw user name is A")
class RawNamesUrlDecoded(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        if not payload.startswith(b"{"):
            payload = re.sub(rb"%([2-7][0-9A-F])", lambda found: bytes([int(found[1], 16)]), payload)
        return super().parse_payload(payload)


@fault("raw-password-after-a-colon", "TCRP-3.2i", also=("TCRP-3.8d",), note="a raw payload is user:password")
class RawPasswordAfterAColon(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        user, password = super().parse_payload(payload)
        if not payload.startswith(b"{"):
            user, _, password = user.partition(b":")
        return self.check_user(user), password


@fault("raw-names-refused", "TCRP-3.2i", note="a payload that is not JSON is malformed")
class RawNamesRefused(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        if not payload.startswith(b"{"):
            raise Refused(MALFORMED)
        return super().parse_payload(payload)


@fault("json-tried-first", "TCRP-3.2i", note="whatever parses as JSON is no raw name: 42, true, [a]")
class JsonTriedFirst(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        if not payload.startswith(b"{"):
            try:
                json.loads(payload)
            except ValueError:
                return super().parse_payload(payload)
            raise Refused(MALFORMED)
        return super().parse_payload(payload)


@fault("json-strings-unquoted", "TCRP-3.2i", note='a raw name "alice", quotes included, loses its quotes')
class JsonStringsUnquoted(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        if re.fullmatch(rb'".+"', payload):
            payload = payload[1:-1]
        return super().parse_payload(payload)


@fault("json-after-white-space", "TCRP-3.2i", note="white space before { makes it JSON too")
class JsonAfterWhiteSpace(Server):
    def parse_payload(self, payload: bytes) -> tuple[bytes, bytes]:
        return super().parse_payload(payload.lstrip() if payload.lstrip().startswith(b"{") else payload)
