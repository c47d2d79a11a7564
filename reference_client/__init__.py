"""The reference client: the class `ChatClient` to build on, and the command `tcrp-client`."""

from reference_client.client import ChatClient, list_rooms
from reference_client.errors import Refused, RoomClosed, Unreachable

__all__ = ["ChatClient", "Refused", "RoomClosed", "Unreachable", "list_rooms"]
