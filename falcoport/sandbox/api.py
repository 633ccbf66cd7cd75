"""The sandbox's REST API: Port's paths, each with the schema of its body and what it does.

Paths, envelopes and status codes are those of Port's published API description (2026-01) and of
its Terraform provider (2026-08), where the description is silent.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from falcoport.sandbox import refusals, schemas
from falcoport.sandbox.entities import Mode
from falcoport.sandbox.options import OnMissingRelation
from falcoport.sandbox.requests import check, flag
from falcoport.sandbox.tokens import ORGANIZATION_ID, Caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping

    from falcoport.sandbox.blueprints import Blueprint, Blueprints
    from falcoport.sandbox.catalog_pages import CatalogPages
    from falcoport.sandbox.entities import Entities, Written
    from falcoport.sandbox.migrations import Migrations
    from falcoport.sandbox.schemas import Schema
    from falcoport.sandbox.search import Candidate, Search
    from falcoport.sandbox.tokens import Tokens
    from falcoport.sandbox.webhooks import Webhooks

Document = dict[str, Any]

NOBODY = Caller("", is_admin=False)


@dataclass(frozen=True)
class Call:
    """One request, authenticated and checked: `path` has the decoded path parameters."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    listed: Mapping[str, tuple[str, ...]]
    body: Any
    caller: Caller
    agent: str

    @property
    def author(self) -> str:
        """Who `createdBy` and `updatedBy` name."""
        return self.caller.client_id


@dataclass(frozen=True)
class Answer:
    """What a call is answered: a JSON body, or one list in it that is sent as it is read.

    With `entities`, its elements are the pages of a list under that name, and `body` is read
    behind the last one. A `trial` is undone: the answer is all that there is of it.
    """

    status: int = 200
    body: Document = field(default_factory=dict)
    entities: AsyncIterator[list[Document]] | None = None
    trial: bool = False


@dataclass(frozen=True)
class Endpoint:
    """One method of one path.

    `schema` checks the body, None if there is none. `needs_admin` refuses a member. A `writes`
    endpoint runs inside a transaction.
    """

    method: str
    path: str
    run: Callable[[Call], Answer | Awaitable[Answer]]
    schema: Schema | None = None
    is_public: bool = False
    needs_admin: bool = False
    writes: bool = False


def ok(status: int = 200, **members: Any) -> Answer:
    """Return an answer in Port's envelope."""
    return Answer(status, {"ok": True, **members})


