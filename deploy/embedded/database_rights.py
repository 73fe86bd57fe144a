"""Who may do what in MongoDB: one role and one user per service, as the manifests declare collections."""

from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy.embedded import credentials
from deploy.embedded.paths import Home
from shared.contracts.discovery import common, manifests
from shared.contracts.manifest import Collection

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
    collections: tuple[Collection, ...]

    def privileges(self) -> list[Document]:
        """Spell out the least rights in MongoDB's words."""
        whole = {"resource": {"db": self.name, "collection": ""}}
        return [
            {**whole, "actions": ["changeStream", "dbStats", "find", "listCollections"]},
            *(self._rights(one.name, CHANGE) for one in self.collections if not one.append_only),
            *(self._rights(one.name, APPEND) for one in self.collections if one.append_only),
        ]

    def _rights(self, collection: str, actions: list[str]) -> Document:
        return {"resource": {"db": self.name, "collection": collection}, "actions": actions}


def databases() -> list[Database]:
    """Give the database of each service: its own collections, and those of every service."""
    engine = common().collections
    return [Database(each.name, (*each.collections, *engine)) for each in manifests()]


def apply_rights(home: Home, admin_uri: str, *, inspector: bool, at: str = "") -> None:
    """Make collections, roles and users as declared; what exists is kept or corrected.

    `at` is the address for checking logins, if it is not the one in the login.
    """
    with MongoClient[Document](admin_uri, serverSelectionTimeoutMS=10_000) as client:
        for database in databases():
            _make_collections(client, database)
            _make_role(client, database)
            _make_user(client, home, database.name, [{"role": "service", "db": database.name}], at)
        if inspector:
            _make_user(client, home, "inspector", [{"role": "readAnyDatabase", "db": "admin"}], at)


def _make_collections(client: "MongoClient[Document]", database: Database) -> None:
    target = client[database.name]
    there = set(target.list_collection_names())
    for one in database.collections:
        if one.name not in there:
            pages: Document = {"storageEngine": SMALL_PAGES} if one.small_pages else {}
            try:
                target.create_collection(one.name, **pages)
            except OperationFailure as problem:
                if problem.code != NAMESPACE_EXISTS:
                    raise
        for index in one.indexes:
            options: Document = {"unique": True} if index.unique else {}
            target[one.name].create_index(list(index.keys.items()), **options)


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
    """Whether the database takes this login."""
    if at:
        login = uri.split("://", 1)[1].rpartition("@")[0]
        uri = f"mongodb://{login}@{at}/?directConnection=true&authSource=admin"
    with MongoClient[Document](uri, serverSelectionTimeoutMS=10_000) as client:
        try:
            client.admin.command("ping")
        except OperationFailure:
            return False
    return True
