"""How far a worker is: lag, delay, and when it last made progress."""

from time import monotonic, time

__all__ = ["Progress"]


class Progress:
    """The progress of one partition's worker."""

    def __init__(self) -> None:
        self.log_end = 0
        """The next offset to be written to the log."""
        self.moved_at = monotonic()
        """When it last had its turn or committed a batch. A turn after a failure does not count."""
        self.is_in_line = False
        """Whether the worker waits for its turn to commit."""
        self._began_at = self.moved_at
        self._caught_up_at: float | None = None
        self._handled_ms: int | None = None

    def moved(self) -> None:
        """Note progress."""
        self.moved_at = monotonic()

    def committed(self, timestamp_ms: int) -> None:
        """Note a committed batch, with the timestamp of its last record."""
        self.moved()
        self._handled_ms = timestamp_ms

    def caught_up(self) -> None:
        """Note that no event was left in the log."""
        self._caught_up_at = monotonic()

    def lag(self, position: int | None) -> int:
        """Return the events between `position` and the log's end; 0 if the position is unknown."""
        return 0 if position is None else max(0, self.log_end - position)

    @property
    def delay_s(self) -> float:
        """How long the oldest event has waited, at most, if there is lag.

        It came after the last event that had its effect, and after the worker last had no lag. The
        later of the two counts.
        """
        bounds = []
        if self._handled_ms is not None:
            bounds.append(time() - self._handled_ms / 1000)
        if self._caught_up_at is not None or not bounds:
            bounds.append(monotonic() - (self._caught_up_at or self._began_at))
        return max(0.0, min(bounds))
