"""Planted regressions: each rule of docs/protocol.md is broken in a copy, and a named test sees it.

`python -m tests.regressions` plants, tests and reports. `catalogue` lists what is planted for which
rule, as `edits` of code that is found by its shape in the syntax tree; `shapes` defines how shapes are
written and matched. `planting` makes the edits, `running` runs the named tests on the copy.
"""
