"""What the questions on UDP hold in their hands."""

from conformance.probe.questions.chat.rooms import ProbedRooms
from conformance.probe.questions.chat.talk import ChatFacts, Talk
from conformance.probe.questions.requests.asking import Requester


class ProbedChat:
    """Chat with the server.

    `facts`: what is known of it; `talk`: what members say and hear; `rooms`: making members; `requester`: asking on
    TCP; `wire`: the sockets; `notes`: what has been learnt.
    """

    def __init__(self, requester: Requester) -> None:
        self.requester = requester
        self.wire = requester.wire
        self.notes = requester.notes
        self.facts = ChatFacts()
        self.talk = Talk(self.wire, self.facts)
        self.rooms = ProbedRooms(requester, self.talk)
