"""Every kind of break: where it is made in the source, and the sentence that refuses it."""

import re

CONTRACTS = "shared/contracts"

BREAKS = {
    "a removed field": (
        f"{CONTRACTS}/report.py",
        r"^    text: FreeText \| None = None\n",
        "",
        (
            "intake.report_submitted.v1 /text: the field is gone. Keep the field; where it must go, "
            "publish intake.report_submitted.v2 without it beside this version."
        ),
    ),
    "a removed field of a fact": (
        f"{CONTRACTS}/intake.py",
        r"^    reporter_kind: PartnerKind\n",
        "",
        (
            "intake.case_opened.v1 /reporter_kind: the field is gone. Keep the field; where it must "
            "go, publish intake.case_opened.v2 without it beside this version."
        ),
    ),
    "a renamed field": (
        f"{CONTRACTS}/people.py",
        r"^    postal_code: Line",
        "    postcode: Line",
        (
            "intake.report_submitted.v1 /$defs/Address/postal_code: the field is gone (renamed to "
            "postcode?). Keep the field; where it must go, publish intake.report_submitted.v2 without "
            "it beside this version."
        ),
    ),
    "another type": (
        f"{CONTRACTS}/people.py",
        r"^    address_protected: bool = False",
        "    address_protected: int = 0",
        (
            "intake.report_submitted.v1 /$defs/Person/address_protected: its type is another. Leave "
            "it as it was, and add an optional field of the other kind or publish "
            "intake.report_submitted.v2."
        ),
    ),
    "a narrowed type": (
        f"{CONTRACTS}/report.py",
        r"^    process: Annotated\[Process, Field\(strict=False\)\] \| None",
        "    process: Annotated[Process, Field(strict=False)]",
        (
            "intake.report_submitted.v1 /process: null is no longer a way of saying it. Leave it as "
            "it was, and add an optional field of the other kind or publish "
            "intake.report_submitted.v2."
        ),
    ),
    "a type that readers never met": (
        f"{CONTRACTS}/intake.py",
        r"^    minor: bool \| None",
        "    minor: bool | int | None",
        (
            "intake.case_opened.v1 /$defs/Party/minor: integer may come, which readers never met. "
            "Leave it as it was, and add an optional field of the other kind or publish "
            "intake.case_opened.v2."
        ),
    ),
    "a new required field": (
        f"{CONTRACTS}/report.py",
        r"^    occurred_at: Moment\n",
        "    occurred_at: Moment\n    weather: str\n",
        (
            "intake.report_submitted.v1 /weather: the field became required. Make it optional, with "
            "what its absence means; demand it in intake.report_submitted.v2 alone."
        ),
    ),
    "a field that was always there and no longer is": (
        f"{CONTRACTS}/mediation.py",
        r"^    municipality: str\n",
        '    municipality: str = "0630"\n',
        (
            "mediation.case_received.v1 /municipality: the field is not always there any more. Go on "
            "saying it always; what may be absent is a new field, or mediation.case_received.v2."
        ),
    ),
    "a renamed message": (
        f"{CONTRACTS}/psp.py",
        r"psp\.case_received\.v1",
        "psp.case_arrived.v1",
        (
            "psp.case_received.v1: it is no longer published (renamed to psp.case_arrived.v1?). Keep "
            "it as long as somebody may send or read it, and publish what replaces it beside it."
        ),
    ),
    "a renamed type within a message": (
        f"{CONTRACTS}/people.py",
        r"\bAddress\b",
        "Residence",
        (
            "intake.report_submitted.v1 /$defs/Address: the type is gone (renamed to Residence?). "
            "Leave the name as it was: programs are generated from it."
        ),
    ),
    "a removed value": (
        f"{CONTRACTS}/processes.py",
        r'^    WITNESS = "witness"\n    """.*"""\n',
        "",
        (
            "intake.report_submitted.v1 /$defs/PersonRole: the value 'witness' is gone or renamed. "
            "Keep the value, add the new one beside it, and stop using the old one; it ends with "
            "intake.report_submitted.v2."
        ),
    ),
    "a renamed value": (
        f"{CONTRACTS}/processes.py",
        '"harmed"',
        '"victim"',
        (
            "intake.case_opened.v1 /$defs/PersonRole: the value 'harmed' is gone or renamed. Keep the "
            "value, add the new one beside it, and stop using the old one; it ends with "
            "intake.case_opened.v2."
        ),
    ),
    "a value that means something else": (
        f"{CONTRACTS}/processes.py",
        r'"""Who is held to have done it; no finding of guilt\."""',
        '"""Who was sentenced for it."""',
        (
            "intake.report_submitted.v1 /$defs/PersonRole: the value 'responsible' means something "
            "else. Leave its words as they were, and add a new value that means the other thing."
        ),
    ),
    "a value that no longer says what it means": (
        f"{CONTRACTS}/processes.py",
        r'^    """Konfliktråd, lov 467/2009\."""\n',
        "",
        (
            "intake.report_submitted.v1 /$defs/Process: the value 'mediation' means something else. "
            "Leave its words as they were, and add a new value that means the other thing."
        ),
    ),
    "a code list that means something else": (
        f"{CONTRACTS}/processes.py",
        r'^    """How custody \(forældremyndighed\) is held: alone, or together with another\."""',
        '    """With whom the child lives."""',
        (
            "intake.report_submitted.v1 /$defs/Custody: what its values mean is said otherwise. Leave "
            "its words as they were, and add a new value that means the other thing."
        ),
    ),
    "a removed rule of rejection": (
        f"{CONTRACTS}/receipts.py",
        r'"wrong_basis"',
        '"other_basis"',
        (
            "intake.report_rejected.v1 /$defs/FieldError/rule: the code 'wrong_basis' is gone or "
            "renamed. Keep the value, add the new one beside it, and stop using the old one; it ends "
            "with intake.report_rejected.v2."
        ),
    ),
    "tighter bounds": (
        f"{CONTRACTS}/fields.py",
        r"^MAX_SHORT: Final = 200",
        "MAX_SHORT: Final = 100",
        (
            "intake.report_submitted.v1 /$defs/Recipient/role: its maxLength is tighter. Leave the "
            "bounds as they were; other ones are for intake.report_submitted.v2."
        ),
    ),
    "another pattern": (
        f"{CONTRACTS}/fields.py",
        re.escape(r'r"^\+[1-9][0-9]{1,14}$"'),
        r'r"^\\+45[0-9]{8}$"',
        (
            "intake.report_submitted.v1 /$defs/Person/phone: its pattern is another. Leave the bounds "
            "as they were; other ones are for intake.report_submitted.v2."
        ),
    ),
    "another meaning of absence": (
        f"{CONTRACTS}/people.py",
        r"^    address_protected: bool = False",
        "    address_protected: bool = True",
        (
            "intake.report_submitted.v1 /$defs/Person/address_protected: what its absence means is "
            "another. Leave the default as it was: absence means what it meant; "
            "intake.report_submitted.v2 may differ."
        ),
    ),
    "a process that now needs a disclosure": (
        f"{CONTRACTS}/disclosure.py",
        r"\{Process\.PSP: Form\.PSP, Process\.SSP: Form\.SSP\}",
        "{Process.PSP: Form.PSP, Process.SSP: Form.SSP, Process.HONOUR: Form.SSP}",
        (
            "intake.report_submitted.v1 /allOf/process=honour/disclosure: the field became required. "
            "Make it optional, with what its absence means; demand it in intake.report_submitted.v2 "
            "alone."
        ),
    ),
    "a removed channel": (
        "deploy/topics.yaml",
        r"^  - \{name: psp\.cases, .*\n",
        "",
        (
            "asyncapi.psp /channels/psp_cases: the channel psp.cases is gone or renamed. Keep the "
            "topic; make the new one beside it, move everybody, and drop the old one once it is "
            "drained and its retention has passed."
        ),
    ),
    "a reader that may no longer read": (
        "deploy/topics.yaml",
        r"reads: \[intake, psp, notify\]",
        "reads: [intake, psp]",
        (
            "asyncapi.notify /channels/intake_cases_psp: the channel intake.cases.psp is gone or "
            "renamed. Keep the topic; make the new one beside it, move everybody, and drop the old "
            "one once it is drained and its retention has passed."
        ),
    ),
    "another address of the partners' channel": (
        "deploy/topics.yaml",
        r"partner\.\{partner\}\.replies",
        "partner.{partner}.answers",
        (
            "asyncapi.partner /channels/partner_replies: the channel partner.{partner}.replies is "
            "gone or renamed. Keep the topic; make the new one beside it, move everybody, and drop "
            "the old one once it is drained and its retention has passed."
        ),
    ),
    "another number of partitions": (
        "deploy/topics.yaml",
        r"name: mediation\.cases,            partitions: 8",
        "name: mediation.cases, partitions: 16",
        (
            "asyncapi.mediation /channels/mediation_cases: it has another number of partitions. Keep "
            "the number: keys would move and cases lose their order. Make a new generation of the "
            "topic under a new name and drain this one."
        ),
    ),
    "records that are kept for a shorter time": (
        "deploy/topics.yaml",
        r"partitions: 1, keeps: 14d",
        "partitions: 1, keeps: 7d",
        (
            "asyncapi.partner /channels/partner_replies: it keeps records for a shorter time. Keep "
            "records as long as promised; only a longer time is growth."
        ),
    ),
    "a message that is gone from its channel": (
        f"{CONTRACTS}/schemas.py",
        r"for receipt in \(ReportAccepted, ReportRejected, ReportRouted\)",
        "for receipt in (ReportAccepted, ReportRejected)",
        (
            "asyncapi.partner /channels/partner_replies/messages/intake_report_routed_v1: the message "
            "is gone from it. Keep the message; publish a .v2 of the type beside it and tell both "
            "until nobody reads it."
        ),
    ),
    "a header that became required": (
        f"{CONTRACTS}/headers.py",
        r'not in \("ce_subject", "ce_time"\)',
        'not in ("ce_time",)',
        (
            "asyncapi.partner /messages/intake.report_submitted.v1/headers/ce_subject: the field "
            "became required. Make it optional, with what its absence means; demand it in a .v2 of "
            "the type alone."
        ),
    ),
    "another login": (
        f"{CONTRACTS}/asyncapi.py",
        '"scramSha512"',
        '"scramSha256"',
        (
            "asyncapi.partner /securitySchemes/login: this login is gone. Take the new login beside "
            "the old one, and end the old one when all have moved."
        ),
    ),
}
