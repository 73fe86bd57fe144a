"""PSP: police, social services and psychiatry about a socially vulnerable person.

Decides what may happen to a PSP case and guards what is shared about it (retsplejeloven section
115). Owns `psp_cases` and `disclosures`. Promises `psp.case_received.v1` once for every case that
intake opened for it, `psp.access_changed.v1` once its disclosure was read and whenever its readers
change, `psp.necessity_judged.v1` once for each judgement, and `psp.step_due.v1` once for each next
step that was not taken in time.
"""
