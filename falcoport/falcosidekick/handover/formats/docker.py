"""A `docker run` line for a POSIX shell, without the secret in it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from falcoport.falcosidekick.handover.contents import IMAGE, LISTEN
from falcoport.falcosidekick.header import PLACEHOLDER
from falcoport.settings import WEBHOOK_SECRET

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover

CARRIES = frozenset({"minimum_priority", "custom_tags", "max_concurrent"})
HOLDS_SECRET = False
"""The line takes it from the environment or a file."""

_CREDENTIALS = ("WEBHOOK_ADDRESS", "WEBHOOK_CUSTOMHEADERS")
"""Given to docker by its environment: every user of a machine sees a program's arguments."""


def render(handover: Handover) -> str:
    """Return the line, each word quoted where a shell would change it.

    The secret is read when the line is run, from the file of the handover or from the variable
    that falcoport itself reads; without it the shell stops before docker.
    """
    lines = []
    if handover.header is not None and handover.secret_file is not None:
        file = shlex.quote(handover.secret_file)
        lines.append(f"{WEBHOOK_SECRET}=$(cat {file}) && \\\n")
    lines += [f"{name}={value} \\\n" for name, value in _assignments(handover).items()]
    words = ["docker", "run", "-d", "--name", "falcosidekick", "--restart", "unless-stopped"]
    words += ["-p", LISTEN]
    for name, value in handover.environment.items():
        words += ["-e", name if name in _CREDENTIALS else f"{name}={value}"]
    return "".join(lines) + shlex.join([*words, IMAGE]) + "\n"


def _assignments(handover: Handover) -> dict[str, str]:
    """Return what docker finds in its environment, as a shell writes it."""
    found = {"WEBHOOK_ADDRESS": shlex.quote(handover.url)}
    if handover.header is not None:
        # Port's prefix, if the webhook has one, stands before the secret.
        value = handover.header.value
        prefix = value.removesuffix(PLACEHOLDER) if value.endswith(PLACEHOLDER) else ""
        fixed = shlex.quote(f"{handover.header.name}:{prefix}")
        needed = f"{WEBHOOK_SECRET}:?it is the secret of the webhook"
        found["WEBHOOK_CUSTOMHEADERS"] = f'{fixed}"${{{needed}}}"'
    return found
