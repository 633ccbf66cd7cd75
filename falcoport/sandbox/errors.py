"""What answers a request that is refused: Port's status, code and words as far as known.

Sources: Port's published API description (which status), and bodies seen in public issues of its
Terraform provider and tools (codes and sentences).
"""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
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


def invalid(message: str, error: str = "invalid_request") -> ApiError:
    """Return the error of a request that its schema or a rule forbids."""
    return ApiError(422, error, message)


def format_change(name: str) -> ApiError:
    """Return the error for a property whose format would change (port-cli changelog 0.3.7)."""
    return ApiError(422, "forbidden_format_change", "Cannot change format", {"property": name})


def not_found(resource: str, identifier: str) -> ApiError:
    """Return the error for something that is not there (Terraform provider issue 85)."""
    return ApiError(
        404,
        "not_found",
        f'{resource} with identifier "{identifier}" was not found',
        {"resource": resource, "byField": "identifier", "withValue": identifier},
    )


def entity_not_found(blueprint: str, identifier: str) -> ApiError:
    """Return the error for an entity that is not there, as a target or by itself."""
    return ApiError(
        404, "not_found", f'Entity "{identifier}" does not exist in blueprint "{blueprint}"'
    )


def identifier_taken(resource: str, identifier: str) -> ApiError:
    """Return the error of a second thing under one identifier."""
    return ApiError(
        409,
        "identifier_taken",
        f'{resource} with identifier "{identifier}" already exists',
        {"resource": resource, "byField": "identifier", "withValue": identifier},
    )


def blueprint_has_entities(blueprint: str, count: int) -> ApiError:
    """Return the error to delete a blueprint with entities (Terraform provider issue 61)."""
    return ApiError(
        403,
        "has_dependents",
        f'This Blueprint cannot be deleted because there are existing "{blueprint}" entities',
        {"blueprint": blueprint, "entitiesCount": count},
    )


def entity_is_required(blueprint: str, identifier: str, dependents: int) -> ApiError:
    """Return the error to delete what other entities need through a required relation."""
    return ApiError(
        403,
        "has_dependents",
        f'Entity "{identifier}" of blueprint "{blueprint}" cannot be deleted because other '
        "entities depend on it",
        {"blueprint": blueprint, "entity": identifier, "dependentsCount": dependents},
    )


def missing_permissions() -> ApiError:
    """Return the error of a call that needs an admin or a moderator."""
    return ApiError(403, "missing_permissions", "You do not have permission to do that")


def unauthorized(message: str) -> ApiError:
    """Return the error of a call without a token that is valid now."""
    return ApiError(401, "unauthorized", message)


def wrong_credentials() -> ApiError:
    """Return the error of a client id and secret that are not known."""
    return ApiError(
        401, "invalid_credentials", "Invalid credentials supplied to the generate token API"
    )


def too_large() -> ApiError:
    """Return the error of an API body above 1 MiB."""
    return ApiError(413, "bad_request", "Request body is too large (limit is 1MiB)")


def cannot_store(reason: Exception) -> ApiError:
    """Return the error for what the database does not take, such as when a disk is full."""
    return ApiError(503, "storage_unavailable", f"The sandbox cannot write its database: {reason}")


def lone_surrogate() -> ApiError:
    """Return the error for a text that has no UTF-8 form where one is needed."""
    return invalid("body must not hold half of a surrogate pair")
