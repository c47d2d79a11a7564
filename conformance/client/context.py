"""What all parts of a bench share: the server, its dialect, how long to wait, and the recording."""

import contextlib
import socket
from collections.abc import Iterator

from conformance.client.drawing import Drawing
from conformance.dialect.traits import Traits
from conformance.impair.proxy import Proxy
from conformance.net.addresses import family_of, socket_address, zoned
from conformance.net.pacing import Waits
from conformance.net.path import CLEAN
from conformance.net.target import ImpairedTarget, Target
from conformance.net.variation import AS_IS, Variation
from conformance.outcome.findings import unsupported
from conformance.trace.identities import Identities
from conformance.trace.recording import Recorder
from tcrp import Address, Dialect

SECOND_ADDRESS = "127.0.0.2"


class Context:
    """Shared by the parts of one bench. `idle_timeout`: the server's idle time in seconds, None if nobody said it."""

    def __init__(
        self, target: Target, dialect: Dialect, waits: Waits, idle_timeout: float | None, drawing: Drawing
    ) -> None:
        self.target = target
        self.dialect = dialect
        self.traits = Traits(dialect)
        self.waits = waits
        self.idle_timeout = idle_timeout
        self.recorder = Recorder()
        self.variation = AS_IS
        self.identities = Identities()
        self.drawing = drawing
        self.path = CLEAN
        """What is known of the path to the server."""
        self.addresses_kept = True
        """Whether the server is known to see each client's own address."""
        self.path_seconds = 0.0
        """Seconds spent so far on holding again what the path may have broken."""
        self.chat_works = True
        """Whether members that have registered hear each other."""
        self.raw_names = False
        """This server takes the whole payload of a request for the user name (TCRP-3.2a): it is sent just that."""
        self.registers_by_chat = False
        """Only a message that is not empty makes a member's address known to this server."""

    def speak(self, dialect: Dialect) -> None:
        """Use another dialect from here on."""
        self.dialect = dialect
        self.traits = Traits(dialect, self.traits.host)
        self.registers_by_chat = False

    def find_local_host(self) -> None:
        """The server runs: requests that declare an address declare this machine's address towards it."""
        self.traits = Traits(self.dialect, self.local_host)

    @contextlib.contextmanager
    def varied(self, variation: Variation) -> Iterator[None]:
        """Change one thing in what is sent meanwhile."""
        outer, factor = self.variation, self.waits.factor
        self.variation, self.waits.factor = variation, factor * variation.patience
        try:
            yield
        finally:
            self.variation, self.waits.factor = outer, factor

    @property
    def family(self) -> socket.AddressFamily:
        """The address family of the server's host."""
        return family_of(self.target.endpoint.host)

    @property
    def proxy(self) -> Proxy | None:
        """The proxy through which clients go (`--impair`), if there is one."""
        return self.target.proxy if isinstance(self.target, ImpairedTarget) else None

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine, as far as its address tells."""
        return self.target.server.host.startswith(("127.", "::1"))

    @property
    def udp_address(self) -> Address:
        """Where the server takes datagrams. Without UDP the clause is unsupported."""
        if self.target.endpoint.udp is None:
            unsupported("the endpoint has no UDP")
        return (self.target.endpoint.host, self.target.endpoint.udp)

    @property
    def tcp_address(self) -> Address:
        """Where the server takes requests. Without TCP the clause is unsupported."""
        if self.target.endpoint.tcp is None:
            unsupported("the endpoint has no TCP")
        return (self.target.endpoint.host, self.target.endpoint.tcp)

    @property
    def local_host(self) -> str:
        """The address of this machine from which datagrams go to the server."""
        with socket.socket(self.family, socket.SOCK_DGRAM) as asking:
            asked = self.tcp_address if self.target.endpoint.udp is None else self.udp_address
            asking.connect(socket_address(*asked))
            return zoned(str(asking.getsockname()[0]), self.target.endpoint.host)

    def second_address(self) -> str:
        """Another address of this machine towards the server. Without one the clause is unsupported."""
        host = self.target.endpoint.host
        if not host.startswith("127."):
            unsupported(f"needs a second source address towards {host}: only 127.0.0.0/8 has one")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
            try:
                tried.bind((SECOND_ADDRESS, 0))
            except OSError as error:
                unsupported(f"needs the source address {SECOND_ADDRESS}, which this machine lacks: {error.strerror}")
        return SECOND_ADDRESS
