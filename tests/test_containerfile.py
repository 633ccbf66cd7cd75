"""The image holds the locked dependencies, runs as nobody, and its file is clean."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTAINERFILE = ROOT / "Containerfile"


def instructions() -> list[tuple[str, str]]:
    """Return the file's instructions with their arguments, long lines joined."""
    text = CONTAINERFILE.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(a, c) for a, _, c in (line.partition(" ") for line in joined.splitlines() if line)]


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="no hadolint here")
def test_the_containerfile_is_clean() -> None:
    ran = subprocess.run(
        ["hadolint", str(CONTAINERFILE)], capture_output=True, check=False, text=True
    )
    assert ran.returncode == 0, ran.stdout


def test_it_runs_as_a_numeric_user_that_is_not_root() -> None:
    """Kubernetes can check runAsNonRoot only for a number."""
    users = [argument for word, argument in instructions() if word == "USER"]
    assert users
    assert all(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) for user in users)


def test_every_installation_is_locked_or_offline() -> None:
    runs = [argument for word, argument in instructions() if word == "RUN"]
    installs = [part for run in runs for part in run.split("&&") if "pip install" in part]
    assert len(installs) == 2
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)


def test_what_is_copied_from_the_checkout_is_all_that_is_sent() -> None:
    """Both ignore files say the same, and nothing but what the file copies."""
    ignores = [(ROOT / name).read_text("utf-8") for name in (".containerignore", ".dockerignore")]
    assert ignores[0] == ignores[1]
    sent = {line[1:] for line in ignores[0].splitlines() if line.startswith("!")}
    copied = {
        argument.split()[0]
        for word, argument in instructions()
        if word == "COPY" and not argument.startswith("--from")
    }
    assert sent == copied
