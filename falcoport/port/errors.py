"""What Port's refusals and silences are called inside falcoport; callers catch these by name.

    PortError (falcoport.errors)
      NotFoundError        Port says 404 in its own words
      TakenError           Port says 409
      UnknownOutcomeError  a write without an answer
    RefusedError (falcoport.errors)
      DependentsError      Port keeps what others depend on

`TransientError` is raised inside the transport alone: what leaves it was retried.
"""

from __future__ import annotations

from falcoport.errors import PortError, RefusedError


class NotFoundError(PortError):
    """Port says 404 in its own words; callers turn it into an answer."""

    code = "not_found"


class TakenError(PortError):
    """Port says 409: somebody created the same identifier first."""

    code = "identifier_taken"


class DependentsError(RefusedError):
    """Port says that others depend on what was to be deleted."""

    code = "has_dependents"


class UnknownOutcomeError(PortError):
    """A write whose answer did not arrive: it may have taken effect or not."""

    code = "unknown_outcome"


class TransientError(Exception):
    """A failure that may pass; `wait` is how many seconds Port asked to wait, if it did."""

    def __init__(self, error: PortError, wait: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.wait = wait
