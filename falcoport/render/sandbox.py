"""What `sandbox` and `demo --keep` show: where the local Port is, how to point a client to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.render.text import Style
from falcoport.settings import API_URL, CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from falcoport.render.console import Output
    from falcoport.sandbox.options import RunningSandbox


def sandbox_address(running: RunningSandbox) -> dict[str, str]:
    """Return the environment variables that point a client to a sandbox."""
    return {
        # Port's own CLI reads the same variable and wants the version in it.
        API_URL: f"{running.url}/v1",
        CLIENT_ID: running.client_id,
        CLIENT_SECRET: running.client_secret,
    }


def announce_sandbox(output: Output, running: RunningSandbox) -> None:
    """Show where a sandbox is and how to point a client to it."""
    output.note(f"A local Port for trying things out, not Port itself: {running.url}", Style.STRONG)
    output.note("Its catalog is the page at that address. Point falcoport to it with:")
    output.result(
        "\n".join(f"export {name}={text}" for name, text in sandbox_address(running).items())
    )
    output.note("Ctrl-C stops it.", Style.FAINT)
    output.flush()
