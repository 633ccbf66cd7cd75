"""Catalog pages: what Port makes beside a blueprint, and what its clients look up.

Port appends an `s` to the blueprint's identifier, unless it ends in one (Terraform provider
2026-08, its acceptance test of catalog pages); the whole rule is not documented.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from falcoport.sandbox import errors
from falcoport.sandbox.storage.store import dump, now

if TYPE_CHECKING:
    from falcoport.sandbox.storage.store import Store

Document = dict[str, Any]


class CatalogPages:
    """The pages of one sandbox; writes run inside a transaction of the caller."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, blueprint: Document, author: str) -> None:
        """Make the page of a new blueprint, unless there is one by its name."""
        identifier = plural(blueprint["identifier"])
        moment = now()
        page = {
            "identifier": identifier,
            "type": "blueprint-entities",
            "title": plural(blueprint["title"]),
            "icon": blueprint.get("icon", "Microservice"),
            "blueprint": blueprint["identifier"],
            "parent": None,
            "after": None,
            "locked": False,
            "widgets": [],
            "createdAt": moment,
            "createdBy": author,
            "updatedAt": moment,
            "updatedBy": author,
        }
        self._store.execute(
            "INSERT OR IGNORE INTO page(identifier, blueprint, document) "
            "SELECT ?, key, ? FROM blueprint WHERE identifier = ?",
            (identifier, dump(page), blueprint["identifier"]),
        )

    def get(self, identifier: str) -> Document:
        """Return a page; raise a 404 error if there is none."""
        row = self._store.one(
            "SELECT page.document, blueprint.identifier FROM page "
            "JOIN blueprint ON blueprint.key = page.blueprint WHERE page.identifier = ?",
            (identifier,),
        )
        if row is None:
            raise errors.not_found("Page", identifier)
        # The page follows a blueprint that was renamed.
        return {**json.loads(row[0]), "blueprint": row[1]}

    def delete(self, identifier: str) -> None:
        """Remove a page; raise a 404 error if there is none."""
        self.get(identifier)
        self._store.execute("DELETE FROM page WHERE identifier = ?", (identifier,))


def plural(word: str) -> str:
    """Return the word with an `s` at its end."""
    return word if word.endswith("s") else f"{word}s"
