"""What Terraform's provider has no attribute for: collected, and refused together. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

PROVIDER = "port-labs/port-labs"


class Missing:
    """Collects what the provider has no attribute for."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, where: str, what: str) -> None:
        """Note something that the provider cannot hold."""
        self._found.append(Problem("not_in_provider", f"{where}: {what}.", where))

    def unknown(self, where: str, found: Iterable[str], known: Iterable[str]) -> None:
        """Note the keys that are found and not known."""
        for key in sorted(set(found) - set(known)):
            self.add(f"{where}.{key}", "the provider has no attribute for it")

    def refuse(self) -> None:
        """Raise InputError, with every place, if anything was noted."""
        if self._found:
            raise InputError(
                f"Terraform's provider {PROVIDER} cannot describe what is in Port: "
                + " ".join(problem.message for problem in self._found),
                hint="`export --format json` can. Terraform would remove what is left out.",
                code="not_in_provider",
                problems=tuple(self._found),
            )
