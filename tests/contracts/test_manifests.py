"""Manifests: what cannot be is refused by file, field and rule, and the code does what they declare."""

from pathlib import Path

import pytest
import yaml

from shared.contracts.discovery import FILE, ManifestWrong, discover, manifests, serving
from shared.contracts.processes import Process
from shared.contracts.topics import join

HERE = Path(__file__).parents[2] / "services"
SERVICES = pytest.mark.parametrize("service", manifests(), ids=lambda each: each.name)
FREE = next(each.value for each in Process if each not in serving())
SMALLEST = {"does": "Is an example.", "routes": ["/another/*"]}


def services_with(tmp_path, **added):
    """A copy of all manifests, with one more service or with one that is changed."""
    for each in manifests():
        folder = tmp_path / each.name
        folder.mkdir()
        (folder / FILE).write_text((HERE / each.name / FILE).read_text())
    for name, declared in added.items():
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / FILE).write_text(yaml.safe_dump(declared))
    return tmp_path


def declared(name):
    return yaml.safe_load((HERE / name / FILE).read_text())


def test_every_folder_of_a_service_has_its_manifest():
    folders = {file.parent.name for file in HERE.glob("*/__init__.py")}

    assert {each.name for each in manifests()} == folders


def test_another_service_takes_one_folder_and_comes_before_the_last(tmp_path):
    found = discover(services_with(tmp_path, another=SMALLEST))

    names = [each.name for each in found]
    assert [name for name in names if name != "another"] == [each.name for each in manifests()]
    assert names[0] == "intake"
    assert names[-1] == "notify"


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"color": "red"}, "/color", "Extra inputs are not permitted"),
        ({"does": "No full stop"}, "/does", "must be one line that ends with a full stop"),
        ({"does": None}, "/does", "Input should be a valid string"),
        ({"name": "another"}, "/name", "the folder gives the name"),
        ({"collections": [{"name": "cases"}]}, "/collections/0/holds", "Field required"),
        (
            {"collections": [{"name": "cases", "holds": "names"}]},
            "/collections/0/holds",
            "Input should be 'persons' or 'none'",
        ),
        (
            {"collections": [{"name": "cases", "holds": "none", "indexes": [{"keys": {"at": 1}}]}]},
            "/collections/0",
            "a service makes the indexes of what it may change itself",
        ),
        (
            {"collections": [{"name": "outbox", "holds": "none"}]},
            "/collections",
            "outbox is declared twice, or is the engine's",
        ),
        ({"serves": ["psp"]}, "/serves", "psp belongs to psp"),
        ({"serves": ["poker"]}, "/serves/0", "Input should be"),
        ({"routes": ["/psp/*"]}, "/routes", "/psp/* belongs to psp"),
        ({"routes": ["another"]}, "/routes/0", "String should match pattern"),
        ({"calls": ["notify"]}, "/calls", "notify is no other service with service-tokens"),
        ({"secrets": ["seal-keys"]}, "/secrets", "seal-keys belongs to intake"),
        ({"process": {"copies": 0}}, "/process/copies", "greater than or equal to 1"),
        ({"process": {"memory": 1}}, "/process/memory", "Extra inputs are not permitted"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused_by_file_field_and_rule(tmp_path, change, field, rule):
    folder = services_with(tmp_path, another=SMALLEST | change)

    with pytest.raises(ManifestWrong) as refused:
        discover(folder)

    assert str(refused.value).startswith(f"services/another/service.yaml: {field}: ")
    assert rule in str(refused.value)


@pytest.mark.parametrize("name", ["kafka", "Example", "an-example", "x"])
def test_a_name_that_is_taken_or_no_word_is_refused(tmp_path, name):
    with pytest.raises(ManifestWrong, match=f"services/{name}/service.yaml: /name: "):
        discover(services_with(tmp_path, **{name: SMALLEST}))


@pytest.mark.parametrize("text", ["a: [", "- a", ""])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    folder = services_with(tmp_path, another=SMALLEST)
    (folder / "another" / FILE).write_text(text)

    with pytest.raises(ManifestWrong, match=r"services/another/service\.yaml: /: "):
        discover(folder)


def topic(**change):
    return {"name": "another.cases", "partitions": 8, "keeps": "without_clock"} | change


@pytest.mark.parametrize(
    ("topics", "rule"),
    [
        ({"writes": [topic(keeps="14 days")]}, "/topics/writes/0/keeps: String should match"),
        ({"writes": [topic(partitions=0)]}, "/topics/writes/0/partitions: "),
        ({"writes": [topic(name="psp.cases")]}, "/topics/writes: psp.cases must begin with anot"),
        ({"writes": [topic(), topic()]}, "/topics/writes: another.cases is declared twice"),
        ({"reads": ["another.nothing"]}, "/topics/reads: no service writes another.nothing"),
        ({"writes": [topic()], "reads": ["another.cases"]}, "is its own, which it reads anyhow"),
        ({"reads": ["intake.cases.psp"]}, "carries a process that it does not serve"),
    ],
)
def test_topics_that_contradict_each_other_are_refused(tmp_path, topics, rule):
    folder = services_with(tmp_path, another=SMALLEST | {"serves": [FREE], "topics": topics})

    with pytest.raises(ManifestWrong) as refused:
        join(discover(folder))

    assert str(refused.value).startswith("services/another/service.yaml: /topics/")
    assert rule in str(refused.value)


def test_a_topic_of_a_partner_names_services_that_exist(tmp_path):
    intake = declared("intake")
    intake["topics"]["partners"][0]["reads"] = "somebody"

    with pytest.raises(ManifestWrong, match="/topics/partners: somebody is no service"):
        discover(services_with(tmp_path, intake=intake))
