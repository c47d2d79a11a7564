"""Layouts of datagrams, built from settings: binary elements with sizes, a text template, or a JSON object.

Each layout reads a datagram into fields by name and writes it from such fields. A field is bytes, except `type`, which
is a byte or a JSON value. Datagrams that fit are sliced by hand, which is many times as fast as construct. If one does
not fit, construct parses it again and finds the reason.
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Protocol, TypeAlias

from construct import (
    Bytes,
    Const,
    ConstError,
    Construct,
    ConstructError,
    GreedyBytes,
    Int8ub,
    Rebuild,
    Struct,
    len_,
    this,
)

from tcrp.dialects.framed_text import read_object, split_template, write_json
from tcrp.errors import LocalProtocolError, RemoteProtocolError
from tcrp.layouts import Until

TypeValue: TypeAlias = int | str | None
Fields: TypeAlias = dict[str, Any]

FIELD_NAMES: Mapping[str, str] = {"room": "room name", "token": "token", "user": "user name", "message": "message"}


class Layout(Protocol):
    """The layout of one kind of datagram."""

    declared: Struct | None
    """The layout as a construct. None for JSON."""

    def read(self, data: bytes) -> Fields:
        """The fields of a datagram. Raises RemoteProtocolError."""

    def write(self, fields: Fields) -> bytes:
        """The datagram with these fields. Fields that the layout does not have are ignored.

        Raises LocalProtocolError for a field that does not fit.
        """


class BinaryLayout:
    """Elements one after another. A size is 1 byte. A token without a size has `token_size` bytes."""

    def __init__(self, elements: tuple[str, ...], token_size: int) -> None:
        self._sized = [name.removesuffix("-size") for name in elements if name.endswith("-size")]
        self.declared = Struct(*(self._element(name, elements, token_size) for name in elements))
        self._names = [name for name in elements if not name.endswith("-size")]
        self._numbers = {name for name in elements if name == "type" or name.endswith("-size")}
        self._element_sizes = [(name, self._size(name, elements, token_size)) for name in elements]

    def _element(self, name: str, elements: tuple[str, ...], token_size: int) -> Construct:
        if name == "type":
            return "type" / Int8ub * "type"
        if name.endswith("-size"):
            sized = name.removesuffix("-size")
            return f"{sized}_size" / Rebuild(Int8ub, len_(this[sized])) * f"size of the {FIELD_NAMES[sized]}"
        if name in self._sized:
            return name / Bytes(this[f"{name}_size"]) * FIELD_NAMES[name]
        if name == "token" and name != elements[-1]:
            return name / Bytes(token_size) * FIELD_NAMES[name]
        return name / GreedyBytes * FIELD_NAMES[name]

    def _size(self, name: str, elements: tuple[str, ...], token_size: int) -> int | str | None:
        """The size of an element: a number of bytes, the name of the element that holds it, or None for the rest."""
        if name in self._numbers:
            return 1
        if name in self._sized:
            return f"{name}-size"
        return token_size if name == "token" and name != elements[-1] else None

    def read(self, data: bytes) -> Fields:
        fields = self._slice(bytes(data)) or self._parse(data)
        return {name: fields[name] for name in self._names}

    def _slice(self, data: bytes) -> Fields | None:
        """The fields, or None if the bytes do not fit."""
        at = 0
        fields: Fields = {}
        for name, size in self._element_sizes:
            end = len(data) if size is None else at + (fields[size] if isinstance(size, str) else size)
            if end > len(data):
                return None
            fields[name] = data[at] if name in self._numbers else data[at:end]
            at = end
        return fields if at == len(data) else None

    def _parse(self, data: bytes) -> Any:
        stream = BytesIO(data)
        fields = _parse(self.declared, stream, len(data))
        if rest := stream.read():
            raise RemoteProtocolError(
                f"{len(rest)} bytes are left over after {len(data) - len(rest)}",
                clause="TCRP-4.2b", field="datagram", offset=len(data) - len(rest),
            )  # fmt: skip
        return fields

    def write(self, fields: Fields) -> bytes:
        for name in self._sized:
            if len(fields[name]) > 255:
                raise _too_long(name, len(fields[name]), 255)
        return _build(self.declared, fields)


class TextLayout:
    """A template with placeholders. The text after a placeholder ends its value; the last value ends with the datagram.

    `ambiguous`: `write` accepts a value that holds the text that ends it. Such a datagram is read differently.
    """

    def __init__(self, template: str, *, ambiguous: bool = False) -> None:
        self._ambiguous = ambiguous
        parts = split_template(template)
        constructs: list[Construct] = []
        for index, part in enumerate(parts):
            if index % 2 == 0:
                constructs += [Const(part.encode())] if part else []
                continue
            after = parts[index + 1].encode()
            constructs.append(part / (Until(after) if after else GreedyBytes) * FIELD_NAMES[part])
        self._names = parts[1::2]
        self._start, *ends = (text.encode() for text in parts[::2])
        self._placeholders = list(zip(self._names, ends, strict=True))
        self.declared = Struct(*constructs)

    def read(self, data: bytes) -> Fields:
        fields = self._slice(bytes(data)) or self._parse(data)
        return {name: fields[name] for name in self._names}

    def _slice(self, data: bytes) -> Fields | None:
        """The fields, or None if the bytes do not fit."""
        if not data.startswith(self._start):
            return None
        at = len(self._start)
        fields: Fields = {}
        for name, after in self._placeholders:
            end = data.find(after, at) if after else len(data)
            if end < 0:
                return None
            fields[name] = data[at:end]
            at = end + len(after)
        return fields if at == len(data) else None

    def _parse(self, data: bytes) -> Any:
        stream = BytesIO(data)
        fields = _parse(self.declared, stream, len(data))
        if stream.read():
            raise RemoteProtocolError("there is more after it", clause="TCRP-4.2b", field="datagram", offset=0)
        return fields

    def write(self, fields: Fields) -> bytes:
        for name, after in self._placeholders:
            if after and after in fields[name] and not self._ambiguous:
                raise LocalProtocolError(
                    f"the {FIELD_NAMES[name]} holds {after.decode()!r}, which ends it here",
                    clause="TCRP-4.6a", field=FIELD_NAMES[name], value=None, limit=f"without {after.decode()!r}",
                )  # fmt: skip
        try:
            return self._start + b"".join([fields[name] + after for name, after in self._placeholders])
        except TypeError:  # something is not bytes
            return _build(self.declared, fields)


class JsonLayout:
    """A JSON object. `keys`: the JSON key of each field, in their order; a field whose key is False is left out."""

    declared: Struct | None = None

    def __init__(self, keys: Mapping[str, str | bool], *, escapes: bool) -> None:
        self._keys = {name: key for name, key in keys.items() if isinstance(key, str)}
        self._escapes = escapes

    def read(self, data: bytes) -> Fields:
        found = read_object(data)
        fields: Fields = {}
        for name, key in self._keys.items():
            value = found.get(key)
            if name == "type":
                fields[name] = value if isinstance(value, int | str) and not isinstance(value, bool) else None
                continue
            if name == "token" and isinstance(value, int) and not isinstance(value, bool):
                value = str(value)
            if not isinstance(value, str):
                raise RemoteProtocolError(
                    f"{key} is not there, or not a text", clause="TCRP-4.2b", field=FIELD_NAMES[name], offset=0
                )
            fields[name] = value.encode()
        return fields

    def write(self, fields: Fields) -> bytes:
        found: dict[str, object] = {}
        for name, key in self._keys.items():
            value = fields[name]
            if isinstance(value, bytes):
                try:
                    value = value.decode()
                except UnicodeDecodeError:
                    raise LocalProtocolError(
                        f"the {FIELD_NAMES[name]} is not UTF-8, and JSON holds nothing else",
                        clause="TCRP-4.6b", field=FIELD_NAMES[name], limit="UTF-8",
                    ) from None  # fmt: skip
            if value is not None:
                found[key] = value
        return write_json(found, escapes=self._escapes)


def _parse(layout: Construct, stream: BytesIO, size: int) -> Any:
    try:
        return layout.parse_stream(stream)
    except ConstructError as error:
        name = (error.path or "").rpartition(" -> ")[2].removesuffix("_size")
        field = FIELD_NAMES.get(name, "datagram")
        # the reason would show the bytes that do not fit, which may be part of a token
        reason = "" if isinstance(error, ConstError) else f": {str(error).splitlines()[-1]}"
        raise RemoteProtocolError(
            f"the {field} is not there as it is due{reason}",
            clause="TCRP-4.2b", field=field, offset=min(stream.tell(), size),
        ) from None  # fmt: skip


def _build(layout: Construct, fields: Fields) -> bytes:
    try:
        return bytes(layout.build(fields))
    except ConstructError as error:
        field = (error.path or "").rpartition(" -> ")[2] or "datagram"
        raise LocalProtocolError(
            f"the {FIELD_NAMES.get(field, field)} cannot be written: {str(error).splitlines()[-1]}",
            clause="TCRP-4.1", field=FIELD_NAMES.get(field, field),
        ) from None  # fmt: skip


def _too_long(name: str, size: int, limit: int) -> LocalProtocolError:
    return LocalProtocolError(
        f"the {FIELD_NAMES[name]} has {size} bytes: at most {limit}",
        clause="TCRP-4.1", field=FIELD_NAMES[name], value=size, limit=limit,
    )  # fmt: skip
