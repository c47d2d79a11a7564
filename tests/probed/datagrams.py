"""How the probed server reads and writes datagrams, in the layouts that `Options.up` and `Options.down` name."""

import json
from collections.abc import Mapping
from typing import Any


def read(layout: str, data: bytes, token_size: int) -> dict[str, Any]:
    """The fields of a datagram, in bytes but for `type`. `token_size` counts where the layout has no size for it.

    Raises ValueError, KeyError, IndexError, TypeError or AttributeError for what cannot be read.
    """
    if layout.startswith("hidden:"):
        return read(layout[7:], bytes(byte ^ 0x5A for byte in data), token_size)
    if layout.startswith("json:"):
        value, keys = json.loads(data), json.loads(layout[5:])
        return {name: value[key] if name == "type" else value[key].encode() for name, key in keys.items()}
    if layout.startswith("text:"):
        names = layout[5:].replace("}", "{").split("{")[1::2]
        separator = layout[5:].partition("}")[2].partition("{")[0].encode()
        return dict(zip(names, data.split(separator, len(names) - 1), strict=True))
    sizes: dict[str, int] = {}
    fields: dict[str, Any] = {}
    for element in layout.split():
        if element == "type" or element.endswith("-size"):
            number, data = data[0], data[1:]
            fields |= {"type": number} if element == "type" else {}
            sizes[element.removesuffix("-size")] = number
        else:
            size = sizes.get(element, token_size if element == "token" else len(data))
            if len(data) < size:
                raise ValueError(element)
            fields[element], data = data[:size], data[size:]
    return fields


def write(layout: str, values: Mapping[str, Any]) -> bytes:
    """A datagram of `user`, `room` and `message` in bytes, and of `type`."""
    if layout.startswith("hidden:"):
        return bytes(byte ^ 0x5A for byte in write(layout[7:], values))
    if layout.startswith("json:"):
        texts = {name: one.decode() if isinstance(one, bytes) else one for name, one in values.items()}
        return json.dumps({key: texts[name] for name, key in json.loads(layout[5:]).items()}).encode()
    if layout.startswith("text:"):
        data = layout[5:].encode()
        for name in ("user", "room", "message"):
            data = data.replace(b"{%s}" % name.encode(), values[name])
        return data
    parts = []
    for element in layout.split():
        size = element.endswith("-size")
        value = values[element.removesuffix("-size")]
        parts.append(bytes([len(value) if size else value]) if size or element == "type" else value)
    return b"".join(parts)
