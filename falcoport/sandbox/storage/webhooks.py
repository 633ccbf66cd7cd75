"""The sandbox's webhook configurations.

Port names them `integration` in its answers (Terraform provider 2026-08) and adds `webhookKey`
and `url`, which stay the same for a webhook's whole life here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from falcoport.mapping.evaluator import Evaluator
from falcoport.mapping.expressions import expressions
from falcoport.mapping.jq_analysis import is_bounded
from falcoport.sandbox import errors
from falcoport.sandbox.storage import audit
from falcoport.sandbox.storage.audit import Subject
from falcoport.sandbox.storage.entities import generated_identifier
from falcoport.sandbox.storage.store import dump

if TYPE_CHECKING:
    from falcoport.sandbox.storage.audit import Actor, Audit
    from falcoport.sandbox.storage.store import Store

Document = dict[str, Any]


@dataclass(frozen=True)
class Webhook:
    """One webhook as it is stored: `document` is what was sent with the metadata, secret and all.

    `address` is its `webhookKey`, the last part of the URL that it listens on.
    """

    key: int
    identifier: str
    address: str
    document: Document

    @property
    def enabled(self) -> bool:
        """Whether events are processed at all."""
        return bool(self.document["enabled"])

    @property
    def security(self) -> Document:
        """How events prove where they come from; empty if they need not."""
        return self.document.get("security") or {}

    @cached_property
    def mappings(self) -> list[Any]:
        """The mappings, and behind them one whose title is the event's own id if it has one."""
        mappings = list(self.document.get("mappings") or [])
        path = self.security.get("requestIdentifierPath")
        if path:
            mappings.append({"blueprint": "", "entity": {"identifier": '"event"', "title": path}})
        return mappings

    @cached_property
    def evaluator(self) -> Evaluator:
        """The compiled mappings."""
        return Evaluator(self.mappings)

    @cached_property
    def is_bounded(self) -> bool:
        """Whether evaluating the mappings surely ends soon."""
        return all(
            is_bounded(expression.text)
            for mapping in self.mappings
            for expression in expressions(mapping)
        )


class Webhooks:
    """The webhooks of one sandbox; every write runs inside a transaction of the caller."""

    def __init__(self, store: Store, base_url: str, log: Audit) -> None:
        """Serve webhooks whose URLs begin with `base_url`, which has no slash at its end."""
        self._store = store
        self._audit = log
        self._base_url = base_url
        self._loaded: dict[str, Webhook] | None = None

    def forget(self) -> None:
        """Read the webhooks anew when they are next asked for."""
        self._loaded = None

    def all(self) -> dict[str, Webhook]:
        """Return every webhook by its identifier, in the order of creation."""
        if self._loaded is None:
            rows = self._store.execute(
                "SELECT key, identifier, address, document FROM webhook ORDER BY key"
            )
            self._loaded = {
                row[1]: Webhook(row[0], row[1], row[2], json.loads(row[3])) for row in rows
            }
            self._by_address = {found.address: found for found in self._loaded.values()}
            self._by_key = {found.key: found for found in self._loaded.values()}
        return self._loaded

    def get(self, identifier: str) -> Webhook:
        """Return a webhook; raise a 404 error if there is none."""
        found = self.all().get(identifier)
        if found is None:
            raise errors.not_found("Webhook", identifier)
        return found

    def at(self, address: str) -> Webhook | None:
        """Return the webhook that listens at an address, or None."""
        self.all()
        return self._by_address.get(address)

    def by_key(self, key: int) -> Webhook | None:
        """Return the webhook with a database key, or None if it was deleted."""
        self.all()
        return self._by_key.get(key)

    def shown(self, webhook: Webhook) -> Document:
        """Return a webhook as Port answers it; its secret is masked."""
        shown = {
            **webhook.document,
            "webhookKey": webhook.address,
            "url": f"{self._base_url}/{webhook.address}",
        }
        # Terraform's provider reads members of `security` without asking whether it is there.
        shown["security"] = dict(webhook.security)
        if shown["security"].get("secret"):
            shown["security"]["secret"] = MASK
        return shown

    def create(self, body: Document, actor: Actor) -> Document:
        """Store a new webhook and return it as Port answers it."""
        identifier = body.get("identifier") or generated_identifier()
        if identifier in self.all():
            raise errors.identifier_taken("Webhook", identifier)
        moment = self._store.now()
        document = {
            **body,
            "identifier": identifier,
            "createdAt": moment,
            "createdBy": actor.name,
            "updatedAt": moment,
            "updatedBy": actor.name,
        }
        self._store.execute(
            "INSERT INTO webhook(identifier, address, document) VALUES (?, ?, ?)",
            (identifier, generated_identifier(), dump(document)),
        )
        self.forget()
        created = self.get(identifier)
        self._record(audit.CREATE, actor, after=created)
        return self.shown(created)

    def replace(self, identifier: str, body: Document, actor: Actor) -> Document:
        """Put a whole configuration in a webhook's place; key, URL and origin stay."""
        return self._write(self.get(identifier), {"identifier": identifier, **body}, actor)

    def patch(self, identifier: str, body: Document, actor: Actor) -> Document:
        """Change the keys given and return the whole configuration."""
        old = self.get(identifier)
        return self._write(old, {**old.document, **body}, actor)

    def delete(self, identifier: str, actor: Actor) -> None:
        """Remove a webhook; events that wait for it are not mapped any more."""
        webhook = self.get(identifier)
        self._record(audit.DELETE, actor, before=webhook)
        self._store.execute("DELETE FROM webhook WHERE key = ?", (webhook.key,))
        self._store.execute("DELETE FROM handled WHERE webhook = ?", (webhook.key,))
        self.forget()

    def _write(self, old: Webhook, document: Document, actor: Actor) -> Document:
        document["identifier"] = identifier = document["identifier"] or old.identifier
        if identifier != old.identifier and identifier in self.all():
            raise errors.identifier_taken("Webhook", identifier)
        security = document.get("security")
        if security and security.get("secret") == MASK:
            # A client that puts back what it read must not make the mask the secret.
            document["security"] = {**security, "secret": old.security.get("secret")}
        document |= {
            "createdAt": old.document["createdAt"],
            "createdBy": old.document["createdBy"],
            "updatedAt": self._store.now(),
            "updatedBy": actor.name,
        }
        self._store.execute(
            "UPDATE webhook SET identifier = ?, document = ? WHERE key = ?",
            (identifier, dump(document), old.key),
        )
        self.forget()
        changed = self.get(identifier)
        self._record(audit.UPDATE, actor, before=old, after=changed)
        return self.shown(changed)

    def _record(
        self,
        action: str,
        actor: Actor,
        *,
        before: Webhook | None = None,
        after: Webhook | None = None,
    ) -> None:
        webhook = after or before
        assert webhook is not None
        self._audit.record(
            action,
            Subject("webhook", webhook.identifier),
            replace(actor, webhook=webhook.key),
            before=None if before is None else self.shown(before),
            after=None if after is None else self.shown(after),
        )


MASK = "********"
"""What is shown of a secret. Whether Port masks or encrypts it is not documented."""
