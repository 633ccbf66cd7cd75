"""The options that add extras to a set-up, and take them away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from falcoport.commands.extras.choices import ExtraChoices

_PANEL = "See it in Port"

With = Annotated[
    list[str],
    typer.Option(
        "--with",
        metavar="NAME,…",
        rich_help_panel=_PANEL,
        help="Add to the set-up: dashboard (a page of numbers, charts and the newest alerts), "
        "rollups (counts on namespaces, workloads and clusters), scorecard (levels of namespaces "
        "over these counts). What is left out stays as it is. For example: "
        "--with dashboard,rollups.",
    ),
]
Without = Annotated[
    list[str],
    typer.Option(
        "--without",
        metavar="NAME,…",
        rich_help_panel=_PANEL,
        help="Take away what --with added; what others added to it stays.",
    ),
]


@dataclass(frozen=True)
class ExtraOptions:
    """Which extras a set-up has."""

    with_: With = ()  # type: ignore[assignment] # typer makes a list of it
    without: Without = ()  # type: ignore[assignment] # same

    def read(self) -> ExtraChoices:
        """Return what the options choose; raise UsageError."""
        from falcoport.commands.extras.choices import parse_extras

        return parse_extras(self.with_, self.without)
