"""Every request of every command that writes, and every fault that may meet it.

The matrix is made, not written: a clean run of each command is recorded, and each of its requests
is then hurt in each way there is, once and always. Whatever happens, the command ends well or with
the right exit code and one message, loses nothing, shows no secret, and running it again without
the fault ends where the clean run ended.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
import stamina
from support import faulty_port as faults
from support.catalogs import (
    WEBHOOK_SECRET,
    Catalog,
    State,
    as_set_up,
    before_setup,
    drifted,
    extended,
    extras_of,
    losses,
    secured,
    state_of,
    without_namespaces,
    without_origin,
    without_relation,
)
from support.command_line import Ran, falcoport
from support.faulty_port import TOKEN_PATH, End, Fault, faulty_port
from support.port_client import port_client

from falcoport.cli import app
from falcoport.errors import EXIT_ACCESS, EXIT_INPUT, EXIT_OK, EXIT_PORT
from falcoport.manifests import loading as manifests
from falcoport.mapping import sample_check as checking
from falcoport.sandbox.server import OnBadDelivery, OnNestedPatch, SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from falcoport.sandbox.server import RunningSandbox

pytestmark = pytest.mark.slow

SILENCE_TIMEOUT = "0.15"
"""Seconds until a command gives up on an answer that never comes."""
PATIENT_TIMEOUT = "20"
POLLS = 50
"""How often to look, without pauses, for what the sandbox does in the background."""


@dataclass(frozen=True)
class MadeCatalog:
    """What falcoport makes of a catalog that knows namespaces, by a command line."""

    arguments: tuple[str, ...]

    def seed(self, sandbox: RunningSandbox) -> None:
        """Make it in a sandbox."""
        before_setup().seed(sandbox)
        os.environ |= {
            "PORT_CLIENT_ID": sandbox.client_id,
            "PORT_CLIENT_SECRET": sandbox.client_secret,
            "PORT_API_URL": sandbox.url,
            "FALCOPORT_NOTIFY_URL": NOTIFY_URL,
        }
        ran = falcoport(*self.arguments)
        assert ran.exit_code == EXIT_OK, ran


@dataclass(frozen=True)
class Scenario:
    """A command line, and what Port has before it runs."""

    arguments: tuple[str, ...]
    catalog: Callable[[], Catalog | MadeCatalog]
    secret: str = ""
    """The webhook's secret to set: Port does not give it back, but asks senders for it."""
    repeats: bool = False
    """Whether a second run writes again, as it is asked to."""
    reads: tuple[str, ...] = ("",)
    """Ends of the paths whose reads are hurt; those of another scenario need not be again."""
    notify_url: str = ""
    """The URL of a channel: a secret in Port, as the webhook's is."""
    has_extras: bool = False
    """Whether pages, scorecards, actions, permissions and secrets are looked at too."""
    most_alike: int = 99
    """How many of the requests to one path are hurt: some actions are like one another."""


EVERYTHING = "dashboard,rollups,scorecard,triage,notify,retention"
NOTIFY_URL = "https://hooks.example/notify-secret-0815"
WITH_EVERYTHING = ("setup", "--with", EVERYTHING, "--notify", "slack", "--retention", "7d")
NEW_KINDS = (
    "/pages/falco_security",
    "/pages/falco_alerts",
    "/scorecards/runtime_security",
    "/actions/falco_expire",
    "/secrets/FALCO_NOTIFY_SLACK",
    "/falco_alert/permissions",
)

