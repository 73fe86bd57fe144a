"""The protocol as switches: the defaults are what the code does, a variant turns one or two off."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["FULL", "Rules"]

Order = Literal["server stamp", "process clock", "sorted in batch", "predecessor first"]


@dataclass(frozen=True)
class Rules:
    """What the code keeps; the comments name the place."""

    # Store.write, Store.act: a worker or a staff action commits facts
    version_guard: bool = True
    """A document, and the count in it, is written only at the version that was loaded."""
    action_key: bool = True
    """A staff action stores its own key with its outcome and looks for it before every try."""
    outbox_in_transaction: bool = True
    size_checked_at_emit: bool = True
    """`Message` refuses, before the commit, what the topic would refuse."""

    # Relay
    outbox_order: Order = "server stamp"
    snapshot_read: bool = True
    majority_read: bool = True
    delete_after_ack: bool = True
    delete_by_id: bool = True
    ordered_sends: bool = True
    """Within a partition nothing lands after a failed send of the same producer."""
    acks_all: bool = True
    lease: bool = True

    # Rollbacks
    compares: bool = True
    """A restored store is compared with its own topics before anything is decided."""
    waits_until_read: bool = True
    """Nobody goes on above lost facts before what came since is read again."""
    knows_what_was_published: bool = True
    """A fact equal to one that only the topic knows is counted, and not published again."""

    # Worker, watermarks
    watermark: Literal["equal", "at most", "none"] = "equal"
    """`move`: the batch begins at the watermark ("at most": `<=` its first record)."""
    epoch_guard: bool = True
    fenced_owner_returns: bool = True
    """A fenced worker that the group still assigns takes the partition again."""
    seek_on_take: bool = True
    rewind_in_doubt: bool = True
    """After a refused, failed or unclear commit: reread the watermark and seek to it."""
    watchdog: bool = True
    """The watermark behind the log's end while nothing comes: rewind."""
    kills_sessions: bool = True
    """`take` ends what the owner before left open."""
    transaction_limit: bool = True
    """The server ends a transaction that was left open, after a minute."""
    worker_version_guard: bool = True

    # Facts, Unit
    drops_repeats: bool = True
    running_mark: bool = True
    """Each event of a batch sees the marks that the events before it left."""
    gap: Literal["park", "stop", "none"] = "park"
    """Beyond the mark: parked; the worker stops before it; applied at once."""
    unknown_moves_mark: bool = True
    marks_in_transaction: bool = True
    may_resume: int = 99
    """Waiting events that one transaction applies."""
    rows_loaded: int = 99
    """Waiting events that one transaction loads."""
    clears_waiting_if_whole: bool = True
    """`waiting` is taken back only if all that waits was loaded."""
    sweeps: bool = True
    """`Resumer.sweep`: what a drain left behind is taken up again."""

    # Parking, redrive, discard
    parks_case: bool = True
    """What follows a parked event waits behind it."""
    rows_in_transaction: bool = True
    park_keeps_mark: bool = True
    rolls_back_failed: bool = True
    """What the handler did before it failed is undone."""
    keeping_writes_case: bool = True
    halves_left_to_right: bool = True
    redrive_in_order: bool = True
    redrive_guarded: bool = True
    discard_moves_mark: bool = True
    late_join: Literal["wait", "adopt", "accept"] = "accept"
    """Facts below the log's start: waited for; the first one seen is adopted; an operator accepts."""

    # Deadlines, Scheduler
    due_in_transaction: bool = True
    """A due document is written with the case that it belongs to."""
    cancels_due: bool = True
    """Closing a case deletes its due document."""
    due_goes: Literal["with", "before", "after"] = "with"
    """The due document goes in the transaction that fires it."""
    scheduler_guarded: bool = True
    """Who fires writes the case and the due document only as it loaded them."""
    looks_at_state: bool = True
    """The rule reports only what the case still waits for."""
    scheduler_fenced: bool = True
    """`fence`: the lease is written in the transaction."""
    store_clock: bool = True
    """What is due is asked of mongod; the process's clock is fast."""
    waits_for_parked: bool = True


FULL = Rules()
