import pytest
from pymongo import AsyncMongoClient

from tests.edge.intake_world import a_mongod, a_world


@pytest.fixture(scope="session")
def intake_uri():
    with a_mongod() as uri:
        yield uri


@pytest.fixture(scope="session")
async def intake_mongo(intake_uri):
    async with AsyncMongoClient(intake_uri, tz_aware=True) as client:
        yield client


@pytest.fixture
async def intake(intake_mongo, tmp_path):
    """An intake with a database of its own: records go in, receipts and facts come out."""
    async with a_world(intake_mongo, tmp_path) as world:
        yield world
