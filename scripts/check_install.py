"""Install falcoport in every way that the README names, on every Python that can be had.

    python scripts/check_install.py --dist DIST

DIST holds a wheel and an sdist, as `scripts/release` makes them; the git reference is this
checkout's commit. Each of pip, pipx, `uv tool` and uvx installs each of wheel, sdist and git
reference, with a home folder that knows nothing of the project; then falcoport is run. With pip
there is also the locked installation from a folder of wheels, without a network where the system
can take it away.

Interpreters are looked for on PATH, in pyenv, and among uv's. For one that is missing here but in
the Debian that --debian names, everything is done in there (python3, python3-venv and git are all
it needs). The last line names the Pythons that were not tried. Needs the package index.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# How a machine reaches the index is its own affair; nothing else of its environment is passed on.
_PASSED_ON = (
    "PIP_CERT", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
    "UV_INDEX_URL", "UV_DEFAULT_INDEX", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
)  # fmt: skip
_TIMEOUT = 600.0


@dataclass(frozen=True)
class Place:
    """What is installed and with what: the interpreter, the tools' folder, and caches to share."""

    python: str
    label: str
    tools: Path
    caches: Path
    checkout: Path


@dataclass(frozen=True)
class Outcome:
    """What became of one way to install: empty `failure` if falcoport ran."""

    name: str
    seconds: float
    failure: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Try everything; return 1 if anything failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dist", type=Path, required=True, help="folder with wheel and sdist")
    parser.add_argument("--python", action="append", help="an interpreter; looked for otherwise")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="for the git reference")
    parser.add_argument(
        "--debian", type=Path, help="an unpacked Debian, for the Python that it has; needs root"
    )
    given = parser.parse_args(arguments)
    wheel = next(given.dist.glob("falcoport-*.whl"))
    sdist = next(given.dist.glob("falcoport-*.tar.gz"))
    failed, missing = 0, []
    with tempfile.TemporaryDirectory(prefix="falcoport-install-") as work:
        folder = Path(work)
        sources = find_sources(wheel, sdist, given.checkout)
        for version in given.python or PYTHONS:
            found = version if given.python else find_python(version)
            if found:
                failed += try_all(found, sources, given.checkout, folder)
            elif given.debian and (given.debian / f"usr/bin/python{version}").exists():
                failed += try_in_debian(version, (wheel, sdist), given.checkout, given.debian)
            else:
                missing.append(version)
    if missing:
        print(f"not tried, there is no such interpreter here: Python {', '.join(missing)}")
    return 1 if failed else 0


def find_sources(wheel: Path, sdist: Path, checkout: Path) -> dict[str, str]:
    """Return what can be installed: a wheel, an sdist, and a commit of a checkout."""
    commit = _output(["git", "-C", str(checkout), "rev-parse", "HEAD"])
    return {
        "wheel": str(wheel.resolve()),
        "sdist": str(sdist.resolve()),
        "git": f"git+file://{checkout.resolve()}@{commit}",
    }


