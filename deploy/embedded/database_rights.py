"""Who may do what in MongoDB: one role and one user per service, from `deploy/mongo.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy.embedded import credentials
from deploy.embedded.paths import CLONE, Home

DECLARATION = CLONE / "deploy" / "mongo.yaml"
READ = ["find", "changeStream", "listIndexes", "collStats"]
APPEND = [*READ, "insert"]
CHANGE = [*APPEND, "update", "remove", "createIndex", "createCollection"]
SMALL_PAGES = {"wiredTiger": {"configString": "leaf_page_max=8KB"}}
"""For what changes here and there: a change rewrites its whole page (docs/decisions/0014)."""
USER_NOT_FOUND, ROLE_NOT_FOUND, NAMESPACE_EXISTS = 11, 31, 48

Document = dict[str, Any]


@dataclass(frozen=True)
class Database:
    """The collections of one service."""

    name: str
    collections: tuple[str, ...]
    append_only: tuple[str, ...]
    indexes: Mapping[str, list[Document]]

    def privileges(self) -> list[Document]:
        """Spell out the least rights in MongoDB's words."""
        whole = {"resource": {"db": self.name, "collection": ""}}
        return [
            {**whole, "actions": ["changeStream", "dbStats", "find", "listCollections"]},
            *(self._rights(name, CHANGE) for name in self.collections),
            *(self._rights(name, APPEND) for name in self.append_only),
        ]

    def _rights(self, collection: str, actions: list[str]) -> Document:
        return {"resource": {"db": self.name, "collection": collection}, "actions": actions}


def read_databases(declaration: Path = DECLARATION) -> list[Database]:
    """Read the declaration."""
    declared = yaml.safe_load(declaration.read_text(encoding="utf-8"))
    return [
        Database(
            name=name,
            collections=tuple(lists["collections"]),
            append_only=tuple(lists["append_only"]),
            indexes={
                collection: indexes
                for collection, indexes in declared.get("indexes", {}).items()
                if collection in lists["append_only"]
            },
        )
        for name, lists in declared["databases"].items()
    ]


def apply_rights(home: Home, admin_uri: str, *, inspector: bool, at: str = "") -> None:
    """Make collections, roles and users as declared; what is there already is left or mended.

    `at` is where the database is asked whether it takes a login, if not where the login says.
    """
    with MongoClient[Document](admin_uri, serverSelectionTimeoutMS=10_000) as client:
        for database in read_databases():
            _make_collections(client, database)
            _make_role(client, database)
            _make_user(client, home, database.name, [{"role": "service", "db": database.name}], at)
        if inspector:
            _make_user(client, home, "inspector", [{"role": "readAnyDatabase", "db": "admin"}], at)


def _make_collections(client: "MongoClient[Document]", database: Database) -> None:
    target = client[database.name]
    there = set(target.list_collection_names())
    for name in {*database.collections, *database.append_only} - there:
        pages: Document = {"storageEngine": SMALL_PAGES} if name in database.collections else {}
        try:
            target.create_collection(name, **pages)
        except OperationFailure as problem:
            if problem.code != NAMESPACE_EXISTS:
                raise
    for name, indexes in database.indexes.items():
        for index in indexes:
            options = {key: value for key, value in index.items() if key != "keys"}
            target[name].create_index(list(index["keys"].items()), **options)


def _make_role(client: "MongoClient[Document]", database: Database) -> None:
    rights: Document = {"privileges": database.privileges(), "roles": []}
    target = client[database.name]
    try:
        target.command("updateRole", "service", **rights)
    except OperationFailure as problem:
        if problem.code != ROLE_NOT_FOUND:
            raise
        target.command("createRole", "service", **rights)


def _make_user(
    client: "MongoClient[Document]", home: Home, user: str, roles: list[Document], at: str
) -> None:
    password = credentials.mongo_password(home, user)
    known = client.admin.command("usersInfo", {"user": user, "db": "admin"})["users"]
    if not known:
        client.admin.command("createUser", user, pwd=password, roles=roles)
        return
    if not _fits(credentials.read_mongo_uri(home, user), at):
        client.admin.command("updateUser", user, pwd=password)
    client.admin.command("updateUser", user, roles=roles)


def _fits(uri: str, at: str) -> bool:
    """Tell whether the database takes this login."""
    if at:
        login = uri.split("://", 1)[1].rpartition("@")[0]
        uri = f"mongodb://{login}@{at}/?directConnection=true&authSource=admin"
    with MongoClient[Document](uri, serverSelectionTimeoutMS=10_000) as client:
        try:
            client.admin.command("ping")
        except OperationFailure:
            return False
    return True
