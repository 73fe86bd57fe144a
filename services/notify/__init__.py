"""Notify: notifies staff of what concerns them, once, and without personal data.

Decides whom a fact concerns, as a role in a place. Owns the staff directory, the notices and who
acknowledged them. Promises one notice per cause, on the open inbox within a second, that one which
nobody acknowledges in time is recalled once, and that a notice names a case by its reference and
never a person.
"""
