"""What is under test: an address somewhere, or a process that the suite starts, watches and ends."""

from conformance.impair.impairment import Impairment
from conformance.net.addresses import Unreachable
from conformance.net.impaired import ImpairedTarget
from conformance.net.naming import check_host
from conformance.net.process import ProcessTarget
from conformance.net.remote import AddressTarget
from conformance.net.tls import Tls
from tcrp.dialects import Ports
from tcrp.endpoint import parse_endpoint

__all__ = ["AddressTarget", "ImpairedTarget", "ProcessTarget", "Target", "Unreachable", "target_of"]

MOST_SECONDS = 1e6
"""Upper bound of any duration option, in seconds."""

Target = AddressTarget | ProcessTarget | ImpairedTarget


def target_of(
    address: str | None, command: str | None, defaults: Ports, ready_timeout: float, tls: Tls | None = None,
    impairment: Impairment | None = None,
) -> Target:  # fmt: skip
    """What `-t`, `--exec`, `--ready-timeout` and `--impair` say. `defaults`: the dialect's usual ports. ValueError for
    what cannot be followed, Unreachable for a host without an address.
    """
    if not 0 < ready_timeout < MOST_SECONDS:
        raise ValueError(f"--ready-timeout is {ready_timeout:g}: seconds, more than 0")
    given = None if address is None else parse_endpoint(address, defaults)
    if given is not None:
        check_host(given)
    found: AddressTarget | ProcessTarget
    if command is not None:
        found = ProcessTarget(command, given, defaults, ready_timeout, tls)
    elif given is None:
        raise ValueError("no server is named: give -t HOST[:TCP[:UDP]] or --exec 'CMD'")
    else:
        found = AddressTarget(given, tls)
    return found if impairment is None else ImpairedTarget(found, impairment)
