"""The payloads of replies in a dialect that a file describes: a status as a value or in words, and the token."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from tcrp.constants import Status
from tcrp.dialects.framed_text import fill_template, match_template, read_json, read_object, write_json
from tcrp.dialects.settings import Scalar, Settings
from tcrp.errors import RemoteProtocolError
from tcrp.events import NO_STATUS

MAX_REPLY_TOKEN_SIZE: Final = 1024
"""The greatest size of a token that a client accepts from a reply. It may be more than a datagram can hold."""

_REFUSAL_STATUSES: Final[tuple[Status, ...]] = tuple(status for status in Status if status is not Status.OK)
_CREATE_REFUSALS: Final[tuple[Status, ...]] = (
    Status.ROOM_EXISTS, Status.MALFORMED, Status.SERVER_ERROR, Status.LIMIT_REACHED,
)  # fmt: skip
_JOIN_REFUSALS: Final[tuple[Status, ...]] = (
    Status.ROOM_NOT_FOUND, Status.WRONG_PASSWORD, Status.MALFORMED, Status.SERVER_ERROR, Status.LIMIT_REACHED,
)  # fmt: skip


class Success(NamedTuple):
    """The reply accepts the request. `token`: the token, or None if the reply does not hold it."""

    token: bytes | None


class Refusal(NamedTuple):
    """The reply refuses the request. `status`: a `Status` or another number. `text`: the server's words."""

    status: int
    text: str = ""


ReplyOutcome: TypeAlias = Success | Refusal


