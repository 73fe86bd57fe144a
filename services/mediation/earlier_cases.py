"""Cases that awaited a second look before others than the coordinator could be asked for it."""

from services.mediation import domain
from services.mediation.domain import Stage
from services.mediation.mediations import MEDIATIONS
from shared.engine import Store, Unit

__all__ = ["ask_for_looks"]


async def ask_for_looks(store: Store) -> None:
    """Ask the leader, and the police lawyer where an order is in force; once for each case."""
    waiting = {"stage": Stage.SCREENING.value, "asked": {"$in": [None, []]}}
    async for document in store.db[MEDIATIONS.collection].find(waiting, {"_id": 1}):
        case_id: str = document["_id"]

        def ask(unit: Unit, case_id: str = case_id) -> None:
            case = MEDIATIONS.load(unit, case_id)
            if case is not None and case.stage is Stage.SCREENING and not case.asked:
                after, facts = domain.ask_for_look(case, None)
                MEDIATIONS.save(unit, after)
                unit.emit(*facts)

        await store.act(f"look|{case_id}", {MEDIATIONS.collection: [case_id]}, ask)
