"""The shared code of services with cases of their own; a service adds only what differs.

Pure, for domains: `working_time` (lengths of deadlines), `next_step` (a case's next step, its due
time and the facts about it), `people` (how a case follows its people) and `history` (what happened,
and the revision). Edges, named for what they touch: `case_store` (MongoDB),
`case_handlers` (Kafka in, and time), `case_page` (the page of a case), `report_details` (the fetch of
what a report says), `commands` (what staff may do), `case_service` (the process).
"""