SCENARIOS = {
    "first setup": Scenario(("setup",), before_setup),
    "setup with its own namespace": Scenario(
        ("setup", "--create-namespace-blueprint"), without_namespaces
    ),
    "setup over drift": Scenario(("setup",), drifted),
    # A secret that is given is written each time: Port does not give back what it has.
    "setup --secure": Scenario(
        ("setup", "--secure"), as_set_up, "new-secret-0815", repeats=True, reads=()
    ),
    "setup --rotate-secret": Scenario(
        ("setup", "--rotate-secret"),
        lambda: secured("old-secret-0815"),
        "new-secret-0815",
        repeats=True,
        reads=(),
    ),
    "add-relation": Scenario(("add-relation",), without_relation),
    "teardown": Scenario(("teardown", "--yes"), as_set_up),
    "teardown of a shared webhook": Scenario(
        ("teardown", "--keep-blueprint", "--yes"), extended, reads=()
    ),
    "teardown with alerts": Scenario(
        ("teardown", "--delete-alerts", "--yes"),
        lambda: Catalog(as_set_up().blueprints, as_set_up().webhooks, alerts=3),
        reads=("/entities-count",),
    ),
    "setup --with everything": Scenario(
        WITH_EVERYTHING,
        lambda: MadeCatalog(("setup", "--profile", "standard")),
        repeats=True,
        reads=NEW_KINDS,
        notify_url=NOTIFY_URL,
        has_extras=True,
        most_alike=1,
    ),
    "setup --without everything": Scenario(
        ("setup", "--without", EVERYTHING),
        lambda: MadeCatalog(("setup", "--profile", "standard", *WITH_EVERYTHING[1:])),
        reads=(),
        has_extras=True,
        most_alike=1,
    ),
}

# What a fault may end with: met once, and met by every request like it. A fault that Port itself
# explains ends with its own code; after one that leaves the outcome open, reading may show success.
_PASSES = ({EXIT_OK}, {EXIT_PORT})
_ACTED = ({EXIT_OK}, {EXIT_OK, EXIT_PORT})
ENDS: dict[Fault, tuple[set[int], set[int]]] = {
    faults.RESET_EARLY: _PASSES,
    faults.RESET_LATE: _ACTED,
    faults.CUT: _ACTED,
    faults.SILENCE: _PASSES,
    faults.SILENCE_LATE: _ACTED,
    faults.UNAUTHORIZED: ({EXIT_OK}, {EXIT_ACCESS}),
    faults.FORBIDDEN: ({EXIT_ACCESS}, {EXIT_ACCESS}),
    faults.CONFLICT: ({EXIT_OK, EXIT_PORT}, {EXIT_PORT}),
    faults.INVALID: ({EXIT_INPUT}, {EXIT_INPUT}),
    faults.LIMITED_SECONDS: _PASSES,
    faults.LIMITED_DATE: _PASSES,
    faults.LIMITED_EPOCH: _PASSES,
    faults.LIMITED_RESET: _PASSES,
    faults.LIMITED_LONG: ({EXIT_PORT}, {EXIT_PORT}),
    faults.BROKEN: _PASSES,
    faults.BROKEN_LATE: _ACTED,
    faults.GATEWAY: _PASSES,
    faults.GATEWAY_LATE: _ACTED,
    faults.UNAVAILABLE: _PASSES,
    faults.NO_OBJECT: _ACTED,
    faults.NO_OBJECT_EARLY: _PASSES,
    faults.MISSING: ({EXIT_OK, EXIT_PORT}, {EXIT_OK, EXIT_PORT}),
    faults.MISSING_EARLY: ({EXIT_OK, EXIT_PORT}, {EXIT_PORT}),
    faults.STRIPPED: ({EXIT_OK, EXIT_PORT}, {EXIT_OK, EXIT_PORT}),
    faults.WITHOUT_MAPS: ({EXIT_OK, EXIT_PORT}, {EXIT_OK, EXIT_PORT, EXIT_INPUT}),
}
# Reads that reach the server and reads that do not are the same to everybody.
ALIKE_FOR_READS = {
    faults.RESET_LATE,
    faults.SILENCE_LATE,
    faults.BROKEN_LATE,
    faults.GATEWAY_LATE,
    faults.NO_OBJECT_EARLY,
    faults.MISSING_EARLY,
}
# However a limit says when it ends, it is the same if it never does.
ALIKE_ALWAYS = {faults.LIMITED_DATE, faults.LIMITED_EPOCH, faults.LIMITED_RESET}
# What is hurt from its second time on, and was not at its first, differs only in what is lost.
LASTING = {faults.RESET_EARLY, faults.BROKEN, faults.WITHOUT_MAPS}
FAULTS = {fault.name: fault for fault in ENDS}
REFUSED = "connection refused"


