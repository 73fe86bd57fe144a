"""Messages of a unit of work, with their size."""

from shared.engine.records import Message

__all__ = ["Outgoing"]


class Outgoing:
    """The messages that go into the outbox with the transaction, in order."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.size = 0
        """Bytes of all messages."""

    def add(self, message: Message) -> None:
        """Append a message."""
        self.messages.append(message)
        self.size += message.size

    def roll_back(self, to: int) -> None:
        """Remove the messages that were added after there were `to` of them."""
        self.size -= sum(message.size for message in self.messages[to:])
        del self.messages[to:]
