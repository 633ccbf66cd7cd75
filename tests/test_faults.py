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
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import faulty_port as faults
import pytest
import stamina
from catalogs import (
    WEBHOOK_SECRET,
    Catalog,
    State,
    as_set_up,
    before_setup,
    drifted,
    extended,
    losses,
    state_of,
    without_namespaces,
    without_origin,
    without_relation,
)
from command_line import Ran, falcoport
from conftest import port_client
from faulty_port import TOKEN_PATH, End, Fault, FaultyPort, faulty_port

from falcoport.errors import EXIT_ACCESS, EXIT_INPUT, EXIT_OK, EXIT_PORT
from falcoport.port.patience import ATTEMPTS
from falcoport.sandbox.server import SandboxOptions, running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from falcoport.sandbox.server import RunningSandbox

SILENCE_TIMEOUT = "0.15"
"""Seconds until a command gives up on an answer that never comes."""
PATIENT_TIMEOUT = "20"


@dataclass(frozen=True)
class Scenario:
    """A command line, and what Port has before it runs."""

    arguments: tuple[str, ...]
    catalog: Callable[[], Catalog]


SCENARIOS = {
    "first setup": Scenario(("setup",), before_setup),
    "setup with its own namespace": Scenario(
        ("setup", "--create-namespace-blueprint"), without_namespaces
    ),
    "setup over drift": Scenario(("setup",), drifted),
    "add-relation": Scenario(("add-relation",), without_relation),
    "teardown": Scenario(("teardown",), as_set_up),
    "teardown of a shared webhook": Scenario(("teardown", "--keep-blueprint"), extended),
    "teardown with alerts": Scenario(
        ("teardown", "--delete-alerts", "--yes"),
        lambda: Catalog(as_set_up().blueprints, as_set_up().webhooks, alerts=3),
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
    faults.MISSING: _ACTED,
    faults.MISSING_EARLY: _PASSES,
    faults.STRIPPED: _ACTED,
    faults.WITHOUT_MAPS: ({EXIT_OK, EXIT_PORT}, {EXIT_OK, EXIT_PORT, EXIT_INPUT}),
}
FAULTS = {fault.name: fault for fault in ENDS}
REFUSED = "connection refused"
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
    """A sandbox as a scenario begins, a proxy in front of it, and the environment that names it."""

    def __init__(self, sandbox: RunningSandbox, proxy: FaultyPort, client: httpx.Client) -> None:
        self.sandbox, self.proxy, self.client = sandbox, proxy, client
        os.environ |= {
            "PORT_CLIENT_ID": sandbox.client_id,
            "PORT_CLIENT_SECRET": sandbox.client_secret,
            "PORT_API_URL": proxy.url,
        }

    def state(self) -> State:
        """Read the catalog past the proxy."""
        return state_of(self.client)

    def secrets(self) -> set[str]:
        """Return what must never be seen."""
        return {self.sandbox.client_secret, WEBHOOK_SECRET, *self.proxy.tokens}


class Scenes:
    """The worlds of one process: each scenario's catalog is made once and copied per cell."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / str(os.getpid())
        self._folder.mkdir()

    @cache  # noqa: B019 -- one per process, on purpose as long as it
    def clean(self, name: str) -> Clean:
        """Record a scenario's run without faults."""
        scenario = SCENARIOS[name]
        database = self._folder / f"{name.replace(' ', '-')}.db"
        with running_sandbox(SandboxOptions(port=0, database=database)) as sandbox:
            scenario.catalog().seed(sandbox)
        with _world(self._copy(database)) as world:
            initial = world.state()
            outcome = falcoport(*scenario.arguments, "--timeout", PATIENT_TIMEOUT)
            assert outcome.exit_code == EXIT_OK, outcome
            places = tuple(request.place for request in world.proxy.seen)
            final = world.state()
            world.proxy.forget()
            again = falcoport(*scenario.arguments, "--timeout", PATIENT_TIMEOUT)
            assert again.exit_code == EXIT_OK, again
            assert not any(request.writes for request in world.proxy.seen), again
        return Clean(places, initial, final, database)

    def problems(self, cell: Cell) -> list[str]:
        """Run a cell; return what is wrong with it."""
        clean = self.clean(cell.scenario)
        with _world(self._copy(clean.database)) as world:
            return _run(world, cell, clean)

    def _copy(self, database: Path) -> Path:
        copy = self._folder / "copy.db"
        for leftover in self._folder.glob(f"{copy.name}*"):
            leftover.unlink()
        shutil.copyfile(database, copy)
        return copy


class _world:  # noqa: N801 -- used as a function
    """Runs a sandbox on a database, and a proxy in front of it, until the block ends."""

    def __init__(self, database: Path) -> None:
        self._sandbox = running_sandbox(SandboxOptions(port=0, database=database))

    def __enter__(self) -> World:
        sandbox = self._sandbox.__enter__()
        self._proxy = faulty_port(sandbox.url)
        self._client = port_client(sandbox)
        return World(sandbox, self._proxy.__enter__(), self._client)

    def __exit__(self, *_error: object) -> None:
        self._client.close()
        self._proxy.__exit__(None, None, None)
        self._sandbox.__exit__(None, None, None)


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
    again = falcoport(*scenario.arguments, "--timeout", PATIENT_TIMEOUT)
    if again.exit_code != EXIT_OK:
        found.append(f"running it again ends with {again.exit_code}: {again.stderr}")
    if without_origin(world.state(), clean.initial) != without_origin(clean.final, clean.initial):
        found.append(f"running it again ends elsewhere: {again.stderr}")
    return found


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
        for fault in ENDS:
            for always in (False, True):
                if fault is faults.SILENCE_LATE and always and place[0] == "GET":
                    continue  # a read that is never answered is the same, acted or not
                number += 1
                yield Cell(name, fault.name, place, always, as_json=number % 3 == 0)
    for after in range(len(clean.places)):
        yield Cell(name, REFUSED, None, always=True, as_json=after % 3 == 0, after=after)


_scenes: Scenes | None = None


def _start(folder: Path) -> None:
    """Make a process ready to run cells."""
    global _scenes  # noqa: PLW0603 -- how a process of a pool keeps something
    _scenes = Scenes(folder)
    stamina.set_testing(True, attempts=ATTEMPTS, cap=True)


def _problems(cell: Cell) -> list[str]:
    assert _scenes is not None
    return _scenes.problems(cell)


@pytest.fixture(scope="module")
def processes() -> Iterator[tuple[ProcessPoolExecutor, Scenes]]:
    """Run two processes, each with sandboxes of its own; the second value is this one's."""
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as temporary:
        folder = Path(temporary)
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(2, context, _start, (folder,)) as pool:
            yield pool, Scenes(folder)


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
