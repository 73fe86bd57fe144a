import json

import httpx
import pytest
from bson.binary import Binary
from fastapi import FastAPI

from deploy.embedded.paths import CLONE
from services.intake.api import details_routes
from services.intake.app import make_app
from services.intake.settings import Settings
from shared.contracts.processes import Process
from shared.runtime.settings import from_environment
from shared.security.sealed_letters import seal
from shared.web.guard import policy
from tests.edge.intake_world import a_report, accepted, facts
from tests.signing import KeyPairs

OPERATOR_TOKEN = "operator-token-" + "o" * 32
OPERATOR = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}


@pytest.fixture
async def site(intake, intake_uri, tmp_path):  # noqa: ARG001 - the intake comes first
    """The process's web side, on the database of the intake beside it."""
    files = {
        "kafka.json": json.dumps({"bootstrap.servers": "127.0.0.1:9"}),
        "mongo.uri": intake_uri,
        "operator.token": f"{OPERATOR_TOKEN}\n",
        "session.secret": "x" * 32,
        "tokens/mediation": "mediation-token\n",
        "tokens/psp": "psp-token\n",
    }
    (tmp_path / "tokens").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "index.key").write_bytes(b"i" * 32)
    settings = Settings(
        kafka_file=tmp_path / "kafka.json",
        mongo_file=tmp_path / "mongo.uri",
        port=1,
        **KeyPairs.lay(tmp_path, "intake", "notify").settings("intake"),
        operator_token_file=tmp_path / "operator.token",
        session_secret_file=tmp_path / "session.secret",
        master_key_file=tmp_path / "master.key",
        index_key_file=tmp_path / "index.key",
        seal_keys_dir=tmp_path / "seal",
        service_tokens_dir=tmp_path / "tokens",
    )
    app = make_app(settings)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        yield client
    await app.state.engine.store.client.close()


async def test_a_partner_seals_with_the_published_key_and_is_read(intake, site):
    (key,) = (await site.get("/.well-known/jwks.json")).json()["keys"]
    assert "d" not in key

    sent = await intake.arrive(intake.record(seal(json.dumps(a_report()).encode(), key)))

    assert len(accepted(sent)) == 1


async def test_every_type_has_its_schema_and_nothing_else_has(site):
    schema = (await site.get("/schemas/intake.report_submitted.v1.json")).json()

    assert "municipality" in schema["properties"]
    assert (await site.get("/schemas/intake.case_opened.v1.json")).status_code == 200
    assert (await site.get("/schemas/intake.unheard_of.v1.json")).status_code == 404


async def test_asyncapi_is_served_as_it_is_committed_but_whole_in_itself(site):
    for address, committed in (("/asyncapi", "intake"), ("/asyncapi/partner", "partner")):
        answer = await site.get(address)

        assert answer.headers["content-type"] == "application/vnd.aai.asyncapi+json;version=3.0.0"
        document = json.loads((CLONE / "docs/asyncapi" / f"{committed}.json").read_text())
        for part in ("info", "servers", "channels", "operations"):
            assert answer.json()[part] == document[part]
        assert set(document["components"]["messages"]) <= set(
            answer.json()["components"]["schemas"]
        )
        assert "../schemas/" not in answer.text
    assert (await site.get("/asyncapi/psp")).status_code == 404


async def test_the_page_of_contracts_needs_no_script_and_keeps_the_policy_of_all_pages(site):
    page = await site.get("/docs")

    assert page.status_code == 200
    assert page.headers["content-security-policy"] == policy()
    assert "<script" not in page.text
    assert "style=" not in page.text
    document = (await site.get("/asyncapi")).json()
    for message in document["components"]["messages"]:
        assert f'id="{message}"' in page.text
    for channel in document["channels"].values():
        assert f"<code>{channel['address']}</code>" in page.text
    for header in ("ce_specversion", "ce_sequence", "application/jose", "/intake/cases/psp"):
        assert f"<code>{header}</code>" in page.text
    paths = (await site.get("/openapi.json")).json()["paths"]
    assert paths
    for path, methods in paths.items():
        assert all(f"{method.upper()} {path}" in page.text for method in methods)