@dataclass(frozen=True)
class Cell:
    """One request of a scenario and one fault; `after` answers where connections are refused."""

    scenario: str
    fault: str
    place: tuple[str, str, int] | None
    always: bool
    as_json: bool
    after: int = 0

    def __str__(self) -> str:
        if self.fault == REFUSED:
            return f"{self.scenario}: connection refused after {self.after} answers"
        method, path, nth = self.place or ("", "", 0)
        times = "always" if self.always else "once"
        return f"{self.scenario}: {method} {path} #{nth}: {self.fault}, {times}"

    @property
    def ends(self) -> set[int]:
        """The exit codes that it may end with."""
        if self.fault == REFUSED:
            return {EXIT_OK, EXIT_PORT}
        fault = FAULTS[self.fault]
        if fault is faults.UNAUTHORIZED and self.place is not None and self.place[1] == TOKEN_PATH:
            return {EXIT_ACCESS}
        return ENDS[fault][self.always]


@dataclass(frozen=True)
class Clean:
    """What a scenario's run without faults does: its requests, the catalog before and after."""

    places: tuple[tuple[str, str, int], ...]
    initial: State
    final: State
    database: Path


class World:
    """A sandbox as a scenario begins, and a proxy in front of it that the environment names."""

    def __init__(self, database: Path, scenario: Scenario) -> None:
        self._scenario = scenario
        self._secret = scenario.secret
        self._running = ExitStack()
        # Whatever is left out of a map is lost: the harsher of what Port may do with an update.
        options = SandboxOptions(
            port=0,
            database=database,
            on_nested_patch=OnNestedPatch.REPLACE,
            on_bad_delivery=OnBadDelivery.REJECT,
        )
        self.sandbox = self._running.enter_context(running_sandbox(options))
        self.proxy = self._running.enter_context(faulty_port(self.sandbox.url))
        self.client = self._running.enter_context(closing(port_client(self.sandbox)))

    def close(self) -> None:
        """Stop both."""
        self._running.close()

    def enter(self) -> None:
        """Point the environment to the proxy."""
        os.environ |= {
            "PORT_CLIENT_ID": self.sandbox.client_id,
            "PORT_CLIENT_SECRET": self.sandbox.client_secret,
            "PORT_API_URL": self.proxy.url,
            "FALCOPORT_WEBHOOK_SECRET": self._secret,
            "FALCOPORT_NOTIFY_URL": self._scenario.notify_url,
        }

    def state(self) -> State:
        """Read the catalog past the proxy, and whether the webhook takes the secret."""
        state = state_of(self.client)
        if self._scenario.has_extras:
            # Automations hold the address of Port, which is another one in each world.
            for key, body in extras_of(self.client).items():
                text = json.dumps(body).replace(self.proxy.url, "http://port")
                state[key] = json.loads(text)
        webhook = state.get(("webhook", "falco_alert_mapper"))
        if self._secret and webhook is not None:
            name = webhook["security"].get("signatureHeaderName", "x-none")
            url = f"{self.sandbox.url}/{webhook['webhookKey']}"
            webhook["takes"] = self.client.post(
                url, json=0, headers={name: self._secret}
            ).status_code
        return state

    def secrets(self) -> set[str]:
        """Return what must never be seen."""
        given = {one for one in (self._secret, self._scenario.notify_url) if one}
        return {self.sandbox.client_secret, WEBHOOK_SECRET, *given, *self.proxy.tokens}


