"""Being told to end, and remembering it.

A task is told by a cancellation, which is raised once. Client libraries swallow it now and then
(aiokafka does when a producer or consumer is closed at that moment), and a loop would go on for
ever. So every loop that is not to end by itself asks here before each round.
"""

import asyncio

__all__ = ["is_cancelled"]


def is_cancelled() -> bool:
    """Whether the task that asks was cancelled, even if the exception was swallowed on its way."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
