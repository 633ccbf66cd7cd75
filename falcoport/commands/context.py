"""What a use case may ask of whoever runs it, besides its request.

Use cases return their result and print nothing; what they have to say on the way, and the one
question that some ask, goes through here. The command line builds a `Context` for each run; a test
builds one from plain functions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from falcoport.network import Network

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from falcoport.port.api import PortApi
    from falcoport.settings import Settings


@dataclass(frozen=True)
class Context:
    """The outside of one run.

    `connect` gives a client of Port for as long as its `with` block lasts. `progress` says that
    something is under way, `warn` what a person should know even where nothing else is shown.
    `mask` keeps a secret out of everything that is shown from then on; `reveal` shows one that
    would be lost otherwise. `confirm` asks a yes-or-no question; it is None where no terminal can
    answer. `network` is how webhooks are reached.
    """

    resolve_settings: Callable[[], Settings]
    connect: Callable[[], AbstractContextManager[PortApi]]
    progress: Callable[[str], None]
    warn: Callable[[str], None]
    mask: Callable[[str], None]
    reveal: Callable[[str, str], None]
    confirm: Callable[[str], bool] | None = None
    network: Network = field(default_factory=Network)

    @property
    def settings(self) -> Settings:
        """Which Port, and as whom; the same object throughout a run. Raise UsageError."""
        return self.resolve_settings()