@dataclass(frozen=True)
class Api:
    """The calls, on the parts of one sandbox."""

    tokens: Tokens
    blueprints: Blueprints
    pages: CatalogPages
    entities: Entities
    search: Search
    migrations: Migrations
    webhooks: Webhooks

    def endpoints(self) -> Iterable[Endpoint]:
        """Return every call that there is."""
        yield Endpoint("POST", "/v1/auth/access_token", self.token, schemas.TOKEN, is_public=True)
        yield Endpoint("GET", "/v1/organization", self.organization)
        yield Endpoint("GET", "/v1/pages/{page}", self.get_page)
        yield Endpoint("DELETE", "/v1/pages/{page}", self.delete_page, writes=True)
        yield from self._blueprint_endpoints()
        yield from self._migration_endpoints()
        yield from self._webhook_endpoints()
        yield from self._entity_endpoints()

    def _blueprint_endpoints(self) -> Iterable[Endpoint]:
        all_of_them, one = "/v1/blueprints", "/v1/blueprints/{blueprint}"
        yield Endpoint("GET", all_of_them, self.list_blueprints)
        yield Endpoint(
            "POST", all_of_them, self.create_blueprint, schemas.BLUEPRINT_POST, writes=True
        )
        yield Endpoint("GET", one, self.get_blueprint)
        yield Endpoint("PUT", one, self.put_blueprint, schemas.BLUEPRINT_PUT, writes=True)
        yield Endpoint("PATCH", one, self.patch_blueprint, schemas.BLUEPRINT_PATCH, writes=True)
        yield Endpoint("DELETE", one, self.delete_blueprint, writes=True)
        yield Endpoint("GET", f"{one}/entities-count", self.count_entities)
        for group, run, schema in (
            ("properties", self.rename_property, schemas.RENAME_PROPERTY),
            ("relations", self.rename_relation, schemas.RENAME_RELATION),
            ("mirror", self.rename_mirror, schemas.RENAME_MIRROR),
        ):
            yield Endpoint("PATCH", f"{one}/{group}/{{member}}/rename", run, schema, writes=True)

    def _migration_endpoints(self) -> Iterable[Endpoint]:
        all_of_them, one = "/v1/migrations", "/v1/migrations/{migration}"
        delete_all = "/v1/blueprints/{blueprint}/all-entities"
        yield Endpoint("DELETE", delete_all, self.delete_all_entities, writes=True)
        yield Endpoint("GET", all_of_them, self.list_migrations)
        yield Endpoint("POST", all_of_them, self.migrate, schemas.MIGRATION, writes=True)
        yield Endpoint("GET", one, self.get_migration)
        yield Endpoint("POST", f"{one}/cancel", self.cancel, schemas.CANCEL, writes=True)

    def _webhook_endpoints(self) -> Iterable[Endpoint]:
        all_of_them, one = "/v1/webhooks", "/v1/webhooks/{webhook}"
        yield Endpoint("GET", all_of_them, self.list_webhooks, needs_admin=True)
        yield Endpoint(
            "POST",
            all_of_them,
            self.create_webhook,
            schemas.WEBHOOK_PUT,
            needs_admin=True,
            writes=True,
        )
        yield Endpoint("GET", f"{all_of_them}/metadata", self.webhook_metadata)
        yield Endpoint("GET", one, self.get_webhook, needs_admin=True)
        for method, run, schema in (
            ("PUT", self.put_webhook, schemas.WEBHOOK_PUT),
            ("PATCH", self.patch_webhook, schemas.WEBHOOK_PATCH),
            ("DELETE", self.delete_webhook, None),
        ):
            yield Endpoint(method, one, run, schema, needs_admin=True, writes=True)

    def _entity_endpoints(self) -> Iterable[Endpoint]:
        all_of_them = "/v1/blueprints/{blueprint}/entities"
        one = f"{all_of_them}/{{entity}}"
        yield Endpoint("GET", all_of_them, self.list_entities)
        yield Endpoint("POST", all_of_them, self.create_entity, schemas.ENTITY, writes=True)
        yield Endpoint("GET", one, self.get_entity)
        yield Endpoint("PUT", one, self.put_entity, schemas.ENTITY, writes=True)
        yield Endpoint("PATCH", one, self.patch_entity, schemas.ENTITY, writes=True)
        yield Endpoint("DELETE", one, self.delete_entity, writes=True)
        yield Endpoint(
            "POST", f"{all_of_them}/bulk", self.bulk_create, schemas.BULK_ENTITIES, writes=True
        )
        bulk_delete = "/v1/blueprints/{blueprint}/bulk/entities/delete"
        yield Endpoint("POST", bulk_delete, self.bulk_delete, schemas.BULK_DELETE, writes=True)
        search = f"{all_of_them}/search"
        yield Endpoint("POST", search, self.search_blueprint, schemas.BLUEPRINT_SEARCH)
        yield Endpoint("POST", "/v1/entities/search", self.search_all, schemas.SEARCH)
        by_source = "/v1/blueprints/entities/datasource-entities"
        yield Endpoint("POST", by_source, self.search_datasource, schemas.DATASOURCE_SEARCH)
        # Last, since an entity may be called "structure".
        structure = "/v1/blueprints/system/{blueprint}/structure"
        yield Endpoint("GET", structure, self.system_structure)

    # --- token, organization ----------------------------------------------------------------

    def token(self, call: Call) -> Answer:
        """Exchange a client id and secret for a token."""
        body = call.body
        return Answer(body=self.tokens.issue(body["clientId"], body["clientSecret"]))

    def organization(self, _call: Call) -> Answer:
        """Tell what Port's clients ask about the account."""
        return ok(
            organization={"id": ORGANIZATION_ID, "name": "falcoport sandbox", "featureFlags": []}
        )

    # --- pages ------------------------------------------------------------------------------

    def get_page(self, call: Call) -> Answer:
        """Show a catalog page."""
        return ok(page=self.pages.get(call.path["page"]))

    def delete_page(self, call: Call) -> Answer:
        """Delete a catalog page."""
        self.pages.delete(call.path["page"])
        return ok()

    # --- blueprints -------------------------------------------------------------------------

    def list_blueprints(self, _call: Call) -> Answer:
        """List the blueprints."""
        return ok(blueprints=[blueprint.document for blueprint in self.blueprints.listed()])

    def create_blueprint(self, call: Call) -> Answer:
        """Create a blueprint, and its page unless that is not wanted."""
        with_page = flag(call.query, "create_catalog_page", default=True)
        blueprint = self.blueprints.create(call.body, call.author)
        if with_page:
            self.pages.create(blueprint, call.author)
        return ok(201, blueprint=blueprint)

    def get_blueprint(self, call: Call) -> Answer:
        """Show a blueprint."""
        return ok(blueprint=self.blueprints.get(call.path["blueprint"]).document)

    def put_blueprint(self, call: Call) -> Answer:
        """Replace a blueprint."""
        blueprint = self.blueprints.replace(call.path["blueprint"], call.body, call.author)
        return ok(blueprint=blueprint)

    def patch_blueprint(self, call: Call) -> Answer:
        """Change the given fields of a blueprint."""
        blueprint = self.blueprints.patch(call.path["blueprint"], call.body, call.author)
        return ok(blueprint=blueprint)

    def delete_blueprint(self, call: Call) -> Answer:
        """Delete a blueprint without entities."""
        flag(call.query, "delete_actions")
        self.blueprints.delete(call.path["blueprint"])
        return ok()

    def count_entities(self, call: Call) -> Answer:
        """Count a blueprint's entities."""
        return ok(count=self.blueprints.count(self._blueprint(call)))

    def system_structure(self, call: Call) -> Answer:
        """Show what one of Port's own blueprints has by itself."""
        return ok(blueprint=self.blueprints.structure(call.path["blueprint"]))

    def rename_property(self, call: Call) -> Answer:
        """Rename a property; entities keep its values."""
        return self._rename(call, "properties", call.body["newPropertyName"])

    def rename_relation(self, call: Call) -> Answer:
        """Rename a relation; entities stay related."""
        return self._rename(call, "relations", call.body["newRelationIdentifier"])

    def rename_mirror(self, call: Call) -> Answer:
        """Rename a mirror property."""
        return self._rename(call, "mirrorProperties", next(iter(call.body.values())))

    def _rename(self, call: Call, group: str, name: str) -> Answer:
        blueprint = self.blueprints.rename_member(
            call.path["blueprint"], group, call.path["member"], name, call.author
        )
        return ok(blueprint=blueprint)

    # --- migrations -------------------------------------------------------------------------

    def delete_all_entities(self, call: Call) -> Answer:
        """Start to delete a blueprint's entities, and itself if asked."""
        migration = self.migrations.delete_all(
            self._blueprint(call),
            call.author,
            with_blueprint=flag(call.query, "delete_blueprint"),
        )
        return ok(migrationId=migration)

    def migrate(self, call: Call) -> Answer:
        """Start to move a blueprint's entities to another one."""
        return ok(201, migration=self.migrations.move(call.body, call.author))

    def list_migrations(self, call: Call) -> Answer:
        """List the migrations, of a status, an actor or a blueprint."""
        wanted = {
            member: call.listed[name]
            for name, member in (
                ("status", "status"),
                ("actor", "actor"),
                ("blueprint", "sourceBlueprint"),
            )
            if name in call.listed
        }
        return ok(
            migrations=[
                migration
                for migration in self.migrations.all()
                if all(migration[member] in values for member, values in wanted.items())
            ]
        )

    def get_migration(self, call: Call) -> Answer:
        """Show a migration."""
        return ok(migration=self.migrations.get(call.path["migration"]))

    def cancel(self, call: Call) -> Answer:
        """Stop a migration that is under way."""
        reason = call.body.get("reason", "")
        return ok(migration=self.migrations.cancel(call.path["migration"], reason))

    # --- webhooks ---------------------------------------------------------------------------

    def list_webhooks(self, _call: Call) -> Answer:
        """List the webhooks."""
        found = self.webhooks.all().values()
        return ok(integrations=[self.webhooks.shown(webhook) for webhook in found])

    def webhook_metadata(self, _call: Call) -> Answer:
        """List what a member may know of the webhooks."""
        names = ("identifier", "title", "icon", "updatedAt")
        return ok(
            integrations=[
                {name: webhook.document[name] for name in names if name in webhook.document}
                for webhook in self.webhooks.all().values()
            ]
        )

    def create_webhook(self, call: Call) -> Answer:
        """Create a webhook."""
        return ok(201, integration=self.webhooks.create(call.body, call.author))

    def get_webhook(self, call: Call) -> Answer:
        """Show a webhook."""
        webhook = self.webhooks.get(call.path["webhook"])
        return ok(integration=self.webhooks.shown(webhook))

    def put_webhook(self, call: Call) -> Answer:
        """Replace a webhook's configuration."""
        webhook = self.webhooks.replace(call.path["webhook"], call.body, call.author)
        return ok(integration=webhook)

    def patch_webhook(self, call: Call) -> Answer:
        """Change the given fields of a webhook."""
        webhook = self.webhooks.patch(call.path["webhook"], call.body, call.author)
        return ok(integration=webhook)

    def delete_webhook(self, call: Call) -> Answer:
        """Delete a webhook."""
        self.webhooks.delete(call.path["webhook"])
        return ok()

    # --- entities ---------------------------------------------------------------------------

    def list_entities(self, call: Call) -> Answer:
        """List a blueprint's entities."""
        return Answer(body={"ok": True}, entities=self._pages(self._blueprint(call), call))

    async def _pages(self, blueprint: Blueprint, call: Call) -> AsyncIterator[list[Document]]:
        include, exclude = _wanted(call)
        after = 0
        while rows := self.entities.page(blueprint, after, _PAGE):
            shown = self._titled(call, blueprint, self.entities.shown(rows))
            yield [trimmed(entity, include, exclude) for entity in shown]
            after = rows[-1].key

    def _titled(self, call: Call, blueprint: Blueprint, shown: list[Document]) -> list[Document]:
        if not flag(call.query, "attach_title_to_relation"):
            return shown
        return self.entities.with_titles(blueprint, shown)

    def create_entity(self, call: Call) -> Answer:
        """Create an entity, or with `upsert` replace or with `merge` as well change it."""
        trial = flag(call.query, "validation_only")
        written = self._create(call, call.body)
        body = {"ok": True, "entity": self.entities.by_key(written.key)}
        return Answer(201, body, trial=trial)

    def _create(self, call: Call, body: Document) -> Written:
        upsert, merge = flag(call.query, "upsert"), flag(call.query, "merge")
        mode = Mode.CREATE
        if upsert:
            mode = Mode.MERGE if merge else Mode.REPLACE
        return self.entities.write(
            self._blueprint(call),
            body,
            mode,
            call.author,
            datasource=call.agent,
            missing=_on_missing(call),
        )

    def bulk_create(self, call: Call) -> Answer:
        """Create up to 20 entities, each by itself: what is refused does not stop the others."""
        trial = flag(call.query, "validation_only")
        self._blueprint(call)
        written: list[Document] = []
        errors: list[Document] = []
        for index, body in enumerate(call.body["entities"]):
            try:
                check(body, schemas.ENTITY)
                one = self._create(call, body)
            except refusals.Refusal as refusal:
                errors.append(
                    {
                        "identifier": body.get("identifier"),
                        "index": index,
                        "statusCode": refusal.status,
                        "error": refusal.error,
                        "message": refusal.message,
                    }
                )
                continue
            written.append(
                {
                    "created": one.created,
                    "identifier": one.identifier,
                    "index": index,
                    "additionalData": {},
                }
            )
        status = 207 if errors else 200
        return Answer(status, {"ok": True, "entities": written, "errors": errors}, trial=trial)

    def bulk_delete(self, call: Call) -> Answer:
        """Delete up to 100 entities, all of them or none."""
        dependents = flag(call.query, "delete_dependents")
        deleted = self.entities.delete(
            self._blueprint(call), call.body["entities"], dependents=dependents
        )
        return ok(deletedEntities=deleted)

    def get_entity(self, call: Call) -> Answer:
        """Show an entity."""
        entity = self.entities.one(self._blueprint(call), call.path["entity"])
        return ok(entity=trimmed(entity, *_wanted(call)))

    def put_entity(self, call: Call) -> Answer:
        """Replace an entity that exists."""
        return self._change(call, Mode.REPLACE)

    def patch_entity(self, call: Call) -> Answer:
        """Change the given parts of an entity."""
        return self._change(call, Mode.MERGE)

    def _change(self, call: Call, mode: Mode) -> Answer:
        blueprint = self._blueprint(call)
        old = self.entities.existing(blueprint, call.path["entity"])
        written = self.entities.write(
            blueprint,
            call.body,
            mode,
            call.author,
            datasource=call.agent,
            missing=_on_missing(call),
            at=old.identifier,
        )
        return ok(entity=self.entities.by_key(written.key))

    def delete_entity(self, call: Call) -> Answer:
        """Delete an entity."""
        dependents = flag(call.query, "delete_dependents")
        blueprint = self._blueprint(call)
        self.entities.delete(blueprint, [call.path["entity"]], dependents=dependents)
        return ok()

    # --- searching --------------------------------------------------------------------------

    async def search_blueprint(self, call: Call) -> Answer:
        """Give a page of the entities of one blueprint that match."""
        body = call.body
        limit = int(body.get("limit", _SEARCH_PAGE))
        query = body.get("query") or _ANYTHING
        found: list[Candidate] = []
        pages = self.search.pages(self._blueprint(call), query, _cursor(body.get("from")))
        async for page in pages:
            found += page
            if len(found) > limit:
                break
            await asyncio.sleep(0)
        include, exclude = body.get("include", ()), body.get("exclude", ())
        shown = [trimmed(candidate.shown, include, exclude) for candidate in found[:limit]]
        if len(found) > limit:
            return ok(entities=shown, next=str(found[limit - 1].row.key))
        return ok(entities=shown)

    def search_all(self, call: Call) -> Answer:
        """Give all entities of the catalog that match."""
        body: Document = {"ok": True, "matchingBlueprints": []}
        return Answer(body=body, entities=self._matches(call, body["matchingBlueprints"]))

    async def _matches(self, call: Call, matching: list[str]) -> AsyncIterator[list[Document]]:
        include, exclude = _wanted(call)
        for blueprint in self.search.blueprints_of(call.body):
            async for page in self.search.pages(blueprint, call.body):
                if page and blueprint.identifier not in matching:
                    matching.append(blueprint.identifier)
                shown = [candidate.shown for candidate in page]
                titled = self._titled(call, blueprint, shown)
                yield [trimmed(entity, include, exclude) for entity in titled]

    async def search_datasource(self, call: Call) -> Answer:
        """Give a page of the entities that came from a source, as Port's integrations ask."""
        prefix = call.body.get("datasource_prefix", "")
        suffix = call.body.get("datasource_suffix", "")
        limit = int(call.body.get("limit", _SEARCH_PAGE))
        after = _cursor(call.body.get("from"))
        found: list[Document] = []
        while rows := self.entities.page_of_all(after, _PAGE):
            for row in rows:
                after = row.key
                source = row.document.get("datasource", "")
                if source and source.startswith(prefix) and source.endswith(suffix):
                    blueprint = self.blueprints.by_key(row.blueprint).identifier
                    found.append({"identifier": row.identifier, "blueprint": blueprint})
                    if len(found) == limit:
                        return ok(entities=found, next=str(after))
            await asyncio.sleep(0)
        return ok(entities=found)

    def _blueprint(self, call: Call) -> Blueprint:
        return self.blueprints.get(call.path["blueprint"])


