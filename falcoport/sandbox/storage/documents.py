"""Resources that are documents: stored as they were sent, with who made them and when.

Pages, scorecards, actions, integrations, teams, users, secrets, folders and permissions differ in
what Port checks before a write, which their own modules know; how they are kept is the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.sandbox import errors
from falcoport.sandbox.storage.store import dump

if TYPE_CHECKING:
    from falcoport.sandbox.storage.store import Store

Document = dict[str, Any]

METADATA = ("createdAt", "createdBy", "updatedAt", "updatedBy")
"""What answers add to what was sent."""


@dataclass(frozen=True)
class Stored:
    """One document and its place: `blueprint` is the key of the one that it goes with, if any."""

    key: int
    identifier: str
    blueprint: int | None
    document: Document


class Documents:
    """The documents of one kind; every write runs inside a transaction of the caller.

    `scope` tells apart documents of one identifier, such as scorecards of several blueprints.
    """

    def __init__(self, store: Store, kind: str, title: str) -> None:
        """Keep documents of `kind`, called `title` in errors."""
        self._store = store
        self._kind = kind
        self._title = title
        self._by_scope: dict[int | None, list[Stored]] = {}
        self._read_at = -1

    def all(self, scope: int | None = None) -> list[Stored]:
        """Return the documents of one scope, or all, in the order of creation."""
        if self._read_at != self._store.documents_version:
            self._by_scope, self._read_at = {}, self._store.documents_version
        if scope not in self._by_scope:
            rows = self._store.execute(
                "SELECT key, identifier, blueprint, document FROM resource "
                "WHERE kind = ? AND (? IS NULL OR scope = ?) ORDER BY key",
                (self._kind, scope, scope),
            )
            self._by_scope[scope] = [
                Stored(row[0], row[1], row[2], json.loads(row[3])) for row in rows
            ]
        return self._by_scope[scope]

    def find(self, identifier: str, scope: int = 0) -> Stored | None:
        """Return a document, or None."""
        for stored in self.all(scope):
            if stored.identifier == identifier:
                return stored
        return None

    def get(self, identifier: str, scope: int = 0) -> Stored:
        """Return a document; raise a 404 error if there is none."""
        found = self.find(identifier, scope)
        if found is None:
            raise errors.not_found(self._title, identifier)
        return found

    def create(
        self,
        identifier: str,
        body: Document,
        author: str,
        *,
        scope: int = 0,
        blueprint: int | None = None,
    ) -> Stored:
        """Store a new document; raise a 409 error if its identifier is taken."""
        if self.find(identifier, scope) is not None:
            raise errors.identifier_taken(self._title, identifier)
        moment = self._store.now()
        document = {
            **sent_members(body),
            "createdAt": moment,
            "createdBy": author,
            "updatedAt": moment,
            "updatedBy": author,
        }
        key = self._store.execute(
            "INSERT INTO resource(kind, scope, identifier, blueprint, document) "
            "VALUES (?, ?, ?, ?, ?)",
            (self._kind, scope, identifier, blueprint, dump(document)),
        ).lastrowid
        self._store.forget_documents()
        return Stored(int(key or 0), identifier, blueprint, document)

    def replace(
        self,
        old: Stored,
        body: Document,
        author: str,
        *,
        identifier: str | None = None,
        scope: int = 0,
    ) -> Stored:
        """Put a whole body in a document's place, under a new identifier if one is given."""
        new = identifier or old.identifier
        if new != old.identifier and self.find(new, scope) is not None:
            raise errors.identifier_taken(self._title, new)
        document = {
            **sent_members(body),
            "createdAt": old.document["createdAt"],
            "createdBy": old.document["createdBy"],
            "updatedAt": self._store.now(),
            "updatedBy": author,
        }
        self._store.execute(
            "UPDATE resource SET identifier = ?, document = ? WHERE key = ?",
            (new, dump(document), old.key),
        )
        self._store.forget_documents()
        return Stored(old.key, new, old.blueprint, document)

    def patch(self, old: Stored, body: Document, author: str) -> Stored:
        """Change the members given, the rest stays."""
        return self.replace(old, {**old.document, **body}, author)

    def delete(self, stored: Stored) -> None:
        """Remove a document."""
        self._store.execute("DELETE FROM resource WHERE key = ?", (stored.key,))
        self._store.forget_documents()


def sent_members(document: Document) -> Document:
    """Return a document without the members that only Port writes."""
    return {name: value for name, value in document.items() if name not in METADATA}