async def test_details_go_to_the_service_of_the_case_with_its_token_and_to_nobody_else(
    intake, site
):
    (fact,) = facts(await intake.arrive(intake.record(details={"offence": "violence"})))
    address = f"/cases/{fact.body['case_id']}/details"

    answers = {
        token: (await site.get(address, headers={"Authorization": f"Bearer {token}"})).status_code
        for token in ("mediation-token", "psp-token", OPERATOR_TOKEN, "")
    }
    got = await site.get(address, headers={"Authorization": "Bearer mediation-token"})

    assert answers == {
        "mediation-token": 200,
        "psp-token": 404,
        OPERATOR_TOKEN: 404,
        "": 404,
    }
    assert got.json() == {
        "details": {"offence": "violence"},
        "disclosure": None,
        "text": "de mødtes ved stationen",
        "parties": fact.body["parties"],
    }
    log = await intake.db.audit.find({"action": "disclosed"}).to_list()
    assert [row["who"] for row in log] == ["service:mediation"] * 2


@pytest.mark.parametrize(
    ("owned", "status"),
    [({Process.MEDIATION, Process.YOUTH_BOARD}, 200), ({Process.PSP, Process.YOUTH_BOARD}, 404)],
)
async def test_a_service_may_own_several_processes(intake, tmp_path, owned, status):
    (fact,) = facts(await intake.arrive(intake.record()))
    (tmp_path / "youth").write_text("youth-token\n")
    app = FastAPI()
    app.include_router(details_routes(intake.vault, tmp_path, {"youth": frozenset(owned)}))
    headers = {"Authorization": "Bearer youth-token"}

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://intake"
    ) as client:
        answer = await client.get(f"/cases/{fact.body['case_id']}/details", headers=headers)

    assert answer.status_code == status


async def test_details_that_are_damaged_are_refused_in_a_sentence(intake, site):
    (fact,) = facts(await intake.arrive(intake.record(details={"offence": "violence"})))
    case = await intake.db.cases.find_one({"_id": fact.body["case_id"]})
    sealed = bytes(case["sealed"])
    damaged = Binary(sealed[:-1] + bytes([sealed[-1] ^ 1]), 6)
    await intake.db.cases.update_one({"_id": case["_id"]}, {"$set": {"sealed": damaged}})

    answer = await site.get(
        f"/cases/{case['_id']}/details", headers={"Authorization": "Bearer mediation-token"}
    )

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert "damaged" in answer.json()["detail"]


async def test_details_of_no_case_are_nowhere(site):
    headers = {"Authorization": "Bearer mediation-token"}
    missing = "/cases/5a0c8b7e-0000-4000-8000-000000000000/details"

    assert (await site.get(missing, headers=headers)).status_code == 404


async def test_an_operator_registers_a_partner_once_and_again(intake, site):
    registration = {"kind": "municipality", "municipalities": ["0630", "0621", "0630"]}

    first = await site.put("/operator/partners/kommunen", json=registration, headers=OPERATOR)
    again = await site.put("/operator/partners/kommunen", json=registration, headers=OPERATOR)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    shown = first.json()
    assert shown["added_at"]
    assert {name: shown[name] for name in shown if name != "added_at"} == {
        "id": "kommunen",
        "kind": "municipality",
        "municipalities": ["0621", "0630"],
        "status": "active",
        "reading": False,
    }
    listed = (await site.get("/operator/partners", headers=OPERATOR)).json()
    assert [partner["id"] for partner in listed] == ["anklager", "kommunen", "skole"]
    assert await intake.db.audit.count_documents({"action": "changed"}) == 1


