"""Commands of the product in processes of their own that begin at once.

A Python process of the product spends most of a second on its imports, and the tests begin some
hundreds. One process (`server.py`) imports everything once and forks each command: its arguments,
environment, working directory and standard streams are its own, and so is its end.
"""

from tests.forked.processes import AsyncForked, create_forked_process, run_forked

__all__ = ["AsyncForked", "create_forked_process", "run_forked"]
