"""What a reply says, apart from how it is framed: the outcome as a value or in words, and the token."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from tcrp.constants import Status
from tcrp.dialects.answers import Answers, Scalar
from tcrp.dialects.framed_text import fill, match, read_json, read_object, write_json
from tcrp.errors import RemoteProtocolError
from tcrp.events import NO_STATUS

MAX_TOKEN: Final = 1024
"""Bytes of a token that is taken from a reply, whatever datagrams can carry."""

_REFUSALS: Final[tuple[Status, ...]] = tuple(status for status in Status if status is not Status.OK)
_CREATING: Final[tuple[Status, ...]] = (Status.ROOM_EXISTS, Status.MALFORMED, Status.SERVER_ERROR, Status.LIMIT_REACHED)
_JOINING: Final[tuple[Status, ...]] = (
    Status.ROOM_NOT_FOUND, Status.WRONG_PASSWORD, Status.MALFORMED, Status.SERVER_ERROR, Status.LIMIT_REACHED,
)  # fmt: skip


class Yes(NamedTuple):
    """It went well; `token` where the reply holds it."""

    token: bytes | None


class No(NamedTuple):
    """It did not: `status` is a `Status` or another number, `text` the server's words."""

    status: int
    text: str = ""


Outcome: TypeAlias = Yes | No


