"""Who has been silent for how long. All are allowed the same time, so those who spoke last stand last."""

from collections import OrderedDict

from relay.rooms import Member


class IdleQueue:
    """Members in the order of their last activity. Every call costs the same however many there are."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._active: OrderedDict[Member, float] = OrderedDict()

    def touch(self, member: Member, now: float) -> None:
        """The member is active now."""
        if self._seconds is not None:
            self._active[member] = now
            self._active.move_to_end(member)

    def discard(self, member: Member) -> None:
        self._active.pop(member, None)

    def next_deadline(self) -> float | None:
        """When the first member is due, unless it is heard before; None: nobody ever will be."""
        if self._seconds is None or not self._active:
            return None
        return next(iter(self._active.values())) + self._seconds

    def pop_due(self, now: float) -> Member | None:
        """The one who is silent longest, if its time is over; it is no longer in the queue."""
        deadline = self.next_deadline()
        if deadline is None or deadline > now:
            return None
        return self._active.popitem(last=False)[0]
