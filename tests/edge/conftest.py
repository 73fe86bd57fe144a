import pytest
from pymongo import AsyncMongoClient

from tests.edge.intake_world import a_mongod, a_world


@pytest.fixture(scope="session")
async def intake_mongo():
    with a_mongod() as uri:
        async with AsyncMongoClient(uri, tz_aware=True) as client:
            yield client


@pytest.fixture
async def intake(intake_mongo, tmp_path):
    """An intake with a database of its own: records go in, receipts and facts come out."""
    async with a_world(intake_mongo, tmp_path) as world:
        yield world
