"""Breaks text into rows of a screen, by the cells that its characters take there."""

from collections.abc import Iterator
from typing import Final, NamedTuple
from unicodedata import category

from rich.cells import cell_len

_JOINER: Final = "\u200d"
_EMOJI_STYLE: Final = "\ufe0f"
_FIRST_MARK: Final = "\u0300"
"""The first character that may be shown in the place of the one before it. Those before it have one cell."""


class _Cluster(NamedTuple):
    """Characters that are shown in one place, `text[start:end]`. `cells`: the most that a terminal gives them."""

    start: int
    end: int
    cells: int


def wrap(text: str, first: int, others: int) -> list[tuple[int, int]]:
    """Where the rows of the text begin and end.

    `first`, `others`: cells of the first row and of the others, at least 1. A row ends after a space or beside a wide
    character, or within a word that no row holds. Together the rows hold all of the text, but for a space for which a
    row has no room.
    """
    if text.isascii() and len(text) <= first:
        return [(0, len(text))]
    rows: list[tuple[int, int]] = []
    width, used, start, may_break = first, 0, 0, 0
    for cluster in _clusters(text, min(first, others)):
        space, wide = text[cluster.start : cluster.end] == " ", cluster.cells > 1
        if wide:
            may_break = cluster.start
        if used + cluster.cells > width and cluster.start > start:
            end = may_break if start < may_break and not space else cluster.start
            if end == may_break and _begins_long_word(text, end, others):
                end = cluster.start  # a row of its own would not hold it either
            rows.append((start, end))
            start = cluster.end if space else end
            used = 0 if space else cells(text[start : cluster.start])
            width = others
            if space:
                may_break = start
                continue
        used += cluster.cells
        if space or wide:
            may_break = cluster.end
    if start < len(text) or not rows:
        rows.append((start, len(text)))
    return rows


def _begins_long_word(text: str, start: int, width: int) -> bool:
    """Whether the word at `start` has more than `width` cells."""
    return cells(text[start : start + width + 1].partition(" ")[0]) > width


def cells(text: str) -> int:
    """The most cells that a terminal gives the text: not every terminal shows joined emoji as one."""
    return sum(cluster.cells for cluster in _clusters(text, len(text) * 2))


def _clusters(text: str, most: int) -> Iterator[_Cluster]:
    """The clusters of the text. One that has more than `most` cells comes as its characters."""
    start = 0
    for end in range(1, len(text) + 1):
        if end < len(text) and _belong_together(text, start, end):
            continue
        whole = _Cluster(start, end, _cells_of(text[start:end]))
        if whole.cells <= most:
            yield whole
        else:
            yield from (_Cluster(at, at + 1, _cells_alone(text[at])) for at in range(start, end))
        start = end


def _belong_together(text: str, start: int, at: int) -> bool:
    """Whether the character at `at` is shown in the place of those from `start` on."""
    character, before = text[at], text[at - 1]
    if character < _FIRST_MARK:
        return before == _JOINER
    if _is_flag_letter(character) and _is_flag_letter(before):
        return (at - start) % 2 == 1
    return _is_skin_tone(character) or before == _JOINER or character == _JOINER or category(character).startswith("M")


def _is_skin_tone(character: str) -> bool:
    return "\U0001f3fb" <= character <= "\U0001f3ff"


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _cells_of(cluster: str) -> int:
    if len(cluster) == 1:
        return _cells_alone(cluster)
    styled = 2 if _EMOJI_STYLE in cluster else 0
    return max(cell_len(cluster), sum(map(_cells_alone, cluster)), styled)


def _cells_alone(character: str) -> int:
    if character < _FIRST_MARK:
        return 1
    return 2 if _is_skin_tone(character) else cell_len(character)
