"""What the formats for a queue between Falcosidekick and Port have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.errors import UsageError
from falcoport.falcosidekick.handover.helm_values import chart_tags, values_head
from falcoport.falcosidekick.handover.yaml_text import Tree, comment, write_yaml

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover, QueueAddress


CARRIES = frozenset({"minimum_priority", "custom_tags", "queue"})
"""What these formats have a place for; the webhook's URL and header are the relay's."""


def queue_of(handover: Handover, form: str, default: QueueAddress) -> QueueAddress:
    """Return the queue to name, `default` where none was given.

    Raise UsageError where it is none of this format's.
    """
    queue = handover.queue or default
    if (queue.scheme == "kafka") != (default.scheme == "kafka"):
        raise UsageError(
            f"--format {form} needs a queue that begins with {default.scheme}://.",
            where="--queue",
            code="format_cannot_carry",
        )
    return queue


def render_queue_values(
    handover: Handover,
    output: str,
    values: dict[str, str],
    notes: tuple[str, ...],
    source: str,
) -> str:
    """Return values for the chart falco, and the same as variables for those without the chart.

    `output` is Falcosidekick's name of the output, `source` what the relay reads `--from`.
    """
    if handover.minimum_priority is not None:
        values = {**values, "minimumpriority": handover.minimum_priority.lower()}
    variables = {f"{output.upper()}_{name.upper()}": value for name, value in values.items()}
    if handover.custom_tags:
        variables["CUSTOMTAGS"] = ",".join(handover.custom_tags)
    tree: dict[str, Tree] = {**values}
    config: dict[str, Tree] = {**chart_tags(handover), output: tree}
    lines = (
        "Start the relay before Falcosidekick, so that the queue keeps the first alert already:",
        f"  falcoport relay --from {source}",
        "Leave Falcosidekick's webhook output out: it would post each alert a second time. Helm",
        'keeps what a release has of it: there, add `webhook: {address: ""}` to `config` below.',
        *notes,
        "",
        "Without the chart, as environment variables:",
        *(f"  {name}={value}" for name, value in variables.items()),
    )
    body = write_yaml({"falcosidekick": {"enabled": True, "config": config}})
    return values_head(handover, "falco") + comment(lines) + body
