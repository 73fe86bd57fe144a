"""An outside checker: a ledger of what was sent, folded against what can be seen.

It is written from the public contract and imports nothing of the product, so that it cannot share
its mistakes. `ledger` is what a sender knows, `observed` what an onlooker sees, `folding` compares.
"""
