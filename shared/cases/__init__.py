"""What every service with cases of its own shares; a service writes only what is its own.

Pure, for domains to rest on: `working_time` (how long things may take), `next_step` (a case's next
step, its due time and what is told of it) and `history` (what people did, and the revision). Edges, named for what they touch: `case_store` (MongoDB),
`case_handlers` (Kafka in, and time), `case_page` (the page of a case), `report_details` (the fetch of
what a report says), `commands` (what staff may do), `case_service` (the process).
"""
