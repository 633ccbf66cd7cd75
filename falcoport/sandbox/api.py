"""The sandbox's REST API: Port's paths, each with the schema of its body and what it does.

Paths, envelopes and status codes are those of Port's published API description (2026-01) and of
its Terraform provider (2026-08), where the description is silent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from falcoport.sandbox import refusals, schemas
from falcoport.sandbox.entities import Mode
from falcoport.sandbox.options import OnMissingRelation
from falcoport.sandbox.requests import flag
from falcoport.sandbox.tokens import ORGANIZATION_ID, Caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from falcoport.sandbox.blueprints import Blueprint, Blueprints
    from falcoport.sandbox.entities import Entities
    from falcoport.sandbox.schemas import Schema
    from falcoport.sandbox.store import Store
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

    With `entities`, the body is `{"ok": true, "entities": […]}` and each element of the iterator
    is a page of it.
    """

    status: int = 200
    body: Document = field(default_factory=dict)
    entities: AsyncIterator[list[Document]] | None = None


@dataclass(frozen=True)
class Endpoint:
    """One method of one path.

    `schema` checks the body, None if there is none. `needs_admin` refuses a member. A `writes`
    endpoint runs inside a transaction.
    """

    method: str
    path: str
    run: Callable[[Call], Answer]
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

    store: Store
    tokens: Tokens
    blueprints: Blueprints
    entities: Entities
    webhooks: Webhooks

    def endpoints(self) -> Iterable[Endpoint]:
        """Return every call that there is."""
        yield Endpoint("POST", "/v1/auth/access_token", self.token, schemas.TOKEN, is_public=True)
        yield Endpoint("GET", "/v1/organization", self.organization)
        yield from self._blueprint_endpoints()
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

    # --- blueprints -------------------------------------------------------------------------

    def list_blueprints(self, _call: Call) -> Answer:
        """List the blueprints."""
        return ok(blueprints=[blueprint.document for blueprint in self.blueprints.listed()])

    def create_blueprint(self, call: Call) -> Answer:
        """Create a blueprint."""
        return ok(201, blueprint=self.blueprints.create(call.body, call.author))

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
        return Answer(entities=self._pages(self._blueprint(call)))

    async def _pages(self, blueprint: Blueprint) -> AsyncIterator[list[Document]]:
        after = 0
        while rows := self.entities.page(blueprint, after, _PAGE):
            yield self.entities.shown(rows)
            after = rows[-1].key

    def create_entity(self, call: Call) -> Answer:
        """Create an entity, or with `upsert` replace or with `merge` as well change it."""
        upsert, merge = flag(call.query, "upsert"), flag(call.query, "merge")
        mode = Mode.CREATE
        if upsert:
            mode = Mode.MERGE if merge else Mode.REPLACE
        written = self.entities.write(
            self._blueprint(call),
            call.body,
            mode,
            call.author,
            datasource=call.agent,
            missing=_on_missing(call),
        )
        return ok(201, entity=self.entities.by_key(written.key))

    def get_entity(self, call: Call) -> Answer:
        """Show an entity."""
        return ok(entity=self.entities.one(self._blueprint(call), call.path["entity"]))

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

    def _blueprint(self, call: Call) -> Blueprint:
        return self.blueprints.get(call.path["blueprint"])


_PAGE = 500


def _on_missing(call: Call) -> OnMissingRelation:
    if flag(call.query, "create_missing_related_entities"):
        return OnMissingRelation.CREATE
    return OnMissingRelation.REJECT


def forbidden(endpoint: Endpoint, caller: Caller) -> refusals.Refusal | None:
    """Return the refusal of a caller that may not make a call, or None."""
    if endpoint.needs_admin and not caller.is_admin:
        return refusals.missing_permissions()
    return None