class Scenes:
    """The worlds of one process: a scenario's catalog is made once, and copied once it is used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / str(os.getpid())
        self._folder.mkdir()
        self._clean: dict[str, Clean] = {}
        self._world: World | None = None
        self._scenario = ""

    def close(self) -> None:
        """Stop what runs."""
        if self._world is not None:
            self._world.close()
            self._world = None

    def clean(self, name: str) -> Clean:
        """Record a scenario's run without faults, and see that a second run writes nothing."""
        if name not in self._clean:
            scenario = SCENARIOS[name]
            database = self._folder / f"{name.replace(' ', '-')}.db"
            with running_sandbox(SandboxOptions(port=0, database=database)) as sandbox:
                scenario.catalog().seed(sandbox)
            with closing(self._new(database, scenario)) as world:
                initial = world.state()
                first = falcoport(*scenario.arguments, "--timeout", PATIENT_TIMEOUT)
                assert first.exit_code == EXIT_OK, first
                places = tuple(request.place for request in world.proxy.seen)
                final = world.state()
                world.proxy.forget()
                again = falcoport(*scenario.arguments, "--timeout", PATIENT_TIMEOUT)
                assert again.exit_code == EXIT_OK, again
                wrote = any(request.writes for request in world.proxy.seen)
                assert wrote == scenario.repeats, again
                assert world.state() == final
            self._clean[name] = Clean(places, initial, final, database)
        return self._clean[name]

    def problems(self, cell: Cell) -> list[str]:
        """Run a cell; return what is wrong with it."""
        clean = self.clean(cell.scenario)
        if self._world is None or self._scenario != cell.scenario:
            self.close()
            self._world, self._scenario = (
                self._new(clean.database, SCENARIOS[cell.scenario]),
                cell.scenario,
            )
        world = self._world
        world.enter()
        found = _run(world, cell, clean)
        if world.state() != clean.initial:
            self.close()
        return found

    def _new(self, database: Path, scenario: Scenario) -> World:
        copy = self._folder / "copy.db"
        for leftover in self._folder.glob(f"{copy.name}*"):
            leftover.unlink()
        shutil.copyfile(database, copy)
        world = World(copy, scenario)
        world.enter()
        return world


def _run(world: World, cell: Cell, clean: Clean) -> list[str]:
    scenario, proxy = SCENARIOS[cell.scenario], world.proxy
    found: list[str] = []
    proxy.after_write = lambda: found.extend(losses(clean.initial, clean.final, world.state()))
    fault = FAULTS.get(cell.fault)
    proxy.fault, proxy.place, proxy.always = fault, cell.place, cell.always
    if fault is None:
        proxy.refuse_after = cell.after
        if not cell.after:
            proxy.refuse()
    silent = fault is not None and fault.end is End.SILENCE
    timeout = SILENCE_TIMEOUT if silent else PATIENT_TIMEOUT
    options = ["--verbose", "--timeout", timeout, *(("-o", "json") if cell.as_json else ())]
    outcome = falcoport(*scenario.arguments, *options)
    found.extend(_shortcomings(world, cell, outcome))
    found.extend(losses(clean.initial, clean.final, world.state()))
    proxy.forget()
    proxy.listen()
    # From the first and the last state the clean run has shown where a run without faults ends.
    if world.state() not in (clean.initial, clean.final):
        found.extend(_differences_of_another_run(world, scenario, clean))
    return found


def _differences_of_another_run(world: World, scenario: Scenario, clean: Clean) -> Iterator[str]:
    again = falcoport(*scenario.arguments, "--timeout", PATIENT_TIMEOUT)
    if again.exit_code != EXIT_OK:
        yield f"running it again ends with {again.exit_code}: {again.stderr}"
    if without_origin(world.state(), clean.initial) != without_origin(clean.final, clean.initial):
        yield f"running it again ends elsewhere: {again.stderr}"


