"""Mediation (konfliktråd): victim and offender meet of their own will, before a neutral mediator.

Decides what may happen to a mediation and when. Owns `mediations`. A coordinator assesses whether a
case is suitable; `mediation.screened.v1` reports that, and the end of a case by
`mediation.closed.v1`. Promises
`mediation.case_received.v1` once for every case that intake opened for it, and
`mediation.step_due.v1` once for each next step that was not taken in time.
"""
