"""Room names and messages that no other probe and no other member uses."""

import random
import string


def random_room() -> str:
    """A new room name of 8 ASCII characters."""
    return "p" + "".join(random.choices(string.ascii_lowercase + string.digits, k=7))


def random_message() -> bytes:
    """A new message of 9 ASCII letters, without vowels, so that it is no word."""
    return "".join(random.choices("bcdfghjkmnpqrstvwxz", k=9)).encode()
