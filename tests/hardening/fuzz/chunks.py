"""Takes the bytes of the fuzzer apart, so that every input means something."""


class Chunks:
    """Reads numbers and pieces from the front. Where nothing is left a number is 0 and a piece is empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, below: int) -> int:
        """A number from 0 to `below` - 1. It takes one byte."""
        byte = self._data[self._at : self._at + 1]
        self._at += 1
        return byte[0] % below if byte else 0

    def piece(self) -> bytes:
        """Bytes after their size, which takes two bytes."""
        size = int.from_bytes(self._data[self._at : self._at + 2], "big")
        piece = self._data[self._at + 2 : self._at + 2 + size]
        self._at += 2 + size
        return piece

    def rest(self) -> bytes:
        """All that is left."""
        rest = self._data[self._at :]
        self._at = len(self._data)
        return rest

    def left(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._data)


def piece(data: bytes) -> bytes:
    """What `Chunks.piece` reads as these bytes."""
    return len(data).to_bytes(2, "big") + data