def find_python(version: str) -> str | None:
    """Return an interpreter of a version that runs, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    candidates = [
        # A shim of pyenv's may be on PATH and run nothing: each is asked for its version.
        *(shutil.which(f"python{version}", path=part) for part in os.get_exec_path()),
        *(str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python3"))),
        *_uv_pythons(version),
    ]
    return next((one for one in candidates if one and _runs(one, version)), None)


def _uv_pythons(version: str) -> Iterator[str]:
    """Yield what uv has; it is not asked to fetch one, which an index alone cannot give."""
    if uv := shutil.which("uv"):
        command = [uv, "python", "find", "--no-project", "--managed-python", version]
        yield _output(command, {**os.environ, "UV_PYTHON_DOWNLOADS": "never"})


def _runs(python: str, version: str) -> bool:
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    return _output([python, "-c", code]) == version


def _output(command: Sequence[str], env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603 -- our own words
    return done.stdout.strip() if done.returncode == 0 else ""


def try_all(python: str, sources: dict[str, str], checkout: Path, folder: Path) -> int:
    """Try every way on one interpreter, two at a time; return how many failed."""
    label = _output([python, "-c", "import platform; print(platform.python_version())"])
    tools = folder / f"tools-{label}"
    _check([python, "-m", "venv", str(tools)], dict(os.environ), folder)
    place = Place(python, label, tools, folder / "caches", checkout)
    lock = checkout / "requirements" / "dev.txt"
    environment = _environment(place, folder)
    pip = [str(tools / "bin" / "pip"), "install", "--quiet", "--no-warn-script-location"]
    _check(
        [*pip, "--constraint", str(_without_hashes(lock, folder)), "uv", "pipx"],
        environment,
        folder,
    )
    ways = [(one, name, spec) for one, (name, spec) in product(_INSTALLERS, sources.items())]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda way: _try(place, way[0], way[1], way[2], folder), ways))
    outcomes.append(
        _timed("pip from a folder of wheels", lambda: _wheelhouse(place, sources["wheel"], folder))
    )
    outcomes.append(
        _timed("pip wheel[sandbox], demo", lambda: _demo(place, sources["wheel"], folder))
    )
    for outcome in outcomes:
        verdict = f"failed: {outcome.failure}" if outcome.failure else "ok"
        print(f"Python {label}  {outcome.name:30} {outcome.seconds:5.1f} s  {verdict}", flush=True)
    return sum(bool(outcome.failure) for outcome in outcomes)


def _without_hashes(lock: Path, folder: Path) -> Path:
    """Return the lock's versions as constraints: with hashes pip would want all of them."""
    file = folder / "constraints.txt"
    lines = lock.read_text("utf-8").splitlines()
    pins = [line.removesuffix(" \\") for line in lines if line[:1].isalnum()]
    file.write_text("\n".join(pins) + "\n", encoding="utf-8")
    return file


