"""Who may import whom, and that a command imports no more than it needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import falcoport

PACKAGE = Path(falcoport.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

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


def test_the_import_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    """They and their reasons are in pyproject.toml."""
    root = Path(__file__).parent.parent
    code = lint_imports(config_filename=str(root / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


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