async def test_the_log_records_what_each_registration_changed(intake, site):
    secrets = ["1" * 64, "2" * 64]
    kommunen = {"kind": "municipality", "municipalities": ["0630"]}
    steps = [
        kommunen,
        kommunen | {"municipalities": ["0630", "0621"]},
        kommunen | {"municipalities": []},
        kommunen | {"municipalities": [], "client_secret_sha256": secrets[0]},
        kommunen | {"municipalities": [], "client_secret_sha256": secrets[0]},
        kommunen | {"client_secret_sha256": secrets[1]},
        kommunen,
    ]

    for registration in steps:
        answer = await site.put("/operator/partners/kommunen", json=registration, headers=OPERATOR)
        assert answer.status_code == 200

    log = intake.db.audit.find({"action": "changed"}).sort("$natural", 1)
    assert [row["why"].removeprefix("partner kommunen ") async for row in log] == [
        "was registered as municipality for 0630",
        "works for 0621, 0630 (before: 0630)",
        "works for the whole district (before: 0621, 0630)",
        "was given a client secret",
        "works for 0630 (before: the whole district), and has a new client secret",
    ]


@pytest.mark.parametrize(
    ("partner_id", "registration"),
    [
        ("Kommunen", {"kind": "municipality", "municipalities": []}),
        ("k", {"kind": "municipality", "municipalities": []}),
        ("1kommune", {"kind": "municipality", "municipalities": []}),
        ("k" * 41, {"kind": "municipality", "municipalities": []}),
        ("kommunen", {"kind": "bank", "municipalities": []}),
        ("kommunen", {"kind": "municipality", "municipalities": ["0101"]}),
        ("kommunen", {"municipalities": []}),
        ("kommunen", {"kind": "municipality", "municipalities": [], "more": 1}),
    ],
)
async def test_what_is_no_partner_is_not_registered(intake, site, partner_id, registration):
    answer = await site.put(f"/operator/partners/{partner_id}", json=registration, headers=OPERATOR)

    assert answer.status_code == 422
    assert await intake.db.partners.count_documents({"_id": {"$nin": ["skole", "anklager"]}}) == 0


async def test_an_id_is_never_reused_for_somebody_else(intake, site):
    other_kind = {"kind": "police", "municipalities": []}
    answer = await site.put("/operator/partners/skole", json=other_kind, headers=OPERATOR)
    assert answer.status_code == 409

    await intake.db.partners.update_one({"_id": "skole"}, {"$set": {"status": "removed"}})
    same = {"kind": "school", "municipalities": []}
    answer = await site.put("/operator/partners/skole", json=same, headers=OPERATOR)

    assert answer.status_code == 409
    assert await intake.arrive(intake.record()) == []
    assert len(await intake.parked()) == 1


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer mediation-token"}])
async def test_the_operators_interface_is_not_there_for_others(site, headers):
    registration = {"kind": "school", "municipalities": []}

    assert (await site.get("/operator/partners", headers=headers)).status_code == 404
    answer = await site.put("/operator/partners/skole", json=registration, headers=headers)
    assert answer.status_code == 404


def test_wrong_settings_stop_the_start_with_a_sentence_each(tmp_path, monkeypatch, capsys):
    (tmp_path / "short.key").write_bytes(b"x")
    (tmp_path / "there").write_text("{}")
    for name, value in {
        "KAFKA_FILE": tmp_path / "there",
        "MONGO_FILE": tmp_path / "missing",
        "PORT": 1,
        "MASTER_KEY_FILE": tmp_path / "short.key",
        "SIGNING_KEY_FILE": tmp_path / "there",
        "INDEX_KEY_FILE": tmp_path / "short.key",
        "SEAL_KEYS_DIR": tmp_path / "no" / "where",
    }.items():
        monkeypatch.setenv(f"INTAKE_{name}", str(value))

    with pytest.raises(SystemExit) as stopped:
        from_environment(Settings)

    assert stopped.value.code == 2
    sentences = capsys.readouterr().err.splitlines()
    assert len(sentences) == 7
    for name in ("MONGO_FILE", "MASTER_KEY", "SIGNING_KEY", "INDEX_KEY", "SEAL_KEYS_DIR"):
        assert any(f"INTAKE_{name}" in sentence for sentence in sentences)
