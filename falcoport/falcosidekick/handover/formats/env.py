"""An env file, for Docker, Compose, kubectl and systemd alike: four readers with four grammars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.errors import UsageError
from falcoport.falcosidekick.handover.yaml_text import comment

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover

CARRIES = frozenset({"minimum_priority", "custom_tags", "max_concurrent"})
HOLDS_SECRET = True


def render(handover: Handover) -> str:
    """Return the file. Raise UsageError for a value that one of its readers would change."""
    for name, value in handover.environment.items():
        problem = _env_problem(value)
        if problem:
            raise UsageError(
                f"An env file cannot carry {name}: {problem}.",
                hint="Choose another --format, such as config, compose or k8s-secret.",
                code="format_cannot_carry",
            )
    head: tuple[str, ...] = (
        "For docker --env-file, compose env_file, kubectl --from-env-file and systemd.",
        "The values are not quoted, and must not be: Docker would keep the quotes.",
    )
    if handover.custom_tags:
        head += (
            "As a Secret for a Helm chart, leave CUSTOMTAGS out: the charts set it themselves, and",
            "theirs wins. There, the tags are `config.customtags`: --format helm writes them.",
        )
    return comment(head) + "".join(f"{k}={v}\n" for k, v in handover.environment.items())


def _env_problem(value: str) -> str:
    """Say why one of the four readers of an env file would change `value`; empty if none does."""
    if "$" in value:
        return "Compose would replace what follows `$`"
    if "\\" in value:
        return "systemd would take `\\` as an escape"
    if " #" in value:
        return "Compose would take ` #` as the beginning of a comment"
    return ""
