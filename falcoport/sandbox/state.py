"""The parts of one sandbox, put together once and handed to whatever answers requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.sandbox.ingestion.ingest import Ingest
from falcoport.sandbox.storage.blueprints import Blueprints
from falcoport.sandbox.storage.entities import Entities
from falcoport.sandbox.storage.migrations import Migrations
from falcoport.sandbox.storage.pages import CatalogPages
from falcoport.sandbox.storage.search import Search
from falcoport.sandbox.storage.tokens import Tokens
from falcoport.sandbox.storage.webhooks import Webhooks

if TYPE_CHECKING:
    from falcoport.sandbox.options import SandboxOptions
    from falcoport.sandbox.storage.store import Store


@dataclass(frozen=True)
class State:
    """What the handlers of requests work on."""

    options: SandboxOptions
    store: Store
    tokens: Tokens
    blueprints: Blueprints
    pages: CatalogPages
    entities: Entities
    search: Search
    migrations: Migrations
    webhooks: Webhooks
    ingest: Ingest

    def forget(self) -> None:
        """Drop what was read of changes that are undone."""
        self.blueprints.forget()
        self.webhooks.forget()


def build_state(options: SandboxOptions, store: Store, url: str) -> State:
    """Return the parts of a sandbox that keeps its state in `store` and answers at `url`.

    `url` has no slash at its end.
    """
    blueprints = Blueprints(store, options.on_nested_patch)
    webhooks = Webhooks(store, url)
    entities = Entities(store, blueprints)
    search = Search(store, blueprints, entities)
    entities.find = search.find
    return State(
        options=options,
        store=store,
        tokens=Tokens(store, options.token_lifetime),
        blueprints=blueprints,
        pages=CatalogPages(store),
        entities=entities,
        search=search,
        migrations=Migrations(store, blueprints, entities),
        webhooks=webhooks,
        ingest=Ingest(store, blueprints, webhooks, entities, options.on_missing_relation),
    )
