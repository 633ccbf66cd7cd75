"""The command that runs a local Port."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from falcoport.cli.command import Finished, Run, add
from falcoport.errors import EXIT_OK, EXIT_USAGE, UsageError
from falcoport.output import Style
from falcoport.settings import API_URL, CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from falcoport.sandbox.options import RateLimit, RunningSandbox

_Word = TypeVar("_Word", bound=StrEnum)
_UNDOCUMENTED = "What Port does not document"

Port = Annotated[
    int,
    typer.Option(
        "--port", min=0, max=65535, help="Loopback port to listen on; 0 takes any free one."
    ),
]
Database = Annotated[
    Path | None,
    typer.Option(
        "--db",
        metavar="FILE",
        help="Keep the catalog in this SQLite file, such as catalog.db; in memory otherwise.",
    ),
]
Latency = Annotated[
    float,
    typer.Option(
        "--latency", min=0, metavar="SECONDS", help="Wait so long before each answer, such as 0.1."
    ),
]
OnMissingRelation = Annotated[
    str,
    typer.Option(
        "--on-missing-relation",
        metavar="reject|ignore|create",
        rich_help_panel=_UNDOCUMENTED,
        help="An alert that points to an entity that does not exist: store nothing, store it "
        "without that relation, or create the entity.",
    ),
]
OnBadDelivery = Annotated[
    str,
    typer.Option(
        "--on-bad-delivery",
        metavar="accept|reject",
        rich_help_panel=_UNDOCUMENTED,
        help="A delivery that cannot be processed: answer 202 and note it in the events, or "
        "answer 4xx as well.",
    ),
]
OnNestedPatch = Annotated[
    str,
    typer.Option(
        "--on-nested-patch",
        metavar="replace|merge",
        rich_help_panel=_UNDOCUMENTED,
        help="A PATCH of a blueprint that gives a map: replace the old one, or merge into it.",
    ),
]
RateLimitText = Annotated[
    str | None,
    typer.Option(
        "--rate-limit",
        metavar="N/SECONDS",
        help="Answer 429 beyond N API requests per SECONDS, such as 100/60.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "sandbox",
        exits=(EXIT_OK, EXIT_USAGE),
        example="falcoport sandbox --db catalog.db",
        port=False,
    )(sandbox)


def sandbox(
    run: Run,
    port: Port = 8010,
    db: Database = None,
    latency: Latency = 0.0,
    on_missing_relation: OnMissingRelation = "reject",
    on_bad_delivery: OnBadDelivery = "accept",
    on_nested_patch: OnNestedPatch = "replace",
    rate_limit: RateLimitText = None,
) -> Finished:
    """Prints the lines that point falcoport, or any other client of Port, to it."""
    from falcoport.sandbox import options, server

    chosen = options.SandboxOptions(
        port=port,
        database=db,
        latency=latency,
        on_missing_relation=_choice(
            options.OnMissingRelation, on_missing_relation, "--on-missing-relation"
        ),
        on_bad_delivery=_choice(options.OnBadDelivery, on_bad_delivery, "--on-bad-delivery"),
        on_nested_patch=_choice(options.OnNestedPatch, on_nested_patch, "--on-nested-patch"),
        rate_limit=_rate_limit(rate_limit),
    )
    try:
        server.serve(chosen, lambda running: announce(run, running))
    except KeyboardInterrupt:
        run.output.note("Stopped.")
    return Finished()


def announce(run: Run, running: RunningSandbox) -> None:
    """Tell where a sandbox is and how to point a client to it."""
    run.output.note(
        f"A local Port for trying things out, not Port itself: {running.url}", Style.STRONG
    )
    run.output.note("Its catalog is the page at that address. Point falcoport to it with:")
    run.output.result(
        f"export {API_URL}={running.url}\n"
        f"export {CLIENT_ID}={running.client_id}\n"
        f"export {CLIENT_SECRET}={running.client_secret}"
    )
    run.output.note("Ctrl-C stops it.", Style.FAINT)
    run.output.flush()


def _choice(words: type[_Word], text: str, option: str) -> _Word:
    try:
        return words(text)
    except ValueError:
        known = ", ".join(words)
        raise UsageError(f"{option} is {text!r}; it takes {known}.", where=option) from None


def _rate_limit(text: str | None) -> RateLimit | None:
    from falcoport.sandbox.options import RateLimit

    if text is None:
        return None
    requests, _, period = text.partition("/")
    if not (requests.isdecimal() and period.isdecimal() and int(requests) and int(period)):
        raise UsageError(
            f"--rate-limit is {text!r}, not N/SECONDS.",
            where="--rate-limit",
            hint="Example: --rate-limit 100/60",
        )
    return RateLimit(int(requests), int(period))
