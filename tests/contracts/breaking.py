"""Every kind of break of a schema: the change, what is found, and what to do instead."""

REPORT = "intake.report_submitted.v1"
OPENED = "intake.case_opened.v1"
REJECTED = "intake.report_rejected.v1"

KEEP_FIELD = "Keep the field; where it must go, publish {v2} without it beside this version."
KEEP_TYPE = "Leave it as it was, and add an optional field of the other kind or publish {v2}."
KEEP_VALUE = (
    "Keep the value, add the new one beside it, and stop using the old one; it ends with {v2}."
)
KEEP_MEANING = "Leave its definition as it was, and add a new value that means the other thing."
KEEP_BOUNDS = "Leave the bounds as they were; other ones are for {v2}."
KEEP_NAME = "Leave the name as it was: programs are generated from it."
OPTIONAL = "Make it optional, with what its absence means; demand it in {v2} alone."
KEEP_THERE = "Always include it; what may be absent is a new field, or {v2}."
KEEP_ABSENCE = "Leave the default as it was: absence means what it meant; {v2} may differ."


def field(schema, path):
    """The schema of a field: `text`, or `Address/postal_code` in a definition."""
    *within, name = path.split("/")
    return (schema["$defs"][within[0]] if within else schema)["properties"][name]


def renamed(place, old, new):
    place[new] = place.pop(old)


def process_of(code):
    return {"properties": {"process": {"const": code}}, "required": ["process"]}


