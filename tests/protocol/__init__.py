"""A model of the delivery protocol, explored state by state: `python -m tests.protocol`.

One upstream service, one partition and one downstream service, in the words of `shared/engine`:
`rules` (each rule as a switch), `state` (what databases, topic and processes hold), `upstream` and
`relaying` (writers, outbox, relays), `unit` (a batch in memory), `workers`, `people` (staff, operator
and sweeper), `invariants`, `search` (breadth first), `variants` (what is left out, and what breaks).
"""
