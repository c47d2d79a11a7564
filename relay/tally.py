"""`Tally`: how many there are of each."""

from collections import Counter
from typing import TypeVar

K = TypeVar("K")


class Tally(Counter[K]):
    """A Counter that forgets a key whose count is 0, so that its memory follows what there is."""

    def add(self, key: K, change: int) -> None:
        """Count so many more, or fewer."""
        count = self[key] + change
        if count:
            self[key] = count
        else:
            self.pop(key, None)
