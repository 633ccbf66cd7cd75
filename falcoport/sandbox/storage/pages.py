"""Pages: what Port makes beside a blueprint, and what people add.

Port makes a catalog page, whose identifier is the blueprint's with an `s` appended unless it ends
in one (Terraform provider 2026-08, its acceptance test of catalog pages), and the page of one
entity, `<blueprint>Entity` (Terraform provider, its documentation of pages). The whole rule of
plurals is not documented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcoport.sandbox.storage.documents import Documents, Stored

if TYPE_CHECKING:
    from falcoport.sandbox.storage.blueprints import Blueprint, Blueprints
    from falcoport.sandbox.storage.store import Store

Document = dict[str, Any]

ENTITY_PAGE_SUFFIX = "Entity"


class Pages:
    """The pages of one sandbox; writes run inside a transaction of the caller."""

    def __init__(self, store: Store, blueprints: Blueprints) -> None:
        self.documents = Documents(store, "page", "Page")
        self._blueprints = blueprints

    def create_for_blueprint(self, identifier: str, author: str, *, with_catalog: bool) -> None:
        """Make the pages of a new blueprint, but for those whose name is taken."""
        blueprint = self._blueprints.get(identifier)
        if with_catalog:
            self._create_unless_taken(blueprint, _catalog_page(blueprint.document), author)
        self._create_unless_taken(blueprint, _entity_page(blueprint.document), author)

    def _create_unless_taken(self, blueprint: Blueprint, page: Document, author: str) -> None:
        if self.documents.find(page["identifier"]) is None:
            self.documents.create(page["identifier"], page, author, blueprint=blueprint.key)

    def all(self) -> list[Document]:
        """Return every page, in the order of creation."""
        return [self.shown(stored) for stored in self.documents.all(0)]

    def get(self, identifier: str) -> Document:
        """Return a page; raise a 404 error if there is none."""
        return self.shown(self.documents.get(identifier))

    def shown(self, stored: Stored) -> Document:
        """Return a page as Port answers it: it follows a blueprint that was renamed."""
        if stored.blueprint is None:
            return stored.document
        blueprint = self._blueprints.by_key(stored.blueprint).identifier
        return {**stored.document, "blueprint": blueprint}


def _catalog_page(blueprint: Document) -> Document:
    return {
        "identifier": plural(blueprint["identifier"]),
        "type": "blueprint-entities",
        "title": plural(blueprint["title"]),
        "icon": blueprint.get("icon", "Microservice"),
        "blueprint": blueprint["identifier"],
        "parent": None,
        "after": None,
        "locked": False,
        "sidebar": "catalog",
        "widgets": [
            {
                "id": "table",
                "type": "table-entities-explorer",
                "blueprint": blueprint["identifier"],
                "dataset": _all_of(blueprint["identifier"]),
            }
        ],
    }


def _entity_page(blueprint: Document) -> Document:
    return {
        "identifier": f"{blueprint['identifier']}{ENTITY_PAGE_SUFFIX}",
        "type": "entity",
        "title": blueprint["title"],
        "icon": blueprint.get("icon", "Microservice"),
        "blueprint": blueprint["identifier"],
        "widgets": [_entity_tabs()],
    }


def _entity_tabs() -> Document:
    """Return what the page of an entity shows at first (Terraform provider, its example)."""
    details = {
        "id": "entityDetails",
        "type": "entity-info",
        "title": "Details",
        "blueprint": "{{blueprint}}",
        "entity": "{{url.identifier}}",
    }
    overview = {
        "id": "overviewDashboard",
        "type": "dashboard-widget",
        "layout": [{"height": 400, "columns": [{"id": "entityDetails", "size": 12}]}],
        "widgets": [details],
    }
    related = {"id": "relatedTable", "type": "table-entities-explorer-by-direction"}
    query = {"entity": "{{url.identifier}}", "blueprint": "{{blueprint}}"}
    audit = {"id": "auditLogTable", "type": "table-audit-log", "query": query}
    return {
        "id": "entityPageGrouper",
        "type": "grouper",
        "displayMode": "tabs",
        "activeGroupUrlParam": "activeTab",
        "groupsOrder": ["Overview", "Related Entities", "Audit Log"],
        "groups": [
            {"title": "Overview", "widgets": [overview]},
            {"title": "Related Entities", "widgets": [related]},
            {"title": "Audit Log", "widgets": [audit]},
        ],
    }


def _all_of(blueprint: str) -> Document:
    rule = {"property": "$blueprint", "operator": "=", "value": blueprint}
    return {"combinator": "and", "rules": [rule]}


def plural(word: str) -> str:
    """Return the word with an `s` at its end."""
    return word if word.endswith("s") else f"{word}s"
