"""The lock files hold what pyproject.toml asks for, each version with its hashes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from renew_locks import FOLDER, LOCKS

_FILE = Path(__file__).parents[2] / "pyproject.toml"
PROJECT = tomllib.loads(_FILE.read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
RUNTIME = [*PROJECT["dependencies"], *EXTRAS["sandbox"], *EXTRAS["relay"], *EXTRAS["socks"]]
ALL = [*RUNTIME, *(line for line in EXTRAS["dev"] if not line.startswith("falcoport["))]


def read_lock(name: str) -> dict[str, tuple[Version, int]]:
    """Return each package's version, and how many hashes its files may have."""
    text = (FOLDER / name).read_text("utf-8").replace("\\\n", " ")
    found: dict[str, tuple[Version, int]] = {}
    for line in text.splitlines():
        matched = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", line)
        if matched:
            package, version = matched.groups()
            hashes = len(re.findall(r"--hash=sha256:[0-9a-f]{64}(?!\S)", line))
            found[canonicalize_name(package)] = (Version(version), hashes)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes(name: str) -> None:
    locked = read_lock(name)
    assert len(locked) > 20
    assert [package for package, (_version, hashes) in locked.items() if not hashes] == []


@pytest.mark.parametrize("name", LOCKS)
def test_what_pyproject_asks_for_is_locked_within_its_range(name: str) -> None:
    locked = read_lock(name)
    for requirement in map(Requirement, RUNTIME if name == "runtime.txt" else ALL):
        version, _hashes = locked[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, requirement


def test_a_release_is_built_and_checked_with_what_it_runs_with() -> None:
    assert read_lock("runtime.txt").items() <= read_lock("dev.txt").items()


def test_the_lowest_versions_that_pyproject_allows_are_the_ones_tested() -> None:
    locked = read_lock("lowest.txt")
    for requirement in map(Requirement, RUNTIME):
        lowest = next(
            Version(one.version) for one in requirement.specifier if one.operator in (">=", "==")
        )
        version, _hashes = locked[canonicalize_name(requirement.name)]
        # 2024.5 is 2024.5.10: a range may begin before its first release.
        assert str(version).startswith(str(lowest)), requirement


def test_every_runtime_dependency_has_a_lower_bound() -> None:
    for requirement in map(Requirement, RUNTIME):
        assert any(one.operator in (">=", "==") for one in requirement.specifier), requirement
        assert requirement.url is None
        assert requirement.marker is None or isinstance(requirement.marker, Marker)
