"""Everything that a probe says to a server goes through here."""

from conformance.net.target import Target
from conformance.probe.wire.server import ProbedServer
from conformance.probe.wire.tcp import TcpWire, Tell
from conformance.probe.wire.timing import Timing
from conformance.probe.wire.udp import UdpWire


class Wire:
    """The sockets of one probe.

    `server`: the server and its life; `timing`: how long to wait; `tcp`: requests; `udp`: datagrams; `tell`: is called
    with what is asked next, in words. `seconds`: how long questions may be asked.
    """

    def __init__(self, target: Target, seconds: float, tell: Tell = lambda text: None) -> None:
        self.tell = tell
        self.server = ProbedServer(target)
        self.timing = Timing(seconds)
        self.tcp = TcpWire(self.server, self.timing, tell)
        self.udp = UdpWire(self.server, self.timing)

    def close(self) -> None:
        """Close every socket."""
        self.udp.close()
