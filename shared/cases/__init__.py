"""The shared code of services with cases of their own; a service adds only what differs.

Pure, for domains: `working_time` (lengths of deadlines) and `next_step` (a case's next step, its due
time and the facts about it). Edges: `case_store` (MongoDB), `case_handlers` (facts from Kafka, and
timers), `case_page` (the page of a case), `report_details` (the fetch of a report's details),
`case_service` (the process).
"""
