"""One run of a command: its output, its settings, its client of Port, what it reads once.

The only place that hands the environment and standard input on.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from falcoport.cli import options
from falcoport.errors import FalcoportError, UsageError
from falcoport.network import Network
from falcoport.render.console import Format, Output
from falcoport.settings import (
    CLIENT_ID,
    CLIENT_SECRET,
    DEFAULT_TIMEOUT,
    FileSettings,
    SettingOptions,
    resolve,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from falcoport.commands.context import Context
    from falcoport.config import Config
    from falcoport.port.api import PortApi
    from falcoport.port.transport import Transport
    from falcoport.settings import Settings

_LONGEST_SECRET = 64 * 1024
"""The most bytes to read where a secret is expected: a device or a pipe may have no end."""


@dataclass(frozen=True)
class OutputOptions:
    """The options of every command."""

    output: options.OutputFormat = options.ResultFormat.TEXT
    quiet: options.Quiet = False
    verbose: options.Verbose = False


@dataclass(frozen=True)
class StreamOptions:
    """The same options of a command that also writes JSON Lines."""

    output: options.StreamFormat = Format.TEXT
    quiet: options.Quiet = False
    verbose: options.Verbose = False


@dataclass(frozen=True)
class PortOptions:
    """The options of every command that talks to Port."""

    client_id: options.ClientId = None
    client_secret_file: options.ClientSecretFile = None
    api_url: options.ApiUrl = None
    region: options.Region = None
    org: options.Organization = None
    config: options.ConfigFile = None
    timeout: options.Timeout = DEFAULT_TIMEOUT


class Run:
    """One run of a command: its output and, where it talks to Port, its settings and client."""

    def __init__(
        self, output: Output, port_options: PortOptions, environment: Mapping[str, str]
    ) -> None:
        self.output = output
        self._port_options = port_options
        self._environment = environment
        self._settings: Settings | None = None
        self._stdin: bytes | None = None
        self._config: Config | None = None
        self._early: Transport | None = None

    @property
    def config(self) -> Config:
        """What `falcoport.yaml` says, read once; raises ConfigError."""
        if self._config is None:
            self._config = self._load_config()
        return self._config

    def _load_config(self) -> Config:
        # Imported here: YAML takes time to load, and most folders have no such file.
        from pathlib import Path

        from falcoport.config import Config, find_config, load_config

        path = find_config(self._port_options.config, self._environment, Path.cwd())
        return load_config(path) if path is not None else Config()

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables of this run."""
        return self._environment

    def against(self, environment: Mapping[str, str]) -> Run:
        """Return this run with another Port: that of `environment`, whatever the options say."""
        return Run(self.output, PortOptions(), environment).without_config()

    def without_config(self) -> Run:
        """Return this run without what `falcoport.yaml` says."""
        from falcoport.config import Config

        run = Run(self.output, self._port_options, self._environment)
        run._config = Config()
        return run

    def context(self) -> Context:
        """Return what a use case may ask of this run."""
        from falcoport.commands.context import Context

        return Context(
            resolve_settings=self.settings,
            connect=self.api,
            progress=self.output.note,
            warn=self.output.warn,
            mask=self.output.mask,
            reveal=self.output.reveal,
            confirm=self._confirm if self.output.interactive else None,
            network=Network(self._environment),
        )

    @staticmethod
    def _confirm(question: str) -> bool:
        return bool(typer.confirm(question, err=True))

    def settings(self) -> Settings:
        """Combine options and environment, once per run; raises UsageError."""
        if self._settings is None:
            self._settings = self._resolve()
        return self._settings

    def _resolve(self) -> Settings:
        given = self._port_options
        secret = self.read_secret(given.client_secret_file, "--client-secret-file")
        settings = resolve(
            SettingOptions(
                client_id=given.client_id,
                client_secret=secret,
                api_url=given.api_url,
                region=given.region,
                timeout=given.timeout,
            ),
            self._environment,
            self._file_settings(),
        )
        self.output.mask(settings.client_secret.reveal())
        return settings

    def _file_settings(self) -> FileSettings:
        """Return what files say of Port; its own CLI counts where nothing else has credentials."""
        given, environment = self._port_options, self._environment
        has_id = bool(given.client_id or environment.get(CLIENT_ID))
        has_secret = bool(given.client_secret_file or environment.get(CLIENT_SECRET))
        config = self.config
        files = FileSettings(config.source, config.region, config.api_url)
        if has_id and has_secret and given.org is None:
            return files
        from pathlib import Path

        from falcoport.port_cli_config import find_organization

        home = Path(environment["HOME"]) if environment.get("HOME") else Path("~").expanduser()
        found = find_organization(environment, home, given.org)
        if found is None:
            return files
        return replace(
            files,
            org_source=found.source,
            org_client_id=found.client_id,
            org_client_secret=found.client_secret,
            org_api_url=found.api_url,
        )

    @contextmanager
    def api(self) -> Iterator[PortApi]:
        """Give a client of Port for the settings of this run; raises UsageError."""
        from falcoport.port.api import PortApi

        transport, self._early = self._early or self._open_transport(), None
        try:
            yield PortApi(transport)
        finally:
            transport.close()

    def connect_early(self) -> None:
        """Ask Port for the token while the command still reads and checks its files.

        What stands in the way is said where the client is needed.
        """
        try:
            self._early = self._open_transport()
        except FalcoportError:
            return
        self._early.authenticate_early()

    def _open_transport(self) -> Transport:
        from falcoport.port.transport import Transport

        return Transport(self.settings(), observe=self._observe)

    def close(self) -> None:
        """Give up what was begun early and not needed after all."""
        if self._early is not None:
            self._early.close()

    def read_secret(self, file: Path | None, option: str) -> str | None:
        """Read a secret from the file that `option` names, without its last line end; `-` is stdin.

        None where no file was named. Standard input is read once per run, whoever asks. Raises
        UsageError.
        """
        if file is None:
            return None
        try:
            raw = self._read_stdin() if str(file) == "-" else _read_bounded(file)
            # Some editors begin a file with a mark of its encoding, which is no part of a secret.
            text = raw.decode("utf-8-sig")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"{option} {file} cannot be read: {reason}.", where=option) from None
        if not text.strip():
            raise UsageError(f"{option} {file} is empty.", where=option)
        if len(raw) > _LONGEST_SECRET:
            raise UsageError(f"{option} {file} is too long to be a secret.", where=option)
        return text.removesuffix("\n").removesuffix("\r")

    def _read_stdin(self) -> bytes:
        if self._stdin is None:
            self._stdin = sys.stdin.buffer.read(_LONGEST_SECRET + 1)
        return self._stdin

    def _observe(self, exchange: Any) -> None:
        outcome = exchange.status if exchange.status is not None else exchange.note
        self.output.trace(
            f"{exchange.method} {exchange.path} → {outcome} ({exchange.seconds * 1000:.0f} ms)"
        )


def _read_bounded(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_LONGEST_SECRET + 1)
