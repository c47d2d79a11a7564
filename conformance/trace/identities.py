"""What identifies the people and rooms of a run: names, passwords and tokens."""

from tcrp import Create, Join, Want


class Identities:
    """Everything of that kind that a request of the run has held, or that the server has answered with."""

    def __init__(self) -> None:
        self.rooms: set[str] = set()
        self.users: set[str] = set()
        self.passwords: set[str] = set()
        self.tokens: set[bytes] = set()

    def note(self, want: Want) -> None:
        """Take note of a request."""
        if isinstance(want, Create | Join):
            self.rooms.add(want.room)
            self.users.add(want.user)
            if want.password:
                self.passwords.add(want.password)