_PAGE = 500
_SEARCH_PAGE = 200
"""How many entities a page of a search has unless asked otherwise (Port API)."""
_ANYTHING: Document = {"combinator": "and", "rules": []}


def _wanted(call: Call) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return call.listed.get("include", ()), call.listed.get("exclude", ())


def _cursor(text: str | None) -> int:
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < _CURSOR_DIGITS):
        raise refusals.invalid('"from" is not what an answer gave as "next"')
    return int(text)


_CURSOR_DIGITS = 19


def trimmed(entity: Document, include: Collection[str], exclude: Collection[str]) -> Document:
    """Return an entity with the fields included and without those excluded.

    Names are those of properties and relations, alone or behind `properties.` and `relations.`,
    and of the other fields, alone or behind `$`. The identifier and the blueprint always stay.
    """
    if not include and not exclude:
        return entity

    def stays(*names: str) -> bool:
        if include and not any(name in include for name in names):
            return False
        return not any(name in exclude for name in names)

    kept: Document = {}
    for field_name, value in entity.items():
        if field_name in ("properties", "relations"):
            kept[field_name] = {
                name: one
                for name, one in value.items()
                if stays(name, f"{field_name}.{name}", field_name)
            }
        elif field_name in ("identifier", "blueprint") or stays(field_name, f"${field_name}"):
            kept[field_name] = value
    return kept


def _on_missing(call: Call) -> OnMissingRelation:
    if flag(call.query, "create_missing_related_entities"):
        return OnMissingRelation.CREATE
    return OnMissingRelation.REJECT


def forbidden(endpoint: Endpoint, caller: Caller) -> refusals.Refusal | None:
    """Return the refusal of a caller that may not make a call, or None."""
    if endpoint.needs_admin and not caller.is_admin:
        return refusals.missing_permissions()
    return None