def _environment(place: Place, home: Path) -> dict[str, str]:
    passed_on = {
        name: os.environ[name]
        for upper in _PASSED_ON
        for name in (upper, upper.lower())
        if name in os.environ
    }
    return {
        **passed_on,
        "PATH": f"{place.tools / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PIP_CACHE_DIR": str(place.caches / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_CACHE_DIR": str(place.caches / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_TOOL_DIR": str(home / "uv" / "tools"),
        "UV_TOOL_BIN_DIR": str(home / "uv" / "bin"),
        "PIPX_HOME": str(home / "pipx"),
        "PIPX_BIN_DIR": str(home / "pipx" / "bin"),
        # The checkout is somebody's; whoever runs this may be somebody else.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }


def _with_pip(place: Place, home: Path, environment: dict[str, str], spec: str) -> list[str]:
    _check([place.python, "-m", "venv", str(home / "venv")], environment, home)
    _check([str(home / "venv" / "bin" / "pip"), "install", "--quiet", spec], environment, home)
    return [str(home / "venv" / "bin" / "falcoport")]


def _with_pipx(place: Place, home: Path, environment: dict[str, str], spec: str) -> list[str]:
    _check(["pipx", "install", "--quiet", "--python", place.python, spec], environment, home)
    return [str(home / "pipx" / "bin" / "falcoport")]


def _with_uv_tool(place: Place, home: Path, environment: dict[str, str], spec: str) -> list[str]:
    _check(["uv", "tool", "install", "--quiet", "--python", place.python, spec], environment, home)
    return [str(home / "uv" / "bin" / "falcoport")]


def _with_uvx(place: Place, _home: Path, _environment: dict[str, str], spec: str) -> list[str]:
    return ["uvx", "--quiet", "--python", place.python, "--from", spec, "falcoport"]


_INSTALLERS: dict[str, Callable[[Place, Path, dict[str, str], str], list[str]]] = {
    "pip": _with_pip,
    "pipx": _with_pipx,
    "uv tool": _with_uv_tool,
    "uvx": _with_uvx,
}


def _try(place: Place, installer: str, name: str, spec: str, folder: Path) -> Outcome:
    """Install in one way, and run what was installed: its version, and the manifests inside it."""

    def run() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as home_name:
            home = Path(home_name)
            environment = _environment(place, home)
            falcoport = _INSTALLERS[installer](place, home, environment, spec)
            _run_falcoport(falcoport, environment, home)

    return _timed(f"{installer} {name}", run)


def _run_falcoport(falcoport: list[str], environment: dict[str, str], home: Path) -> None:
    said = _check([*falcoport, "--version"], environment, home)
    expected = (ROOT / "falcoport" / "__init__.py").read_text("utf-8").split('"')[-2]
    if said.strip() != f"falcoport {expected}":
        raise RuntimeError(f"--version says {said.strip()!r}")
    # The blueprint, the webhook and the samples that the mapping is tried on are in the package.
    exported = _check([*falcoport, "export", "--offline"], environment, home)
    if "falco_alert_mapper" not in exported:
        raise RuntimeError("export --offline shows no webhook")


def _wheelhouse(place: Place, wheel: str, folder: Path) -> None:
    """Install as docs/air-gapped.md says: locked wheels from a folder, and no network."""
    with tempfile.TemporaryDirectory(dir=folder) as home_name:
        home = Path(home_name)
        environment = _environment(place, home)
        lock = str(place.checkout / "requirements" / "runtime.txt")
        pip = str(place.tools / "bin" / "pip")
        wheels = str(home / "wheels")
        _check(
            [pip, "download", "--quiet", "--require-hashes", "--dest", wheels, "-r", lock],
            environment,
            home,
        )
        shutil.copy(wheel, wheels)
        _check([place.python, "-m", "venv", str(home / "venv")], environment, home)
        cut_off = _find_cut_off()
        install = [str(home / "venv" / "bin" / "pip"), "install", "--quiet", "--no-index"]
        install += ["--find-links", wheels]
        _check([*cut_off, *install, "falcoport[sandbox,relay,socks]"], environment, home)
        _run_falcoport([*cut_off, str(home / "venv" / "bin" / "falcoport")], environment, home)


def _find_cut_off() -> list[str]:
    """Return what to put in front of a command so that it has no network; nothing if it cannot be.

    Root needs no user namespace for it, and may have none inside a chroot.
    """
    command = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
    return command if shutil.which("unshare") and _succeeds([*command, "true"]) else []


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 -- our own words


def _demo(place: Place, wheel: str, folder: Path) -> None:
    """Run what the README begins with: a sandbox, a set-up, three alerts that arrive."""
    with tempfile.TemporaryDirectory(dir=folder) as home_name:
        home = Path(home_name)
        environment = _environment(place, home)
        falcoport = _with_pip(place, home, environment, f"{wheel}[sandbox]")
        _check([*falcoport, "demo"], environment, home)


def _timed(name: str, run: Callable[[], None]) -> Outcome:
    started = time.monotonic()
    try:
        run()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return Outcome(name, time.monotonic() - started, str(error))
    return Outcome(name, time.monotonic() - started)


def _check(command: Sequence[str], environment: dict[str, str], folder: Path) -> str:
    """Return what a command wrote to stdout; raise RuntimeError with all it said if it failed."""
    program = shutil.which(command[0], path=environment["PATH"]) or command[0]
    done = subprocess.run(  # noqa: S603 -- our own words
        [program, *command[1:]],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def try_in_debian(version: str, sources: Sequence[Path], checkout: Path, root: Path) -> int:
    """Do all of it inside a Debian that has Python and git alone; return 1 if anything failed."""
    for name in ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"):
        if Path(name).exists():
            (root / name[1:]).unlink(missing_ok=True)
            shutil.copyfile(name, root / name[1:])
    inside = root / "srv"
    shutil.rmtree(inside / "falcoport", ignore_errors=True)
    clone = ["git", "clone", "--quiet", str(checkout), str(inside / "falcoport")]
    _check(clone, dict(os.environ), root)
    (inside / "dist").mkdir(exist_ok=True)
    for file in sources:
        shutil.copy(file, inside / "dist")
    python = f"/usr/bin/python{version}"
    script = ["/srv/falcoport/scripts/check_install.py", "--dist", "/srv/dist", "--python", python]
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment = {**passed_on, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    # uvx finds uv through /proc; a mount of its own is gone with the process.
    enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
    command = ["unshare", "--mount", "sh", "-c", enter, str(root), python, *script]
    program = shutil.which("unshare") or "unshare"
    done = subprocess.run([program, *command[1:]], env=environment, check=False)  # noqa: S603 -- our own words
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
