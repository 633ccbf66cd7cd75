"""The options that add extras to a set-up, and take them away."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcoport.cli import values

if TYPE_CHECKING:
    from falcoport.cli.command import Run
    from falcoport.commands.extras.choices import ExtraChoices

_PANEL = "See it in Port"
_VARIABLE = "FALCOPORT_NOTIFY_URL"

With = Annotated[
    list[str],
    typer.Option(
        "--with",
        metavar="NAME,…",
        rich_help_panel=_PANEL,
        autocompletion=values.complete_extras,
        help="Add to the set-up: dashboard (a page of numbers, charts and the newest alerts), "
        "rollups (counts on namespaces, workloads and clusters), scorecard (levels of namespaces "
        "over these counts), triage (buttons that set the status), notify (see --notify), "
        "retention (see --retention). What is left out stays as it is. For example: "
        "--with dashboard,rollups.",
    ),
]
Without = Annotated[
    list[str],
    typer.Option(
        "--without",
        metavar="NAME,…",
        rich_help_panel=_PANEL,
        autocompletion=values.complete_extras,
        help="Remove what --with added, but nothing that others added to it.",
    ),
]
Notify = Annotated[
    str | None,
    typer.Option(
        "--notify",
        metavar="slack|teams|pagerduty|webhook",
        rich_help_panel=_PANEL,
        help="Have Port notify people of new alerts, by an automation and a secret in Port. Port "
        "counts a run for each message. For example: --notify slack --notify-url-file slack.url.",
    ),
]
NotifyUrlFile = Annotated[
    Path | None,
    typer.Option(
        "--notify-url-file",
        metavar="FILE",
        rich_help_panel=_PANEL,
        help="File with the URL to post to, for pagerduty with the integration's key; - for stdin. "
        "(env: FALCOPORT_NOTIFY_URL, the URL itself)",
    ),
]
NotifyPriority = Annotated[
    str | None,
    typer.Option(
        "--notify-priority",
        metavar="PRIORITY",
        rich_help_panel=_PANEL,
        autocompletion=values.complete_priorities,
        help="The lowest priority that people are notified of, such as critical. "
        "(default: as it is in Port, else critical)",
    ),
]
Retention = Annotated[
    str | None,
    typer.Option(
        "--retention",
        metavar="DAYS",
        rich_help_panel=_PANEL,
        help="Have Port delete alerts some days after they happened, such as 30d. Port counts a "
        "run for each; `falcoport prune` deletes without runs.",
    ),
]


@dataclass(frozen=True)
class ExtraOptions:
    """Which extras a set-up has."""

    with_: With = ()  # type: ignore[assignment] # typer makes a list of it
    without: Without = ()  # type: ignore[assignment] # same
    notify: Notify = None
    notify_url_file: NotifyUrlFile = None
    notify_priority: NotifyPriority = None
    retention: Retention = None

    def read(self, run: Run) -> ExtraChoices:
        """Return what options and the environment choose, else the file; raise UsageError."""
        from falcoport.commands.extras.choices import ExtraTexts, parse_extras

        value = run.read_secret(self.notify_url_file, "--notify-url-file")
        if value is None and self.notify is not None:
            value = run.environment.get(_VARIABLE) or None
        texts = ExtraTexts(
            tuple(self.with_),
            tuple(self.without),
            self.notify,
            _hide(run, value),
            self.notify_priority,
            self.retention,
        )
        return parse_extras(texts, read_configured_extras(run))


def read_configured_extras(run: Run) -> ExtraChoices:
    """Return the extras that `falcoport.yaml` names; raise UsageError.

    A channel whose file or variable is not there keeps the URL that Port has: who only looks at a
    plan need not have it.
    """
    from falcoport.commands.extras.choices import Channel, ExtraChoices, check_channel_value

    channels = []
    for one in run.config.channels:
        value = None
        if one.url_file is not None and one.url_file.exists():
            value = run.read_secret(one.url_file, "url_file")
        elif one.url_variable is not None:
            value = run.environment.get(one.url_variable) or None
        value = _hide(run, value)
        check_channel_value(one.kind, value, str(one.url_file or one.url_variable))
        channels.append(Channel(one.kind, value, one.priority))
    return ExtraChoices(run.config.extras, (), tuple(channels), run.config.retention_days)


def _hide(run: Run, value: str | None) -> str | None:
    """Return a channel's URL or key without the blanks around it, kept off the screen."""
    if value is None:
        return None
    value = value.strip()
    run.output.mask(value)
    return value
