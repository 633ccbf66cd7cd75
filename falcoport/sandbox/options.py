"""The options of a sandbox, and where a running one is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CLIENT_ID = "sandbox"
CLIENT_SECRET = "sandbox-secret-not-for-port"  # noqa: S105 - public on purpose: it opens loopback only
MEMBER_CLIENT_ID = "sandbox-member"
MEMBER_CLIENT_SECRET = "sandbox-member-secret-not-for-port"  # noqa: S105 - same

TOKEN_LIFETIME = 10800
"""Seconds a token lives (Port docs, API: three hours)."""


class OnMissingRelation(StrEnum):
    """What ingestion does with an alert whose relation names an entity that does not exist.

    Port does not document it. `reject` stores nothing, as its REST API does; `ignore` stores the
    entity without that relation; `create` makes the target, as its integration framework does.
    """

    REJECT = "reject"
    IGNORE = "ignore"
    CREATE = "create"


class OnBadDelivery(StrEnum):
    """What ingestion answers to a delivery that it does not process.

    Port documents 202 for everything received. `accept` answers so and leaves a trace in the
    events; `reject` answers 401 (signature), 403 (disabled) or 400 (not JSON) as well.
    """

    ACCEPT = "accept"
    REJECT = "reject"


class OnNestedPatch(StrEnum):
    """What PATCH of a blueprint does with maps inside it, such as `relations`.

    Port documents only that the fields given change. Its Terraform provider adds one relation by
    a PATCH that names no other (2026-09, `PatchBlueprintRelation`), hence `merge`: members that
    are not named stay, one that is named is replaced. `replace` puts each given field wholly in
    the old one's place.
    """

    MERGE = "merge"
    REPLACE = "replace"


class OnTargetedBlueprint(StrEnum):
    """What becomes of the deletion of a blueprint that the relations of others target.

    Port does not document it. `allow` deletes those relations too: Port's own CLI (2026-10)
    deletes blueprints in an order that needs it. `refuse` answers 403.
    """

    REFUSE = "refuse"
    ALLOW = "allow"


class Catalog(StrEnum):
    """Which blueprints are in an empty sandbox from the start.

    `exporter` has those that Port makes for its Kubernetes exporter since 2025, `exporter-legacy`
    those that the exporter made itself before, `empty` none.
    """

    EMPTY = "empty"
    EXPORTER = "exporter"
    EXPORTER_LEGACY = "exporter-legacy"


@dataclass(frozen=True)
class RateLimit:
    """At most `requests` API calls in each window of `period` seconds."""

    requests: int
    period: int


@dataclass(frozen=True)
class SandboxOptions:
    """How a sandbox runs.

    `port` 0 takes any free port. `database` None keeps everything in memory. `latency` is added
    to each answer, in seconds. `rate_limit` None sends no rate limit headers and never answers
    429. `token_lifetime` is in seconds. `clock_speed` is how many times as fast as the world's the
    sandbox's clock runs.
    """

    port: int = 8010
    database: Path | None = None
    latency: float = 0.0
    on_missing_relation: OnMissingRelation = OnMissingRelation.REJECT
    on_bad_delivery: OnBadDelivery = OnBadDelivery.ACCEPT
    on_nested_patch: OnNestedPatch = OnNestedPatch.MERGE
    on_targeted_blueprint: OnTargetedBlueprint = OnTargetedBlueprint.ALLOW
    catalog: Catalog = Catalog.EMPTY
    clock_speed: float = 1.0
    rate_limit: RateLimit | None = None
    token_lifetime: int = TOKEN_LIFETIME


@dataclass(frozen=True)
class RunningSandbox:
    """Where a running sandbox is and what opens it.

    `url` is what `PORT_API_URL` is set to, without `/v1`. The member's credentials are known to
    the sandbox but may not read webhooks, as those of a Port user who is no admin or moderator.
    """

    url: str
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    member_client_id: str = MEMBER_CLIENT_ID
    member_client_secret: str = MEMBER_CLIENT_SECRET
