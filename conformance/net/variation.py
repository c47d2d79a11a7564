"""One thing changed in a conversation that failed, to learn what the failure hinges on."""

from typing import NamedTuple


class Variation(NamedTuple):
    """How the bench speaks otherwise than the test says. `cuts`: where every request is cut into segments (none: one
    segment); `pause`: seconds before every connection, every datagram and every further segment; `same_port`: the UDP
    port is that of the TCP connection; `reverse`: members register in the other order; `patience`: times the usual
    waits.
    """

    cuts: tuple[int, ...] | None = None
    pause: float = 0.0
    same_port: bool = False
    reverse: bool = False
    patience: float = 1.0


AS_IS = Variation()
