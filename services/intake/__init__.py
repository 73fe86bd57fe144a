"""Intake: receives partners' reports, decides what becomes of each, and keeps the people's data.

Owns the reports, the people in them (the vault), the cases that reports open, and the partners.
Promises that every arrival is answered or set aside whole, that a report is accepted once however
often it arrives, that a report which waits too long for triage is announced, and that nothing
which names a person leaves the vault.
"""
