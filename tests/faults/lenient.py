"""Faults of lenient readers: JSON and UTF-8."""

from __future__ import annotations

import contextlib
import json
import re

from plain import Server
from registry import fault

# 3.2: JSON ----------------------------------------------------------------------------------------


@fault("nested-keys-count", "TCRP-3.2d", note="a username inside an unknown key's object counts, too")
class NestedKeysCount(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        fields = super().parse_json(payload)
        for value in list(fields.values()):
            if isinstance(value, dict):
                fields |= value
        return fields


@fault(
    "escaped-keys-not-found", "TCRP-3.2a", also=("TCRP-3.2e",), note="a key that is written with an escape is unknown"
)
class EscapedKeysNotFound(Server):
    def load_json(self, text: str) -> dict[str, object]:
        fields = super().load_json(text)
        return {key: value for key, value in fields.items() if json.dumps(key, ensure_ascii=False) in text}


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


@fault("infinity-accepted", "TCRP-3.2g", note="-Infinity is read, NaN is not")
class InfinityAccepted(Server):
    def constant(self, name: str) -> object:
        return 0 if "Infinity" in name else super().constant(name)


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


# 3.7c: UTF-8 --------------------------------------------------------------------------------------


@fault("json-as-utf8-with-surrogates", "TCRP-3.7c", note="JSON with ED A0 80 is decoded, and a ? put there")
class JsonAsUtf8WithSurrogates(Server):
    def parse_json(self, payload: bytes) -> dict[str, object]:
        return super().parse_json(re.sub(rb"\xed[\xa0-\xbf][\x80-\xbf]", b"?", payload))


@fault("overlong-utf8-accepted", "TCRP-3.7c", note="C0 AF, an overlong slash, is taken for UTF-8")
class OverlongUtf8Accepted(Server):
    def decode(self, data: bytes) -> str:
        return super().decode(re.sub(rb"[\xc0\xc1][\x80-\xbf]", b"?", data))


@fault("utf8-beyond-unicode-accepted", "TCRP-3.7c", note="F4 90 80 80, beyond U+10FFFF, is taken for UTF-8")
class Utf8BeyondUnicodeAccepted(Server):
    def decode(self, data: bytes) -> str:
        return super().decode(re.sub(rb"(\xf4[\x90-\xbf]|[\xf5-\xf7][\x80-\xbf])[\x80-\xbf]{2}", b"?", data))


@fault("utf8-cut-short-accepted", "TCRP-3.7c", note="half a character at the end of a name is left out")
class Utf8CutShortAccepted(Server):
    def decode(self, data: bytes) -> str:
        return super().decode(re.sub(rb"[\xc2-\xf4][\x80-\xbf]{0,2}$", b"", data) if self.cut(data) else data)

    def cut(self, data: bytes) -> bool:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            return error.reason == "unexpected end of data" and error.start > 0
        return False
