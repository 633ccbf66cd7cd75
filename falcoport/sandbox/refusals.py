"""Every way the sandbox says no, with Port's status, code and words where they are known.

Sources: Port's published API description (which status), and bodies seen in public issues of its
Terraform provider and tools (codes and sentences).
"""

from __future__ import annotations

from typing import Any


class Refusal(Exception):  # noqa: N818 - an answer to a client, not a fault of ours
    """A request answered with an error body."""

    def __init__(
        self, status: int, error: str, message: str, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.message = message
        self.details = details

    def body(self) -> dict[str, Any]:
        """Return the JSON body that answers the request."""
        body: dict[str, Any] = {"ok": False, "error": self.error, "message": self.message}
        if self.details is not None:
            body["details"] = self.details
        return body


def invalid(message: str, error: str = "invalid_request") -> Refusal:
    """Return the refusal of a request that its schema or a rule forbids."""
    return Refusal(422, error, message)


def not_found(resource: str, identifier: str) -> Refusal:
    """Return the refusal for something that is not there (Terraform provider issue 85)."""
    return Refusal(
        404,
        "not_found",
        f'{resource} with identifier "{identifier}" was not found',
        {"resource": resource, "byField": "identifier", "withValue": identifier},
    )


def entity_not_found(blueprint: str, identifier: str) -> Refusal:
    """Return the refusal for an entity that is not there, as a target or by itself."""
    return Refusal(
        404, "not_found", f'Entity "{identifier}" does not exist in blueprint "{blueprint}"'
    )


def identifier_taken(resource: str, identifier: str) -> Refusal:
    """Return the refusal of a second thing under one identifier."""
    return Refusal(
        409,
        "identifier_taken",
        f'{resource} with identifier "{identifier}" already exists',
        {"resource": resource, "byField": "identifier", "withValue": identifier},
    )


def blueprint_has_entities(blueprint: str, count: int) -> Refusal:
    """Return the refusal to delete a blueprint with entities (Terraform provider issue 61)."""
    return Refusal(
        403,
        "has_dependents",
        f'This Blueprint cannot be deleted because there are existing "{blueprint}" entities',
        {"blueprint": blueprint, "entitiesCount": count},
    )


def entity_is_required(blueprint: str, identifier: str, dependents: int) -> Refusal:
    """Return the refusal to delete what other entities need through a required relation."""
    return Refusal(
        403,
        "has_dependents",
        f'Entity "{identifier}" of blueprint "{blueprint}" cannot be deleted because other '
        "entities depend on it",
        {"blueprint": blueprint, "entity": identifier, "dependentsCount": dependents},
    )


def missing_permissions() -> Refusal:
    """Return the refusal of a call that needs an admin or a moderator."""
    return Refusal(403, "missing_permissions", "You do not have permission to do that")


def unauthorized(message: str) -> Refusal:
    """Return the refusal of a call without a token that is valid now."""
    return Refusal(401, "unauthorized", message)


def wrong_credentials() -> Refusal:
    """Return the refusal of a client id and secret that are not known."""
    return Refusal(
        401, "invalid_credentials", "Invalid credentials supplied to the generate token API"
    )


def too_large() -> Refusal:
    """Return the refusal of an API body above 1 MiB."""
    return Refusal(413, "bad_request", "Request body is too large (limit is 1MiB)")
