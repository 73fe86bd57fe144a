"""Pressure: many times more in than the services can take, and what it does to them and their pages.

`make pressure` runs it on a stack of its own; docs/pressure.md shows the results.
"""
