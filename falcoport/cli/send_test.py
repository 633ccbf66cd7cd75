"""The command that proves that an alert arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from falcoport.cli import options
from falcoport.cli.command import PORT_EXIT_CODES, CommandResult, Run, add
from falcoport.cli.option_groups import LimitOptions, ManifestOptions, read_webhook_secret
from falcoport.errors import EXIT_CHECK, EXIT_OK, InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from falcoport.commands.send_test import AlertSource


def register(app: typer.Typer) -> None:
    """Add this module's command to the app."""
    add(
        app,
        "send-test",
        exits=PORT_EXIT_CODES,
        example="falcoport send-test --namespace auth-prod --cleanup",
    )(send_test)


@dataclass(frozen=True)
class TestOptions:
    """Which alert to send, and where to."""

    __test__ = False  # not a test of pytest's

    file: options.AlertFile = None
    sample: options.SampleName = None
    namespace: options.TestNamespace = None
    priority: options.TestPriority = None
    via: options.Via = None
    wait: options.ArrivalWait = 60.0
    cleanup: options.Cleanup = False


def send_test(
    run: Run,
    test: TestOptions,
    manifest: ManifestOptions,
    limits: LimitOptions,
    webhook_secret_file: options.WebhookSecretFile = None,
) -> CommandResult:
    """It has the tag falcoport-test. Checked are every property and the relation, against what the
    webhook's mapping in Port says.
    """
    from falcoport.commands.send_test import SendTestRequest
    from falcoport.commands.send_test import send_test as send
    from falcoport.render.send_test import find_problems, show_test, test_data

    if test.file is not None and test.sample is not None:
        raise UsageError("Give a file or --sample, not both.", where="--sample")
    request = SendTestRequest(
        manifests=manifest.load(run.config),
        source=_read_source(test.file) if test.file is not None else None,
        sample=test.sample,
        namespace=test.namespace,
        priority=test.priority,
        via=test.via,
        timeout=test.wait,
        cleanup=test.cleanup,
        secret=read_webhook_secret(run, webhook_secret_file),
        limits=limits.limits(),
    )
    result = send(request, run.context())
    show_test(run.output, result)
    problems = find_problems(result)
    return CommandResult(test_data(result), EXIT_CHECK if problems else EXIT_OK, problems)


def _read_source(file: Path) -> AlertSource:
    """Read as much of a file as one alert may take; - is stdin. Raise InputError."""
    import sys

    from falcoport.commands.send_test import AlertSource
    from falcoport.falco.inputs.log_lines import MAX_LINE

    try:
        if str(file) == "-":
            return AlertSource("-", sys.stdin.buffer.read(MAX_LINE))
        with file.open("rb") as opened:
            return AlertSource(str(file), opened.read(MAX_LINE))
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.", where=str(file)) from None
