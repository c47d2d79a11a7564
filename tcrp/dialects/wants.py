"""Requests that a dialect cannot say."""

from tcrp.dialects.base import Capabilities
from tcrp.errors import LocalProtocolError
from tcrp.messages import Create, Join, Want


def check_no_list(name: str, want: Want) -> Create | Join:
    """The request, in a dialect of this name that cannot list rooms. Raises LocalProtocolError (TCRP-3.1a)."""
    if not isinstance(want, Create | Join):
        raise LocalProtocolError(f"dialect {name} cannot list rooms", clause="TCRP-3.1a", field="Operation")
    return want


def check_extras(name: str, can: Capabilities, want: Create | Join) -> None:
    """Raises LocalProtocolError for a capacity or an invitation in a dialect of this name that has none (TCRP-3.2a)."""
    for field, value in (
        ("capacity", want.capacity if isinstance(want, Create) and not can.capacity else None),
        ("invite", want.invite if isinstance(want, Join) and not can.invites else None),
    ):
        if value is not None:
            raise no_field(name, field)


def no_field(name: str, field: str) -> LocalProtocolError:
    """The error for a request that holds what a dialect of this name has no place for."""
    return LocalProtocolError(f"dialect {name} has no {field}", clause="TCRP-3.2a", field=field)
