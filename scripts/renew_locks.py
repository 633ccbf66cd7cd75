"""Write the lock files in requirements/, with a hash of every file that may be installed.

`runtime.txt` is what a release is run with, `dev.txt` what it is built and checked with, and
`lowest.txt` the oldest versions that pyproject.toml allows, which are tested as well. All hold for
every Python and system that falcoport supports. Needs `uv` (in the extra dev) and an index.

    python scripts/renew_locks.py            after a change of pyproject.toml: what fits stays
    python scripts/renew_locks.py --upgrade  take the newest versions
    python scripts/renew_locks.py --check    exit 1 if pyproject.toml asks for anything else
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

_ROOT = Path(__file__).parent.parent
FOLDER = _ROOT / "requirements"
_RUNTIME = ("--extra", "sandbox", "--extra", "relay", "--extra", "socks")
LOCKS = {
    "runtime.txt": _RUNTIME,
    "dev.txt": ("--all-extras",),
    "lowest.txt": ("--all-extras", "--resolution", "lowest-direct"),
}
"""Each lock file, and what makes it differ from the others."""


def main() -> int:
    """Renew the lock files, or compare them; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--upgrade", action="store_true", help="take the newest versions")
    how.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        renewed = {name: _resolve(name, Path(folder), options.upgrade) for name in LOCKS}
        stale = [name for name, file in renewed.items() if not _is_same(file, FOLDER / name)]
        if options.check:
            for name in stale:
                print(f"requirements/{name} is stale: run scripts/renew_locks.py")
            return 1 if stale else 0
        FOLDER.mkdir(exist_ok=True)
        for name in stale:
            shutil.copyfile(renewed[name], FOLDER / name)
            print(f"requirements/{name} written")
    return 0


def _resolve(name: str, folder: Path, upgrade: bool) -> Path:
    """Return a new lock file, which keeps the versions of the present one where they fit."""
    file = folder / name
    if (FOLDER / name).exists() and not upgrade:
        shutil.copyfile(FOLDER / name, file)
    # fmt: off -- an option and its value on one line
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "pyproject.toml",
        "--quiet",
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
        # pip before 23.1 takes a package with an extra for another one, which is not pinned.
        "--no-strip-extras",
        "--custom-compile-command",
        "python scripts/renew_locks.py",
        *LOCKS[name],
        "--output-file",
        str(file),
    ]
    # fmt: on
    subprocess.run(command, cwd=_ROOT, check=True)  # noqa: S603 -- our own words
    return file


def _is_same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
