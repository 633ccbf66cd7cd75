"""A `docker run` line for a POSIX shell."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from falcoport.falcosidekick.handover.contents import IMAGE, LISTEN

if TYPE_CHECKING:
    from falcoport.falcosidekick.handover.contents import Handover


def render(handover: Handover) -> str:
    """Return the line, each word quoted where a shell would change it."""
    words = ["docker", "run", "-d", "--name", "falcosidekick", "--restart", "unless-stopped"]
    words += ["-p", LISTEN]
    for name, value in handover.environment.items():
        words += ["-e", f"{name}={value}"]
    return shlex.join([*words, IMAGE]) + "\n"
