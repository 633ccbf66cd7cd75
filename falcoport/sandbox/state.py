"""The parts of one sandbox, put together once and handed to whatever answers requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.sandbox.automation.engine import Engine, Parts
from falcoport.sandbox.automation.runs import Runs
from falcoport.sandbox.catalogs import blueprints_of
from falcoport.sandbox.expressions.limited import LimitedJq
from falcoport.sandbox.ingestion.ingest import Ingest
from falcoport.sandbox.storage.aggregates import Aggregates
from falcoport.sandbox.storage.audit import Actor, Audit
from falcoport.sandbox.storage.blueprints import Blueprints
from falcoport.sandbox.storage.computed import Computed
from falcoport.sandbox.storage.documents import Documents
from falcoport.sandbox.storage.entities import Entities
from falcoport.sandbox.storage.migrations import Migrations
from falcoport.sandbox.storage.pages import Pages
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
    url: str
    store: Store
    audit: Audit
    tokens: Tokens
    blueprints: Blueprints
    pages: Pages
    entities: Entities
    search: Search
    migrations: Migrations
    webhooks: Webhooks
    jq: LimitedJq
    aggregates: Aggregates
    runs: Runs
    engine: Engine
    ingest: Ingest
    by_kind: dict[str, Documents] = field(default_factory=dict)

    def documents(self, kind: str, title: str) -> Documents:
        """Return the documents of a kind of resource, called `title` in errors."""
        if kind not in self.by_kind:
            self.by_kind[kind] = Documents(self.store, kind, title)
        return self.by_kind[kind]

    def close(self) -> None:
        """End the processes that evaluate expressions."""
        self.jq.close()

    def forget(self) -> None:
        """Drop what was read of changes that are undone."""
        self.blueprints.forget()
        self.webhooks.forget()
        self.store.forget_documents()


def build_state(options: SandboxOptions, store: Store, url: str) -> State:
    """Return the parts of a sandbox that keeps its state in `store` and answers at `url`.

    `url` has no slash at its end.
    """
    audit = Audit(store)
    blueprints = Blueprints(store, options, audit)
    webhooks = Webhooks(store, url, audit)
    entities = Entities(store, blueprints, audit)
    audit.current = entities.stored_by_key
    search = Search(store, blueprints, entities)
    entities.find = search.find
    jq = LimitedJq()
    aggregates = Aggregates(store, blueprints, entities, search)
    entities.listeners.append(aggregates.note)
    blueprints.watcher = aggregates.wake
    scorecards = Documents(store, "scorecard", "Scorecard")
    computed = Computed(store, blueprints, entities, aggregates, scorecards, jq)
    entities.compute = computed.add
    tokens = Tokens(store, options.token_lifetime)
    actions, secrets = Documents(store, "action", "Action"), Documents(store, "secret", "Secret")
    runs = Runs(store, audit)
    parts = Parts(audit, blueprints, entities, tokens, actions, secrets, runs, jq)
    engine = Engine(store, parts, url)
    entities.listeners.append(engine.note)
    state = State(
        options=options,
        url=url,
        store=store,
        audit=audit,
        tokens=tokens,
        blueprints=blueprints,
        pages=Pages(store, blueprints),
        entities=entities,
        search=search,
        migrations=Migrations(store, blueprints, entities),
        webhooks=webhooks,
        jq=jq,
        aggregates=aggregates,
        runs=runs,
        engine=engine,
        ingest=Ingest(store, blueprints, webhooks, entities, audit, options.on_missing_relation),
    )
    _fill_catalog(state)
    return state


def _fill_catalog(state: State) -> None:
    """Create the blueprints that the options ask for, but for those that are there."""
    actor = Actor("port", origin="INTEGRATION")
    with state.store.transaction():
        for blueprint in blueprints_of(state.options.catalog):
            if blueprint["identifier"] not in state.blueprints.all():
                state.blueprints.create(blueprint, actor)
                state.pages.create_for_blueprint(
                    blueprint["identifier"], actor.name, with_catalog=True
                )
