"""Chat of the probed server: datagrams in and out."""

import json
import os
import socket
from typing import Any

from tests.probed import datagrams
from tests.probed.options import Options
from tests.probed.rooms import Address, Member, Rooms


class Chat:
    """Serves one UDP socket."""

    def __init__(self, options: Options, rooms: Rooms) -> None:
        self.options = options
        self.rooms = rooms
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))

    def serve(self) -> None:
        while True:
            data, source = self.socket.recvfrom(65536)
            try:
                self.receive(data, source)
            except (ValueError, KeyError, IndexError, TypeError, AttributeError):
                if self.options.dies_of == "datagram":
                    self.socket.close()
                    return

    def receive(self, data: bytes, source: Address) -> None:
        fields = datagrams.read(self.options.up, data, self.rooms.token_size())
        with self.rooms.lock:
            member = self.rooms.find(fields, source)
            if member is not None and self.may_come_from(member, source):
                self.serve_member(member, fields, data, source)

    def may_come_from(self, member: Member, source: Address) -> bool:
        if self.options.source == "ip":
            return bool(source[0] == member.ip)
        return self.options.source != "address" or not member.address or source == member.address

    def serve_member(self, member: Member, fields: dict[str, Any], data: bytes, source: Address) -> None:
        o = self.options
        message, kind = fields["message"], fields.get("type")
        if o.dies_of == "utf8" and b"\xff" in message:
            os._exit(3)
        if o.utf8:
            message.decode()
        if kind is not None and kind not in (o.register_type, o.chat_type, o.leave_type):
            return
        registers = message == o.register.encode() if o.register is not None else kind == o.register_type
        if o.address == "latest" or (o.address == "message" and registers):
            member.address = source
        if o.address == "message" and (registers or member.address is None):
            return
        if not message and o.empty != "relayed" and (kind is None or kind != o.leave_type):
            if o.empty == "ignored" and o.address == "latest" and not member.spoke:
                member.address = None
            return
        member.spoke = True
        if self.leaves(member, message, kind):
            if o.leave_relayed:
                self.relay(member, message, data, fields.get("user", b""))
            self.leave(member)
        else:
            self.relay(member, message, data, fields.get("user", b""))

    def leaves(self, member: Member, message: bytes, kind: Any) -> bool:
        o = self.options
        if not (member.host or o.guests_leave):
            return False
        if kind is not None and o.leave_type is not None:
            return bool(kind == o.leave_type)
        if o.leave is None:
            return False
        text = message.decode(errors="replace")
        return text.strip().lower() == o.leave.lower() if o.folded else text == o.leave

    def leave(self, member: Member) -> None:
        self.tell_others(member, self.options.host_left if member.host else self.options.left)
        self.rooms.remove(member)

    def tell_others(self, about: Member, notice: str | None) -> None:
        """Send all other members of its room a notice about this one, or nothing where `notice` is None."""
        if notice is None:
            return
        text = notice.replace("{user}", about.user).replace("{room}", about.room)
        down = self.options.down
        if down.startswith("json:"):
            keys = json.loads(down[5:])
            data = json.dumps({keys["type"]: "notice", keys["message"]: text}).encode()
        else:
            data = (self.options.mark + text).encode()
        for member in self.rooms.by_name[about.room].members:
            if member.address and member is not about:
                self.socket.sendto(data, member.address)

    def relay(self, speaker: Member, message: bytes, datagram: bytes, named: bytes) -> None:
        o = self.options
        if o.down == "mirrored":
            data = datagram
        elif o.down == "message":
            data = message
        else:
            user = speaker.user.encode() if o.user_key is not None else named
            values = {"user": user, "room": speaker.room.encode(), "message": message}
            data = datagrams.write(o.down, values | {"type": o.down_type})
        for member in self.rooms.by_name[speaker.room].members:
            if member.address and (o.echo or member is not speaker):
                self.socket.sendto(data, member.address)
