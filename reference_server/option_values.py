"""What an option of the command may be, with a message of one line for what it may not be."""

import argparse
import math
from collections.abc import Callable


def seconds(text: str) -> float:
    """Seconds above 0."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: seconds above 0, decimals allowed")
    return found


def number(least: int, most: int | None, *, or_zero: bool = False) -> Callable[[str], int]:
    """A reader of whole numbers in this range. `most`: None is no end. `or_zero`: 0 is allowed too."""
    wanted = f"a whole number from {least} to {most}" if most else f"a whole number, at least {least}"
    wanted += " or 0" if or_zero else ""

    def read(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1
        if not (or_zero and value == 0) and (value < least or (most is not None and value > most)):
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return value

    return read
