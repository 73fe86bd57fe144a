"""Intake: the front door. It decides what becomes of a report, and knows the people.

Owns the reports, the people behind them (the vault), the cases that reports open and the partners
who may send. Promises that every arrival is answered or set aside whole, that a report taken once
is taken once however often it comes, that one which waits too long for triage is told of, and that
nothing which names a person leaves the vault.
"""
