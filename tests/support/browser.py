"""The browser that tests look at pages with, and what axe says about a page."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chromium import Browser, find_browser, running_browser

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CHROMIUM", "Browser", "check_accessibility", "find_axe", "running_browser"]

CHROMIUM = find_browser()

_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def find_axe() -> Path | None:
    """Return axe-core's script, or None if it is not on this machine; nothing is downloaded.

    It is looked for where `AXE_CORE` says (the file or the folder of the npm package), and among
    npm's packages of this folder and of the machine.
    """
    folders = [Path("node_modules/axe-core")]
    if os.environ.get("AXE_CORE"):
        folders.insert(0, Path(os.environ["AXE_CORE"]))
    npm = shutil.which("npm")
    if npm is not None:
        root = subprocess.run(
            [npm, "root", "--global"], capture_output=True, text=True, check=False, timeout=60
        )
        folders.append(Path(root.stdout.strip()) / "axe-core")
    files = [file for folder in folders for file in (folder, folder / "axe.min.js")]
    return next((file for file in files if file.is_file()), None)


def check_accessibility(browser: Browser, axe: Path, besides: Sequence[str] = ()) -> list[str]:
    """Return what axe finds wrong with the page that is open, a line for each element."""
    browser.evaluate(axe.read_text() + "; 0")
    rules = {name: {"enabled": False} for name in besides}
    options = {"runOnly": {"type": "tag", "values": _RULES}, "rules": rules}
    found: list[dict[str, Any]] = browser.evaluate(
        f"axe.run(document, {json.dumps(options)}).then(result => result.violations)"
    )
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]
