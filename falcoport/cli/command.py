"""What all commands share: common options, settings, the client, errors, the envelope, exit codes.

A command is a function of a `Run` and its own options that returns a `CommandResult`. `add` gives
it the common options and turns whatever it returns or raises into output and an exit code.
"""

from __future__ import annotations

import inspect
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from falcoport import signals
from falcoport.cli import options
from falcoport.cli.catalogue import COMMANDS
from falcoport.errors import (
    AGAIN,
    EXIT_ACCESS,
    EXIT_CHECK,
    EXIT_CODES,
    EXIT_INPUT,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_PORT,
    EXIT_USAGE,
    FalcoportError,
    InterruptedRunError,
    Problem,
    UsageError,
)
from falcoport.network import Network
from falcoport.render.console import Format, Output
from falcoport.render.streams import StdoutError
from falcoport.settings import (
    CLIENT_ID,
    CLIENT_SECRET,
    DEFAULT_TIMEOUT,
    FileSettings,
    SettingOptions,
    resolve,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from falcoport.commands.context import Context
    from falcoport.config import Config
    from falcoport.port.api import PortApi
    from falcoport.settings import Settings

PORT_EXIT_CODES = (
    EXIT_OK,
    EXIT_USAGE,
    EXIT_CHECK,
    EXIT_INPUT,
    EXIT_ACCESS,
    EXIT_PORT,
    EXIT_INTERRUPTED,
)
"""What any command that talks to Port can end with."""
EXIT_CODES_WITH_CHECK = PORT_EXIT_CODES


@dataclass(frozen=True)
class CommandResult:
    """What a command returns: the envelope's data, its exit code and what was wrong, if anything.

    Text for people was written on the way; `rendered` says that this included the problems.
    `envelope_written` says that `write_envelope_early` wrote the envelope.
    """

    data: Any = None
    exit_code: int = EXIT_OK
    problems: tuple[Problem, ...] = field(default=())
    rendered: bool = False
    envelope_written: bool = False


@dataclass(frozen=True)
class OutputOptions:
    """The options of every command."""

    output: options.OutputFormat = Format.TEXT
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
        self._stdin: str | None = None
        self._config: Config | None = None

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
        from falcoport.port.transport import Transport

        transport = Transport(self.settings(), observe=self._observe)
        try:
            yield PortApi(transport)
        finally:
            transport.close()

    def read_secret(self, file: Path | None, option: str) -> str | None:
        """Read a secret from the file that `option` names, without its last line end; `-` is stdin.

        None where no file was named. Standard input is read once per run, whoever asks. Raises
        UsageError.
        """
        if file is None:
            return None
        try:
            text = self._read_stdin() if str(file) == "-" else file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"{option} {file} cannot be read: {reason}.", where=option) from None
        if not text.strip():
            raise UsageError(f"{option} {file} is empty.", where=option)
        return text.removesuffix("\n").removesuffix("\r")

    def _read_stdin(self) -> str:
        if self._stdin is None:
            self._stdin = sys.stdin.read()
        return self._stdin

    def _observe(self, exchange: Any) -> None:
        outcome = exchange.status if exchange.status is not None else exchange.note
        self.output.trace(
            f"{exchange.method} {exchange.path} → {outcome} ({exchange.seconds * 1000:.0f} ms)"
        )


