"""The command that shows everything in one process, from an empty catalog to its alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from falcoport.cli.command import CommandResult, Run, add, write_envelope_early
from falcoport.errors import EXIT_CHECK, EXIT_OK, EXIT_USAGE
from falcoport.render.sandbox import announce_sandbox, sandbox_address
from falcoport.render.text import Style

if TYPE_CHECKING:
    from falcoport.sandbox.options import RunningSandbox

Keep = Annotated[
    bool,
    typer.Option("--keep", help="Keep the sandbox running afterwards, with its pages to look at."),
]


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "demo",
        exits=(EXIT_OK, EXIT_USAGE, EXIT_CHECK),
        example="falcoport demo --keep",
        port=False,
    )(demo)


def demo(run: Run, keep: Keep = False) -> CommandResult:
    """All of it in one process, and nothing stays behind without --keep."""
    from falcoport.sandbox.options import Catalog, SandboxOptions
    from falcoport.sandbox.server import running_sandbox

    with running_sandbox(SandboxOptions(port=0, catalog=Catalog.EXPORTER)) as running:
        result = _play(run, running)
        if keep:
            run.output.note()
            announce_sandbox(run.output, running)
            result = write_envelope_early("demo", run.output, result)
            _wait_for_interrupt()
    return result


def _play(run: Run, running: RunningSandbox) -> CommandResult:
    from falcoport.commands.demo import CLUSTER, OWN, TAGGED, play_demo
    from falcoport.render.demo import demo_data, show_demo

    run.output.note(
        f"A local Port runs at {running.url}, with today's Kubernetes blueprints.", Style.STRONG
    )
    result = play_demo(run.against(sandbox_address(running)).context())
    show_demo(run.output, result, CLUSTER, (TAGGED, OWN))
    problems = result.problems
    return CommandResult(demo_data(result), EXIT_CHECK if problems else EXIT_OK, problems)


def _wait_for_interrupt() -> None:
    import threading

    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