class ReplyCodec:
    """The codec of reply payloads with these settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._status, self._words, self._token = settings.status, settings.words, settings.token

    # --------------------------------------------------------------------------------------------- writing

    def status_value(self, status: Status) -> Scalar:
        """The value that stands for this status."""
        if status is Status.OK:
            return self._status.ok
        own = getattr(self._status, status.name.lower())
        if own is None:
            own = self._status.refused
        return int(status) if own is None else own

    def write_acknowledgement(self, room: str) -> bytes:
        """The payload of an acknowledgement that accepts the request. `room`: of the request, for the words."""
        return self._status_payload(Status.OK, fill_template(self._words.ok, room=room), room)

    def write_refusal(self, status: Status, room: str, user: str) -> bytes:
        """The payload of a refusal. `room`, `user`: of the request, for the words."""
        words = fill_template(getattr(self._words, status.name.lower()), room=room, user=user)
        if self._settings.reply.refusal == "text":
            return words.encode()
        if self._words.error_key:
            return self._json({self._words.error_key: words})
        return self._status_payload(status, words, room, user)

    def write_token(self, token: bytes | None, room: str) -> bytes:
        """The payload with the token. None: a reply that accepts the request, with null as its token. `room`: of the
        request, for the words.
        """
        if self._token.form == "raw":
            return token or b""
        fields: dict[str, Any] = {}
        if self._status.form == "json" and self._status.key:
            fields[self._status.key] = _filled(self._token_ok, room)
        if self._words.key:
            fields[self._words.key] = fill_template(self._words.ok, room=room)
        return self._json(fields | {self._token.key: None if token is None else token.decode("latin-1")})

    @property
    def _token_ok(self) -> Scalar:
        return self._status.ok if self._status.token_ok is None else self._status.token_ok

    def _status_payload(self, status: Status, words: str, room: str = "", user: str = "") -> bytes:
        value = _filled(self.status_value(status), room, user)
        match self._status.form:
            case "byte":
                return bytes([int(value)])
            case "text":
                return str(value).encode()
            case "json" if not self._status.key:
                return self._json(value)
            case "json":
                return self._json({self._status.key: value} | ({self._words.key: words} if self._words.key else {}))
        return self._json({self._words.key: words}) if self._words.key else b""

    def _json(self, value: object) -> bytes:
        return write_json(value, escapes=self._settings.json.escapes)

    # --------------------------------------------------------------------------------------------- reading

    def read_acknowledgement(self, payload: bytes, creating: bool) -> ReplyOutcome:
        """Read the first of two replies. `creating`: the request was a create. Raises RemoteProtocolError."""
        if self._settings.reply.refusal == "text":
            ok = self.write_acknowledgement("{room}").decode(errors="replace")  # as a template
            is_ok = match_template(ok, payload.decode(errors="replace")) is not None
            return Success(None) if is_ok else self._read_words(payload, creating)
        match self._status.form:
            case "byte":
                if len(payload) != 1:
                    raise _unreadable(f"the status has {len(payload)} bytes: it is 1", len(payload))
                return self._outcome_of(payload[0], "", creating)
            case "json" if not self._status.key:
                return self._outcome_of(read_json(payload), "", creating)
            case "json":
                return self._read_object(read_object(payload), self._status.ok, creating)
            case "text":
                return self._read_text(payload, creating)
        if self._words.error_key or self._words.key:
            return self._read_object(read_object(payload), self._status.ok, creating)
        return Success(None)

    def read_token(self, payload: bytes, creating: bool) -> ReplyOutcome:
        """Read the reply with the token, or a refusal in its place. Raises RemoteProtocolError."""
        if self._token.form == "json" and payload[:1] == b"{":
            return self._read_token_object(payload, creating)
        if (outcome := self._read_refusal(payload, creating)) is not None:
            return outcome
        if self._token.form == "json":
            return self._read_token_object(payload, creating)
        return Success(_checked_token(payload))

    def _outcome_of(self, value: object, text: str, creating: bool) -> ReplyOutcome:
        """The meaning of a status value in the reply to a create or a join."""
        if _same_value(value, self._status.ok):
            return Success(None)
        return Refusal(self._status_of_value(value, text, creating), text)

    def read_refusal(self, payload: bytes, state: int, creating: bool) -> Refusal:
        """Read a frame that is known to be a refusal because of its State. Any payload is accepted."""
        try:
            outcome = (
                self._outcome_of(state, _readable(payload), creating)
                if self._status.form == "state"
                else self._read_refusal(payload, creating)
            )
        except RemoteProtocolError:
            outcome = None
        return outcome if isinstance(outcome, Refusal) else Refusal(NO_STATUS, _readable(payload))

    def _is_token(self, payload: bytes) -> bool:
        """Whether the bytes have the form of a token."""
        if len(payload) != self._token.size:
            return False
        match self._token.alphabet:
            case "bytes":
                return not _is_printable(payload)
            case "decimal":
                return payload.isdigit()
        return all(byte in _TOKEN_CHARACTERS for byte in payload)

    def may_be_words(self, payload: bytes) -> bool:
        """Whether the bytes are, or begin, words and not a token."""
        return _is_printable(payload) and not all(byte in _TOKEN_CHARACTERS for byte in payload)

    def _read_refusal(self, payload: bytes, creating: bool) -> Refusal | None:
        """A refusal in the place of a token, or None if the payload is not one."""
        if self._settings.reply.refusal == "text":
            if self._token.form == "raw" and self._is_token(payload):
                return None
            return self._read_words(payload, creating)
        outcome: ReplyOutcome | None = None
        match self._status.form:
            case "byte" if len(payload) == 1 and self._token.size != 1:
                outcome = self._outcome_of(payload[0], "", creating)
            case "json" if not self._status.key:
                outcome = self._read_bare_refusal(payload, creating)
            case "json" | "none" if payload[:1] == b"{":
                outcome = self._read_object(read_object(payload), self._token_ok, creating)
            case "text":
                outcome = self._read_text(payload, creating)
                if isinstance(outcome, Refusal) and outcome.status == NO_STATUS and not self.may_be_words(payload):
                    outcome = None
        return outcome if isinstance(outcome, Refusal) else None

    def _read_bare_refusal(self, payload: bytes, creating: bool) -> Refusal | None:
        """A refusal that is a JSON value without a key, or None. Other payloads may be a token."""
        try:
            value = read_json(payload)
        except RemoteProtocolError:
            return None
        known = any(_same_value(value, self.status_value(status)) for status in _REFUSAL_STATUSES)
        return Refusal(self._status_of_value(value, "", creating)) if known else None

    def _read_words(self, payload: bytes, creating: bool) -> Refusal:
        text = _readable(payload)
        return Refusal(self._status_of_words(text, creating), text)

    def _read_text(self, payload: bytes, creating: bool) -> ReplyOutcome:
        text = _readable(payload)
        return self._outcome_of(text, text, creating)

    def _read_token_object(self, payload: bytes, creating: bool) -> ReplyOutcome:
        fields = read_object(payload)
        # some servers send the status in the acknowledgement only
        optional = self._settings.reply.steps == 2 and self._token.key in fields
        outcome = self._read_object(fields, self._token_ok, creating, status_optional=optional)
        if isinstance(outcome, Refusal):
            return outcome
        if self._token.key not in fields:
            raise _unreadable(f"the reply has no {self._token.key}", 0, field="token")
        token = fields[self._token.key]
        if token is None:
            return Refusal(Status.LIMIT_REACHED, self._words_in(fields))
        if isinstance(token, int) and not isinstance(token, bool):
            token = str(token)
        if not isinstance(token, str):
            raise _unreadable("the token is neither a text nor a number", 0, field="token")
        return Success(_checked_token(token.encode()))

    def _read_object(
        self, fields: Mapping[str, Any], ok: Scalar, creating: bool, *, status_optional: bool = False
    ) -> ReplyOutcome:
        """`status_optional`: an object without the status accepts the request."""
        if self._words.error_key and fields.get(self._words.error_key):
            text = fields[self._words.error_key]
            text = text if isinstance(text, str) else str(text)
            return Refusal(self._status_of_words(text, creating), text)
        text = self._words_in(fields)
        if self._status.form != "json" or not self._status.key:
            refused = self._words.key and text and match_template(self._words.ok, text) is None
            return Refusal(self._status_of_words(text, creating), text) if refused else Success(None)
        if self._status.key not in fields:
            if status_optional:
                return Success(None)
            raise _unreadable(f"the reply has no {self._status.key}", 0)
        value = fields[self._status.key]
        return Success(None) if _same_value(value, ok) else Refusal(self._status_of_value(value, text, creating), text)

    def _words_in(self, fields: Mapping[str, Any]) -> str:
        text = fields.get(self._words.key, "") if self._words.key else ""
        return text if isinstance(text, str) else ""

    def _status_of_value(self, value: object, text: str, creating: bool) -> int:
        """The status that a value stands for. If it stands for several, the words decide, or else it is the first."""
        found = [status for status in _likely_first(creating) if _same_value(value, self.status_value(status))]
        if found:
            return next((status for status in found if self._has_words(status, text)), found[0])
        # a value that nobody has described is no status: its number may be that of another one
        unknown = isinstance(value, int) and not isinstance(value, bool) and value not in Status.__members__.values()
        return int(value) if isinstance(value, int) and unknown else NO_STATUS

    def _status_of_words(self, text: str, creating: bool) -> int:
        return next((status for status in _likely_first(creating) if self._has_words(status, text)), NO_STATUS)

    def _has_words(self, status: Status, text: str) -> bool:
        return match_template(getattr(self._words, status.name.lower()), text) is not None


_TOKEN_CHARACTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=.:")


def _likely_first(creating: bool) -> tuple[Status, ...]:
    """All refusals, those that a create or a join can have before the others."""
    return (*(_CREATE_REFUSALS if creating else _JOIN_REFUSALS), *_REFUSAL_STATUSES)


def _filled(value: Scalar, room: str, user: str = "") -> Scalar:
    return fill_template(value, room=room, user=user) if isinstance(value, str) else value


def _same_value(value: object, other: object) -> bool:
    """Whether a value that came is the one of the settings. A text of the settings may be a template."""
    if isinstance(value, str) and isinstance(other, str):
        return match_template(other, value) is not None
    return type(value) is type(other) and value == other


def _checked_token(token: bytes) -> bytes:
    if not 1 <= len(token) <= MAX_REPLY_TOKEN_SIZE:
        raise RemoteProtocolError(
            f"the token has {len(token)} bytes: 1 to {MAX_REPLY_TOKEN_SIZE}",
            clause="TCRP-3.8c", field="token", offset=0, value=len(token), limit=MAX_REPLY_TOKEN_SIZE,
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


def _readable(payload: bytes) -> str:
    return payload[:1000].decode(errors="backslashreplace")


def _unreadable(message: str, offset: int, field: str = "status") -> RemoteProtocolError:
    return RemoteProtocolError(message, clause="TCRP-3.4a", field=field, offset=offset)