def add(
    app: typer.Typer,
    name: str,
    *,
    exits: tuple[int, ...],
    example: str,
    port: bool = True,
    streams: bool = False,
) -> Callable[[Callable[..., CommandResult]], Callable[..., CommandResult]]:
    """Register a command: common options in its signature, exit codes and an example in its help.

    Its summary is the catalogue's, the rest of its help the function's docstring.

    `exits` are the exit codes it can give, `port` whether it talks to Port and so has the options
    for that, `streams` whether it writes JSON Lines on demand. The function's first parameter is
    the `Run`; one whose type is a dataclass stands for a group of options, its fields. An option
    of its own replaces a common one of the same name.
    """

    def register(function: Callable[..., CommandResult]) -> Callable[..., CommandResult]:
        groups: list[type] = [PortOptions, OutputOptions] if port else [OutputOptions]

        def call(**given: Any) -> int:
            output = _group(OutputOptions, given)
            port_options = _group(PortOptions, given, own_names) if port else PortOptions()
            own = {
                parameter.name: _group(parameter.annotation, given)
                if is_dataclass(parameter.annotation)
                else given[parameter.name]
                for parameter in own_parameters
            }
            writer = Output(output.output, quiet=output.quiet, verbose=output.verbose)
            this_run = Run(writer, port_options, os.environ)
            if writer.is_stream and not streams:
                return fail(name, writer, _no_stream(name))
            return run(name, writer, lambda: function(this_run, **own))

        own_parameters = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        own_options = [option for parameter in own_parameters for option in _options(parameter)]
        own_names = {option.name for option in own_options}
        call.__signature__ = inspect.Signature(  # type: ignore[attr-defined] # how typer learns of them
            [
                *own_options,
                *(
                    parameter
                    for group in groups
                    for parameter in _parameters(group)
                    if parameter.name not in own_names
                ),
            ]
        )
        call.__annotations__ = {}
        call.__doc__ = f"{COMMANDS[name].summary}\n\n{inspect.getdoc(function)}"
        app.command(name, epilog=_epilog(exits, example))(call)
        return function

    return register


def _no_stream(command: str) -> UsageError:
    return UsageError(
        f"falcoport {command} has no JSON Lines to write.",
        where="-o",
        hint="-o json is for scripts",
    )


def _options(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    if is_dataclass(parameter.annotation):
        return _parameters(parameter.annotation)
    return [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)]


def _parameters(group: Any) -> list[inspect.Parameter]:
    return [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(group, eval_str=True).parameters.values()
    ]


def _group(group: Any, given: dict[str, Any], without: Collection[str] = ()) -> Any:
    """Return a group with what was given; what is in `without` means something else here."""
    names = (item.name for item in fields(group))
    return group(**{name: given[name] for name in names if name not in without})


def _epilog(exits: tuple[int, ...], example: str) -> str:
    codes = " · ".join(f"{code} {EXIT_CODES[code]}" for code in sorted(set(exits)))
    return f"Example: {example}\n\nExit codes: {codes}"


def run(
    command: str,
    output: Output,
    body: Callable[[], CommandResult],
) -> int:
    """Run a command's body; write its result or its failure, and return the exit code."""
    try:
        with signals.let_through():
            finished = body()
    except (KeyboardInterrupt, typer.Abort):
        error = InterruptedRunError("Interrupted. Nothing was changed in Port.", hint=AGAIN)
        return fail(command, output, error)
    except FalcoportError as error:
        return fail(command, output, error)
    except StdoutError:
        raise
    except Exception as error:  # noqa: BLE001 -- the last line of defence: never a traceback
        return fail(command, output, _bug(error, output))
    if output.is_json:
        write_envelope_early(command, output, finished)
    elif finished.problems and not finished.rendered:
        output.problems(finished.problems)
    return finished.exit_code


def write_envelope_early(command: str, output: Output, finished: CommandResult) -> CommandResult:
    """Write the envelope, unless it was already; for a command that goes on until it is stopped.

    Returns what the command is to return in the end.
    """
    if output.is_json and not finished.envelope_written:
        output.envelope(
            command,
            exit_code=finished.exit_code,
            data=finished.data,
            problems=finished.problems,
        )
        output.flush()
    return replace(finished, envelope_written=True)


def fail(command: str, output: Output, error: FalcoportError, data: Any = None) -> int:
    """Explain a failure, to a person or in the envelope, and return its exit code."""
    if output.is_json:
        if data is None and error.progress:
            data = {"done": error.progress}
        output.envelope(command, exit_code=error.exit_code, data=data, problems=error.problems)
    else:
        output.error(error)
    return error.exit_code


def _bug(error: Exception, output: Output) -> FalcoportError:
    """Return an error for what falcoport did not foresee; its traceback only when asked for."""
    if output.verbose:
        import traceback

        for line in "".join(traceback.format_tb(error.__traceback__)).splitlines():
            output.trace(line)
    return FalcoportError(
        f"Internal error: {type(error).__name__}.",
        code="bug",
        hint="Please report it, with the output of the same command with --verbose.",
    )
