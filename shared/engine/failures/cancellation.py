"""Cancellation of loops, also if a library swallows the exception.

A cancellation is raised once in a task. Client libraries swallow it sometimes (aiokafka does when a
producer or consumer is closed at that moment), and a loop would never end. So every endless loop asks
here before each round.
"""

import asyncio

__all__ = ["is_cancelled"]


def is_cancelled() -> bool:
    """Whether the current task was cancelled, even if the exception was swallowed."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
