"""Tables that may be published: small counts hidden, so that nobody can be recognised. Pure.

`tables` are counts with their totals, `protection` hides cells, `published` writes what everybody may
see, as CSV and for a page.
"""