SCHEMA_BREAKS = {
    "a removed field": (
        REPORT,
        lambda new: new["properties"].pop("text"),
        "/text: the field is gone",
        KEEP_FIELD,
    ),
    "a removed field of a fact": (
        OPENED,
        lambda new: new["properties"].pop("reporter_kind"),
        "/reporter_kind: the field is gone",
        KEEP_FIELD,
    ),
    "a renamed field": (
        REPORT,
        lambda new: renamed(new["$defs"]["Address"]["properties"], "postal_code", "postcode"),
        "/$defs/Address/postal_code: the field is gone (renamed to postcode?)",
        KEEP_FIELD,
    ),
    "a removed type within a message": (
        REPORT,
        lambda new: new["$defs"].pop("Address"),
        "/$defs/Address: the type is gone",
        KEEP_NAME,
    ),
    "a renamed type within a message": (
        REPORT,
        lambda new: renamed(new["$defs"], "Address", "Residence"),
        "/$defs/Address: the type is gone (renamed to Residence?)",
        KEEP_NAME,
    ),
    "another type": (
        REPORT,
        lambda new: field(new, "Person/address_protected").update(type="integer"),
        "/$defs/Person/address_protected: its type is another",
        KEEP_TYPE,
    ),
    "another type in a list": (
        REPORT,
        lambda new: field(new, "people")["items"].update({"$ref": "#/$defs/Name"}),
        "/people/items: its $ref is another",
        KEEP_TYPE,
    ),
    "no type in a list": (
        REPORT,
        lambda new: field(new, "people").pop("items"),
        "/people: what it is a list of is another",
        KEEP_TYPE,
    ),
    "a narrowed type": (
        REPORT,
        lambda new: field(new, "process")["anyOf"].pop(),
        "/process: null is no longer an allowed type",
        KEEP_TYPE,
    ),
    "a type that readers do not know": (
        OPENED,
        lambda new: field(new, "Party/minor")["anyOf"].append({"type": "integer"}),
        "/$defs/Party/minor: integer is a new type that readers do not know",
        KEEP_TYPE,
    ),
    "an absence that readers do not know": (
        OPENED,
        lambda new: new["properties"].update(
            municipality={"anyOf": [{"type": "string"}, {"type": "null"}]}
        ),
        "/municipality: null is a new type that readers do not know",
        KEEP_TYPE,
    ),
    "a new required field": (
        REPORT,
        lambda new: new["required"].append("weather"),
        "/weather: the field became required",
        OPTIONAL,
    ),
    "a new required field within": (
        REPORT,
        lambda new: new["$defs"]["Person"]["required"].append("cpr"),
        "/$defs/Person/cpr: the field became required",
        OPTIONAL,
    ),
    "a field that was always there": (
        OPENED,
        lambda new: new["required"].remove("parties"),
        "/parties: the field is not always there any more",
        KEEP_THERE,
    ),
    "a removed value": (
        REPORT,
        lambda new: new["$defs"]["PersonRole"]["enum"].remove("witness"),
        "/$defs/PersonRole: the value 'witness' is gone or renamed",
        KEEP_VALUE,
    ),
    "a value that means something else": (
        REPORT,
        lambda new: new["$defs"]["PersonRole"]["x-meanings"].update(responsible="Was sentenced."),
        "/$defs/PersonRole: the value 'responsible' means something else",
        KEEP_MEANING,
    ),
    "a definition that is only a part of what it was": (
        REPORT,
        lambda new: new["$defs"]["Process"]["x-meanings"].update({"youth-council": "Ungesamråd."}),
        "/$defs/Process: the value 'youth-council' means something else",
        KEEP_MEANING,
    ),
    "a value that no longer has a meaning": (
        REPORT,
        lambda new: new["$defs"]["Process"]["x-meanings"].pop("mediation"),
        "/$defs/Process: the value 'mediation' means something else",
        KEEP_MEANING,
    ),
    "a place with another name": (
        REPORT,
        lambda new: field(new, "municipality")["x-meanings"].update({"0630": "Kolding"}),
        "/municipality: the value '0630' means something else",
        KEEP_MEANING,
    ),
    "a removed rule of rejection": (
        REJECTED,
        lambda new: field(new, "FieldError/rule")["examples"].remove("wrong_basis"),
        "/$defs/FieldError/rule: the code 'wrong_basis' is gone or renamed",
        KEEP_VALUE,
    ),
    "a closed list": (
        REPORT,
        lambda new: field(new, "partner").update(enum=["a"]),
        "/partner: only listed values are allowed now",
        KEEP_BOUNDS,
    ),
    "an opened list": (
        OPENED,
        lambda new: new["$defs"]["PatrolCentre"].pop("enum"),
        "/$defs/PatrolCentre: values beyond the published list may come",
        KEEP_BOUNDS,
    ),
    "tighter bounds": (
        REPORT,
        lambda new: field(new, "Recipient/role").update(maxLength=100),
        "/$defs/Recipient/role: its maxLength is tighter",
        KEEP_BOUNDS,
    ),
    "tighter bounds in one of the alternatives": (
        REPORT,
        lambda new: field(new, "text")["anyOf"][0].update(maxLength=10),
        "/text: its maxLength is tighter",
        KEEP_BOUNDS,
    ),
    "fewer people": (
        REPORT,
        lambda new: field(new, "people").update(maxItems=10),
        "/people: its maxItems is tighter",
        KEEP_BOUNDS,
    ),
    "more people at least": (
        REPORT,
        lambda new: field(new, "people").update(minItems=1),
        "/people: its minItems is tighter",
        KEEP_BOUNDS,
    ),
    "a new least length": (
        REPORT,
        lambda new: field(new, "partner").update(minLength=1),
        "/partner: its minLength is tighter",
        KEEP_BOUNDS,
    ),
    "another pattern": (
        REPORT,
        lambda new: field(new, "partner").update(pattern="^a"),
        "/partner: its pattern is another",
        KEEP_BOUNDS,
    ),
    "a new format": (
        REPORT,
        lambda new: field(new, "partner").update(format="uuid"),
        "/partner: its format is another",
        KEEP_BOUNDS,
    ),
    "a format that readers lose": (
        OPENED,
        lambda new: field(new, "reported_at").pop("format"),
        "/reported_at: its format is another",
        KEEP_BOUNDS,
    ),
    "another meaning of absence": (
        REPORT,
        lambda new: field(new, "Person/address_protected").update(default=True),
        "/$defs/Person/address_protected: what its absence means is another",
        KEEP_ABSENCE,
    ),
    "no meaning of absence": (
        REPORT,
        lambda new: field(new, "Person/custody_of").pop("default"),
        "/$defs/Person/custody_of: what its absence means is another",
        KEEP_ABSENCE,
    ),
    "no other fields": (
        REPORT,
        lambda new: new["$defs"]["Address"].update(additionalProperties=False),
        "/$defs/Address: which other fields may stand there is another",
        KEEP_TYPE,
    ),
    "a keyword that nobody can judge": (
        REPORT,
        lambda new: field(new, "partner").update({"not": {"const": "a"}}),
        "/partner: its not is another, which nobody can judge",
        KEEP_TYPE,
    ),
    "a process that now needs a disclosure": (
        REPORT,
        lambda new: next(
            rule["then"] for rule in new["allOf"] if rule["if"] == process_of("honour")
        ).update(required=["disclosure"]),
        "/allOf/process=honour/disclosure: the field became required",
        OPTIONAL,
    ),
    "a condition that is gone": (
        REPORT,
        lambda new: new["allOf"].pop(),
        "/allOf/process=None: what holds then is gone",
        KEEP_FIELD,
    ),
    "a condition on everything": (
        REPORT,
        lambda new: new["allOf"].append({"required": ["text"]}),
        "/allOf/always: a condition is new",
        KEEP_BOUNDS,
    ),
    "a second condition on a process": (
        REPORT,
        lambda new: new["allOf"].append({"if": process_of("psp"), "then": {"required": ["text"]}}),
        "/allOf/process=psp: a condition is new",
        KEEP_BOUNDS,
    ),
}
"""By kind: the type, the change of its schema, the sentence in two parts."""
