"""The documents agree with the program."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.command_line import falcoport

from falcoport.falcosidekick.handover.contents import IMAGE
from falcoport.falcosidekick.handover.interface import Format

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def reference_writer() -> ModuleType:
    file = ROOT / "scripts" / "write_command_reference.py"
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands_in(page: Path) -> list[str]:
    """Return the falcoport command lines of a page's shell blocks."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    joined = [re.sub(r"\\\n\s*", "", block) for block in blocks]
    lines = [line.partition("#")[0] for block in joined for line in block.splitlines()]
    found = [re.search(r"(?:^|\$ |\$\()(falcoport [^|>)&;]*)", line) for line in lines]
    return [match[1].strip() for match in found if match]


def test_the_command_reference_is_that_of_the_program() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert page == reference_writer().reference(), "run python scripts/write_command_reference.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_exist_with_their_options(page: Path) -> None:
    for command in commands_in(page):
        ran = falcoport(*shlex.split(command)[1:], "--help")
        assert ran.exit_code == 0, f"{command}\n{ran.stderr}"


def test_pages_show_commands_at_all() -> None:
    assert sum(len(commands_in(page)) for page in PAGES) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_hand_over_page_knows_every_format_and_the_image() -> None:
    text = (ROOT / "docs" / "falcosidekick.md").read_text(encoding="utf-8")
    assert [form for form in Format if f"`{form}`" not in text] == []
    assert set(re.findall(r"falcosecurity/falcosidekick:\S+", text)) == {IMAGE}


def test_the_map_of_the_code_names_what_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(
        re.findall(r"`((?:falcoport|tests|blueprints|webhook_configs|docs|scripts)/[^`* ]*)`", text)
    )
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    folders = {
        f"falcoport/{one.parent.name}/" for one in (ROOT / "falcoport").glob("*/__init__.py")
    }
    assert folders - named == set()


def test_every_page_is_in_the_sites_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r": ([\w/-]+\.md)$", text, re.MULTILINE))
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    records = {page for page in pages if re.match(r"decisions/\d", page)}
    assert listed == pages - records
    index = (ROOT / "docs" / "decisions" / "index.md").read_text(encoding="utf-8")
    assert [page for page in records if Path(page).name not in index] == []


def test_no_page_says_that_falcoport_is_in_an_index() -> None:
    """It is not: a name alone would install what somebody else put there."""
    pattern = re.compile(
        r"(?:pip3?|pipx|uv tool|uv pip) (?:install|download)[^\n`&]*[ '\"]falcoport(?![\w-])"
    )
    for page in PAGES:
        for line in page.read_text(encoding="utf-8").splitlines():
            found = pattern.search(line)
            assert not found or "--no-index" in line or "git+" in line, line


@pytest.mark.slow
def test_the_site_builds_without_a_network_and_without_a_warning(tmp_path: Path) -> None:
    """Strictly: a page or an anchor that is not there is a failure."""
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        str(tmp_path / "s"),
    ]
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "HTTPS_PROXY": "http://127.0.0.1:9"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    for page in (tmp_path / "s").rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|link|img)[^>]*(?:src|href)=\"?(https?:[^\" >]+)", page.read_text()
        )
        assert loaded == [], page
