"""What is planted for which rule, and the tests that must see it.

Names in CAPITALS are metavariables: they match the names in the code. Run
`python -m tests.regressions --diff` to see what each regression changes in the code of today.
"""

from typing import Final

from tests.regressions.catalogue.cases import CASES
from tests.regressions.catalogue.entry import Regression
from tests.regressions.catalogue.relay import RELAY
from tests.regressions.catalogue.restores import RESTORES
from tests.regressions.catalogue.timers import TIMERS
from tests.regressions.catalogue.transactions import TRANSACTIONS
from tests.regressions.catalogue.watermarks import WATERMARKS

__all__ = ["NOT_PLANTED", "REGRESSIONS", "Regression"]

REGRESSIONS: Final = (*TRANSACTIONS, *RELAY, *WATERMARKS, *CASES, *TIMERS, *RESTORES)

NOT_PLANTED: Final = {
    "read before a majority has it": "a single node rolls nothing back; a snapshot reads what a majority has",
    "acks=1": "a single broker has no leader change",
    "process's clock, batch sorted by sequence": "an alternative to rule 5 that was not chosen",
    "process's clock, n held until n-1 is out": "an alternative to rule 5 that was not chosen",
}
"""What the model breaks and the servers at hand cannot show."""
