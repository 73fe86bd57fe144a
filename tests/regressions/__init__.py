"""Planted regressions: each rule of docs/protocol.md is broken in a copy, and a named test sees it.

`python -m tests.regressions` plants, tests and tells; `planting` edits a copy of the sources,
`catalogue` says what is planted for which rule, `running` runs the named tests on the copy.
"""
