"""Who may import whom, and that a command imports no more than it needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import falcoport

PACKAGE = Path(falcoport.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

ONLY_IN = {
    "httpx": ("port", "delivery"),
    "typer": ("cli",),
    "rich": ("render",),
    "starlette": ("sandbox",),
    "uvicorn": ("sandbox",),
}
HEAVY = ("jq", "yaml", "httpx", "rich", "starlette", "uvicorn", "jsonschema", "sqlite3", "stamina")


def part_of(module: Path) -> str:
    """Return the folder of the package, or the module at its top, that a file belongs to."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(module: Path, *, at_top: bool = False) -> set[str]:
    """Return the dotted names a file imports, those for type checkers apart."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    nodes: list[ast.stmt] = []
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        nodes.append(node)
        if not at_top or not isinstance(node, ast.FunctionDef | ast.ClassDef):
            waiting.extend(
                child
                for child in ast.walk(node)
                if isinstance(child, ast.stmt) and child is not node
            )
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_library_has_its_place(module: Path) -> None:
    used = {name.split(".")[0] for name in imported(module)}
    for library, places in ONLY_IN.items():
        assert library not in used or part_of(module) in places, f"{library} in {module}"


@pytest.mark.parametrize(
    "module", [m for m in MODULES if part_of(m) == "cli"], ids=lambda m: m.name
)
def test_commands_import_heavy_things_only_when_they_run(module: Path) -> None:
    used = {name.split(".")[0] for name in imported(module, at_top=True)}
    assert not used & set(HEAVY)


@pytest.mark.parametrize(
    ("line", "unneeded"),
    [
        (["--version"], HEAVY),
        (["--help"], [name for name in HEAVY if name != "rich"]),
        (["setup", "--help"], [name for name in HEAVY if name != "rich"]),
        (["show-url"], ["jq", "starlette", "uvicorn", "jsonschema", "sqlite3", "stamina"]),
    ],
)
def test_a_command_loads_no_more_than_it_needs(line: list[str], unneeded: list[str]) -> None:
    code = (
        "import sys\n"
        "from falcoport.cli.app import run\n"
        f"run({line!r})\n"
        f"print('LOADED', [name for name in {list(unneeded)!r} if name in sys.modules])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "LOADED []"