class Replies:
    """Payloads of replies for these answers, both ways."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._status, self._words, self._token = answers.status, answers.words, answers.token

    # ---------------------------------------------------------------------------------------------- to write

    def value_of(self, status: Status) -> Scalar:
        """What says this outcome."""
        if status is Status.OK:
            return self._status.ok
        own = getattr(self._status, status.name.lower())
        if own is None:
            own = self._status.refused
        return int(status) if own is None else own

    def acknowledgement(self) -> bytes:
        """The payload that says that it goes well."""
        return self._say(Status.OK, self._words.ok)

    def refusal(self, status: Status, room: str, user: str) -> bytes:
        """The payload that says no."""
        words = fill(getattr(self._words, status.name.lower()), room=room, user=user)
        if self._answers.reply.refusal == "text":
            return words.encode()
        if self._words.error_key:
            return self._json({self._words.error_key: words})
        return self._say(status, words, room, user)

    def token(self, token: bytes | None) -> bytes:
        """The payload that holds the token; None: there is none, and yet a good reply."""
        if self._token.form == "raw":
            return token or b""
        fields: dict[str, Any] = {}
        if self._status.form == "json" and self._status.key:
            fields[self._status.key] = self._token_ok
        if self._words.key:
            fields[self._words.key] = self._words.ok
        return self._json(fields | {self._token.key: None if token is None else token.decode("latin-1")})

    @property
    def _token_ok(self) -> Scalar:
        return self._status.ok if self._status.token_ok is None else self._status.token_ok

    def _say(self, status: Status, words: str, room: str = "", user: str = "") -> bytes:
        value = self.value_of(status)
        match self._status.form:
            case "byte":
                return bytes([int(value)])
            case "text":
                return fill(str(value), room=room, user=user).encode()
            case "json" if not self._status.key:
                return self._json(value)
            case "json":
                return self._json({self._status.key: value} | ({self._words.key: words} if self._words.key else {}))
        return self._json({self._words.key: words}) if self._words.key else b""

    def _json(self, value: object) -> bytes:
        return write_json(value, escapes=self._answers.json.escapes)

    # ----------------------------------------------------------------------------------------------- to read

    def read_acknowledgement(self, payload: bytes, creating: bool) -> Outcome:
        """Raises RemoteProtocolError for what is neither yes nor no."""
        if self._answers.reply.refusal == "text":
            return Yes(None) if payload == self.acknowledgement() else self._read_words(payload, creating)
        match self._status.form:
            case "byte":
                if len(payload) != 1:
                    raise _unreadable(f"the status has {len(payload)} bytes: it is 1", len(payload))
                return self.outcome_of(payload[0], "", creating)
            case "json" if not self._status.key:
                return self.outcome_of(read_json(payload), "", creating)
            case "json":
                return self._read_object(read_object(payload), self._status.ok, creating)
            case "text":
                return self._read_text(payload, creating)
        if self._words.error_key or self._words.key:
            return self._read_object(read_object(payload), self._status.ok, creating)
        return Yes(None)

    def read_token(self, payload: bytes, creating: bool) -> Outcome:
        """The payload that holds the token, or says no in its place. Raises RemoteProtocolError."""
        if self._token.form == "json" and payload[:1] == b"{":
            return self._read_token_object(payload, creating)
        if (said := self._read_refusal(payload, creating)) is not None:
            return said
        return self._read_token_object(payload, creating) if self._token.form == "json" else Yes(_checked(payload))

    def outcome_of(self, value: object, text: str, creating: bool) -> Outcome:
        """What a status value means, in the reply to CREATE or to JOIN."""
        if _same(value, self._status.ok):
            return Yes(None)
        return No(self._meaning(value, text, creating), text)

    def read_refusal(self, payload: bytes, state: int, creating: bool) -> No:
        """What is known to be a refusal, however it reads. `state`: of its frame."""
        try:
            said = (
                self.outcome_of(state, _shown(payload), creating)
                if self._status.form == "state"
                else self._read_refusal(payload, creating)
            )
        except RemoteProtocolError:
            said = None
        return said if isinstance(said, No) else No(NO_STATUS, _shown(payload))

    def is_token(self, payload: bytes) -> bool:
        """Whether the bytes look like the tokens there are."""
        if len(payload) != self._token.size:
            return False
        match self._token.alphabet:
            case "bytes":
                return not _is_printable(payload)
            case "decimal":
                return payload.isdigit()
        return all(byte in _TOKEN_BYTES for byte in payload)

    def may_be_words(self, payload: bytes) -> bool:
        """Whether the bytes are, or begin, a text rather than a token."""
        return _is_printable(payload) and not all(byte in _TOKEN_BYTES for byte in payload)

    def _read_refusal(self, payload: bytes, creating: bool) -> No | None:
        """A refusal where a raw token is due; None: it is none."""
        if self._answers.reply.refusal == "text":
            if self._token.form == "raw" and self.is_token(payload):
                return None
            return self._read_words(payload, creating)
        said: Outcome | None = None
        match self._status.form:
            case "byte" if len(payload) == 1 and self._token.size != 1:
                said = self.outcome_of(payload[0], "", creating)
            case "json" if not self._status.key:
                said = self._read_bare(payload, creating)
            case "json" | "none" if payload[:1] == b"{":
                said = self._read_object(read_object(payload), self._token_ok, creating)
            case "text":
                said = self._read_text(payload, creating)
                if isinstance(said, No) and said.status == NO_STATUS and not self.may_be_words(payload):
                    said = None
        return said if isinstance(said, No) else None

    def _read_bare(self, payload: bytes, creating: bool) -> No | None:
        """A JSON value that is a refusal, where it might be a token too."""
        try:
            value = read_json(payload)
        except RemoteProtocolError:
            return None
        known = any(_same(value, self.value_of(status)) for status in _REFUSALS)
        return No(self._meaning(value, "", creating)) if known else None

    def _read_words(self, payload: bytes, creating: bool) -> No:
        text = _shown(payload)
        return No(self._by_words(text, creating), text)

    def _read_text(self, payload: bytes, creating: bool) -> Outcome:
        text = _shown(payload)
        if text == self._status.ok:
            return Yes(None)
        for status in _REFUSALS:
            value = self.value_of(status)
            if isinstance(value, str) and match(value, text) is not None:
                return No(self._meaning(value, text, creating), text)
        return No(NO_STATUS, text)

    def _read_token_object(self, payload: bytes, creating: bool) -> Outcome:
        fields = read_object(payload)
        acknowledged = self._answers.reply.steps == 2 and self._token.key in fields  # some say yes once, not twice
        said = self._read_object(fields, self._token_ok, creating, told=acknowledged)
        if isinstance(said, No):
            return said
        if self._token.key not in fields:
            raise _unreadable(f"the reply has no {self._token.key}", 0, field="token")
        token = fields[self._token.key]
        if token is None:
            return No(Status.LIMIT_REACHED, self._text_in(fields))
        if isinstance(token, int) and not isinstance(token, bool):
            token = str(token)
        if not isinstance(token, str):
            raise _unreadable("the token is neither a text nor a number", 0, field="token")
        return Yes(_checked(token.encode()))

    def _read_object(self, fields: Mapping[str, Any], ok: Scalar, creating: bool, *, told: bool = False) -> Outcome:
        """`told`: it may do without the status."""
        if self._words.error_key and fields.get(self._words.error_key):
            text = fields[self._words.error_key]
            text = text if isinstance(text, str) else str(text)
            return No(self._by_words(text, creating), text)
        text = self._text_in(fields)
        if self._status.form != "json" or not self._status.key:
            refused = self._words.key and text and text != self._words.ok
            return No(self._by_words(text, creating), text) if refused else Yes(None)
        if self._status.key not in fields:
            if told:
                return Yes(None)
            raise _unreadable(f"the reply has no {self._status.key}", 0)
        value = fields[self._status.key]
        return Yes(None) if _same(value, ok) else No(self._meaning(value, text, creating), text)

    def _text_in(self, fields: Mapping[str, Any]) -> str:
        text = fields.get(self._words.key, "") if self._words.key else ""
        return text if isinstance(text, str) else ""

    def _meaning(self, value: object, text: str, creating: bool) -> int:
        """The status that a value stands for: where it stands for several, what the words say, or else the first."""
        possible = _CREATING if creating else _JOINING
        meant = [status for status in (*possible, *_REFUSALS) if _same(value, self.value_of(status))]
        worded = [status for status in meant if match(getattr(self._words, status.name.lower()), text) is not None]
        if meant:
            return (worded or meant)[0]
        return int(value) if isinstance(value, int) and not isinstance(value, bool) else NO_STATUS

    def _by_words(self, text: str, creating: bool) -> int:
        for status in (*(_CREATING if creating else _JOINING), *_REFUSALS):
            if match(getattr(self._words, status.name.lower()), text) is not None:
                return status
        return NO_STATUS


_TOKEN_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=.:")


def _same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other


def _checked(token: bytes) -> bytes:
    if not 1 <= len(token) <= MAX_TOKEN:
        raise RemoteProtocolError(
            f"the token has {len(token)} bytes: 1 to {MAX_TOKEN}",
            clause="TCRP-3.8c", field="token", offset=0, value=len(token), limit=MAX_TOKEN,
        )  # fmt: skip
    return token


def _is_printable(data: bytes) -> bool:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        text = data[: error.start].decode()
        if error.end < len(data) or len(data) - error.start > 3:
            return False
    return all(character.isprintable() or character in "\r\n\t" for character in text)


def _shown(payload: bytes) -> str:
    return payload[:1000].decode(errors="backslashreplace")


def _unreadable(message: str, offset: int, field: str = "status") -> RemoteProtocolError:
    return RemoteProtocolError(message, clause="TCRP-3.4a", field=field, offset=offset)
