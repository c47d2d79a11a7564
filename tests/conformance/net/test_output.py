"""What a process prints: line by line, in bounded memory, and without waiting for its end."""

import os
from collections.abc import Callable, Iterator

import pytest

from conformance.net.output import KEPT_LINES, LINE_BYTES, Output


class Printing:
    """An Output, and the end of the pipe into which its process prints."""

    def __init__(self, takes: Callable[[str], bool] = lambda line: False) -> None:
        read, self.write = os.pipe()
        self.output = Output([read], takes)

    def says(self, data: bytes) -> list[str]:
        """Print this. Returns the lines once they have been read."""
        while data:
            data = data[os.write(self.write, data) :]
        self.output.catch_up()
        return self.output.last(KEPT_LINES)


@pytest.fixture
def printing() -> Iterator[Printing]:
    made = Printing()
    yield made
    made.output.close()
    os.close(made.write)


def test_lines_are_cut_at_line_feeds_and_the_last_need_not_be_whole(printing: Printing) -> None:
    assert printing.says(b"one\ntw") == ["one", "tw"]
    assert printing.says(b"o\nth\xff\n") == ["one", "two", "th\ufffd"]
    printing.output.clear()
    assert printing.says(b"") == []
    assert printing.says(b"four") == ["four"]


def test_what_was_begun_before_is_forgotten_too(printing: Printing) -> None:
    assert printing.says(b"noise of ") == ["noise of "]
    printing.output.clear()
    assert printing.says(b"before\nnow\n") == ["before", "now"]


@pytest.mark.parametrize("size", [LINE_BYTES, LINE_BYTES + 1, 50 << 20])
def test_a_line_without_end_is_cut(printing: Printing, size: int) -> None:
    for _ in range(size // 65536):
        os.write(printing.write, b"x" * 65536)
    (line,) = printing.says(b"x" * (size % 65536))
    cut = f"… ({size:,} bytes in one line)" if size > LINE_BYTES else ""
    assert line == "x" * LINE_BYTES + cut
    assert printing.says(b"\nnext\n") == [line, "next"]


def test_of_many_lines_the_last_are_kept(printing: Printing) -> None:
    printing.says(b"\n" * 200_000)
    lines = printing.says(b"".join(b"%d\n" % number for number in range(10_000)))
    assert lines == [str(number) for number in range(10_000 - KEPT_LINES, 10_000)]


def test_a_line_may_be_taken_away() -> None:
    printing = Printing(lambda line: line.startswith("ready "))
    assert printing.says(b"before\nready tcp=1\nafter\n") == ["before", "after"]
    printing.output.close()
    os.close(printing.write)


def test_it_is_closed_though_somebody_may_still_print(printing: Printing) -> None:
    printing.says(b"last words")
    printing.output.close()
    printing.output.close()
    assert printing.output.last(1) == ["last words"]
    with pytest.raises(BrokenPipeError):
        os.write(printing.write, b"nobody reads this")