def _shortcomings(world: World, cell: Cell, outcome: Ran) -> Iterator[str]:
    """List what is wrong with how the faulty run ended, and with what it wrote."""
    shown = outcome.everything
    if cell.fault != REFUSED and not world.proxy.hurt:
        yield "the fault met no request"
    if outcome.exit_code not in cell.ends:
        yield f"it ended with {outcome.exit_code}, not one of {cell.ends}: {shown}"
    if "Traceback" in shown or 'File "' in shown:
        yield f"a traceback: {shown}"
    yield from (f"a secret shows: {shown}" for secret in world.secrets() if secret in shown)
    expected = 0 if outcome.exit_code == EXIT_OK else 1
    if len(outcome.errors) != expected:
        yield f"{len(outcome.errors)} messages, not {expected}: {shown}"
    if cell.as_json and outcome.envelope["exit_code"] != outcome.exit_code:
        yield f"the envelope says {outcome.envelope['exit_code']}, not {outcome.exit_code}"
    if not cell.as_json and outcome.exit_code != EXIT_OK and outcome.stdout:
        yield f"something on stdout beside a failure: {outcome.stdout}"


def _cells(name: str, clean: Clean) -> Iterator[Cell]:
    """Yield a scenario's cells: each of its requests, with each fault, once and always."""
    number = 0
    for place in dict.fromkeys(clean.places):
        method, path, nth = place
        is_read = method == "GET"
        if nth > SCENARIOS[name].most_alike:
            continue
        if is_read and not path.endswith(SCENARIOS[name].reads):
            continue
        for fault in ENDS:
            if is_read and fault in ALIKE_FOR_READS:
                continue
            lasts = fault not in ALIKE_ALWAYS and (nth == 1 or fault in LASTING)
            for always in (False, True) if lasts else (False,):
                number += 1
                yield Cell(name, fault.name, place, always, as_json=number % 3 == 0)
    for after in range(len(clean.places)):
        yield Cell(name, REFUSED, None, always=True, as_json=after % 3 == 0, after=after)


def _remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    results: dict[str, Any] = {}

    def remembered(*arguments: Any, **named: Any) -> Any:
        key = repr((arguments, named))
        if key not in results:
            results[key] = function(*arguments, **named)
        return results[key]

    return remembered


_scenes: Scenes | None = None


def _start(folder: Path) -> None:
    """Make a process ready to run cells."""
    global _scenes  # noqa: PLW0603 -- how a process of a pool keeps something
    _scenes = Scenes(folder)
    # What comes before the first request is the same in every cell.
    for module, name in ((manifests, "load"), (checking, "mapping_problems"), (app, "_loaded")):
        setattr(module, name, _remembered(getattr(module, name)))
    stamina.set_testing(True, attempts=POLLS, cap=True)


def _problems(cell: Cell) -> list[str]:
    assert _scenes is not None
    return _scenes.problems(cell)


@pytest.fixture(scope="module")
def processes() -> Iterator[tuple[ProcessPoolExecutor, Scenes]]:
    """Run two processes, each with sandboxes of its own; the second value is this one's."""
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as temporary:
        folder = Path(temporary)
        context = multiprocessing.get_context("spawn")
        with (
            ProcessPoolExecutor(2, context, _start, (folder,)) as pool,
            closing(Scenes(folder)) as scenes,
        ):
            yield pool, scenes


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_fault_at_any_request_costs_anything(
    name: str,
    processes: tuple[ProcessPoolExecutor, Scenes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    pool, scenes = processes
    started = time.monotonic()
    cells = list(_cells(name, scenes.clean(name)))
    results = list(pool.map(_problems, cells, chunksize=4))
    with capsys.disabled():
        requests = len({cell.place for cell in cells if cell.place})
        seconds = time.monotonic() - started
        print(f"\n{name}: {len(cells)} cells ({requests} requests) in {seconds:.1f} s")  # noqa: T201
    wrong = {str(cell): found for cell, found in zip(cells, results, strict=True) if found}
    assert not wrong, json.dumps(dict(list(wrong.items())[:20]), indent=1, ensure_ascii=False)
