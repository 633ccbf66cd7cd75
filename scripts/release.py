"""Make a release: check it, build it twice, and describe what was built.

    scripts/release --prepare 0.2.0     set the version and date the changelog section; commit that
    scripts/release --dry-run           all checks and builds, in a temporary folder alone
    scripts/release                     the same, into dist/, and an annotated tag

What comes out: a wheel and an sdist, which are built twice and must be equal byte for byte; an
SBOM (CycloneDX, from the lock file); a provenance statement (in-toto, SLSA); and SHA256SUMS over
them all.
Only what is committed is built. Nothing is uploaded or pushed. Run it in an environment that was
installed from requirements/dev.txt: see docs/releasing.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
VERSION_FILE = "falcoport/__init__.py"
CHANGELOG = "CHANGELOG.md"
RUNTIME_LOCK = "requirements/runtime.txt"
BUILD_LOCK = "requirements/dev.txt"
SUMS = "SHA256SUMS"

_VERSION_LINE = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
# What PEP 440 calls a final release or a release candidate: nothing else is to be released.
_VERSION = re.compile(r"\d+\.\d+\.\d+(?:rc\d+)?")
_BUILD_TOOLS = ("build", "hatchling", "cyclonedx-bom")
# A statement names its kind by a URI; a urn promises no page that might not be there.
_BUILD_TYPE = "urn:falcoport:release:v1"
_LOCAL_BUILDER = "urn:falcoport:builder:local"


class ReleaseError(Exception):
    """What stands in the way of a release, in a sentence that says what to do."""


@dataclass(frozen=True)
class Source:
    """What is released: a commit of a checkout."""

    root: Path
    commit: str
    commit_time: int
    remote: str
    version: str


@dataclass(frozen=True)
class Options:
    """How a release is made."""

    dry_run: bool
    folder: Path | None
    """Where the files are kept; None where they are not."""
    tag: bool
    builder: str


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Make, try or prepare a release; return the exit code: 3 if something stands in the way."""
    given = _parse(arguments)
    try:
        if given.prepare:
            prepare(root, given.prepare, given.date or dt.datetime.now(dt.UTC).date())
        else:
            builder = given.builder or find_builder(os.environ)
            folder = given.out or (None if given.dry_run else root / "dist")
            tag = not (given.no_tag or given.dry_run)
            release(root, Options(given.dry_run, folder, tag, builder))
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/release",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="leave nothing behind, but files in --out if given"
    )
    parser.add_argument(
        "--prepare", metavar="VERSION", help="write version and changelog; build nothing"
    )
    parser.add_argument("--date", type=dt.date.fromisoformat, help="with --prepare")
    parser.add_argument("--out", type=Path, help="where the files go; must be empty (dist/)")
    parser.add_argument("--no-tag", action="store_true", help="set no tag")
    parser.add_argument("--builder", help="the URI of what builds, for the provenance statement")
    return parser.parse_args(arguments)


def release(root: Path, options: Options) -> None:
    """Check, build twice, compare and describe; then put the files in place and set the tag."""
    source = read_source(root)
    unreleased = check_changelog((root / CHANGELOG).read_text("utf-8"), source.version)
    if unreleased and not options.dry_run:
        raise ReleaseError(
            f"{CHANGELOG} has no section for {source.version}. "
            f"Run scripts/release --prepare {source.version}, and commit."
        )
    tag = f"v{source.version}"
    if _git(root, "tag", "--list", tag):
        raise ReleaseError(f"The tag {tag} is there already: {source.version} was released.")
    if options.folder and options.folder.exists() and any(options.folder.iterdir()):
        raise ReleaseError(f"{options.folder} is not empty. Remove it, or name another --out.")
    with tempfile.TemporaryDirectory(prefix="falcoport-release-") as work:
        files = _build_all(source, options, Path(work))
        for file in files:
            print(f"{_digest(file)}  {file.name}")
        if unreleased:
            print(f"note: the section [Unreleased] would become {source.version}", file=sys.stderr)
        if options.folder:
            options.folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                shutil.copyfile(file, options.folder / file.name)
    if options.tag:
        _git(root, "tag", "--annotate", tag, "--message", f"falcoport {source.version}")
    if options.dry_run:
        print("dry run: all checks passed, nothing was released", file=sys.stderr)
    else:
        print(f"{options.folder}: {len(files)} files" + (f", tag {tag}" if options.tag else ""))


def read_source(root: Path) -> Source:
    """Return what is to be released; raise ReleaseError if that is not exactly a commit."""
    dirty = _git(root, "status", "--porcelain")
    if dirty:
        names = ", ".join(line[3:] for line in dirty.splitlines()[:5])
        raise ReleaseError(f"There are uncommitted changes: {names}. Commit or remove them.")
    commit, seconds = _git(root, "log", "-1", "--format=%H %ct").split()
    found = _VERSION_LINE.search((root / VERSION_FILE).read_text("utf-8"))
    if found is None or not _VERSION.fullmatch(found[1]):
        raise ReleaseError(f"{VERSION_FILE} has no version such as 1.2.3 or 1.2.3rc1.")
    remote = ""
    with suppress(ReleaseError):  # a checkout without a remote is released as well
        remote = _git(root, "remote", "get-url", "origin")
    # A URL may carry credentials, and a path names this machine: neither is anybody's business.
    remote = re.sub(r"//[^/@]*@", "//", remote) if "://" in remote else ""
    return Source(root, commit, int(seconds), remote, found[1])


def check_changelog(text: str, wanted: str) -> bool:
    """Return whether the version's changes still stand under [Unreleased].

    Raises ReleaseError where nothing is said at all, the section has no date, or changes were
    added above a version that is dated already.
    """
    sections = dict(_sections(text))
    unreleased = sections.get("[Unreleased]", "").strip()
    dated = [title for title in sections if title.startswith(f"[{wanted}]")]
    if not dated:
        if not unreleased:
            raise ReleaseError(f"{CHANGELOG} says nothing about {wanted}.")
        return True
    if not re.fullmatch(rf"\[{re.escape(wanted)}\] - \d{{4}}-\d\d-\d\d", dated[0]):
        raise ReleaseError(f"{CHANGELOG}: the section {dated[0]!r} needs a date: - YYYY-MM-DD.")
    if not sections[dated[0]].strip():
        raise ReleaseError(f"{CHANGELOG}: the section {dated[0]!r} is empty.")
    if unreleased:
        raise ReleaseError(
            f"{CHANGELOG}: there are changes under [Unreleased] that {wanted} does not name."
        )
    return False


def _sections(text: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        yield title.strip(), rest


def prepare(root: Path, wanted: str, date: dt.date) -> None:
    """Set the version, and give the section [Unreleased] that name and a date."""
    if not _VERSION.fullmatch(wanted):
        raise ReleaseError(f"{wanted!r} is no version such as 1.2.3 or 1.2.3rc1.")
    changelog, module = root / CHANGELOG, root / VERSION_FILE
    text = changelog.read_text("utf-8")
    if any(title.startswith(f"[{wanted}]") for title, _ in _sections(text)):
        raise ReleaseError(f"{CHANGELOG} has a section for {wanted} already.")
    if not dict(_sections(text)).get("[Unreleased]", "").strip():
        raise ReleaseError(f"{CHANGELOG} has nothing under [Unreleased].")
    title = f"## [Unreleased]\n\n## [{wanted}] - {date.isoformat()}"
    changelog.write_text(text.replace("## [Unreleased]", title, 1), encoding="utf-8")
    code = module.read_text("utf-8")
    module.write_text(_VERSION_LINE.sub(f'__version__ = "{wanted}"', code), encoding="utf-8")
    print(f"{VERSION_FILE} and {CHANGELOG} say {wanted}: commit them, then run scripts/release")


def _build_all(source: Source, options: Options, work: Path) -> list[Path]:
    """Return every file of the release, in a folder of `work`."""
    started = dt.datetime.now(dt.UTC)
    tools = find_build_tools()
    # Other folders, another umask and another time zone: none of that may be in what is built.
    first = build(source, work / "one", umask=0o022, zone="UTC")
    second = build(source, work / "other" / "folder", umask=0o077, zone="Asia/Kathmandu")
    compare(first, second)
    _check_contents(first, source.version)
    out = work / "release"
    out.mkdir()
    built = [Path(shutil.copyfile(file, out / file.name)) for file in first]
    sbom = out / f"falcoport-{source.version}.cdx.json"
    sbom.write_text(make_sbom(source), encoding="utf-8")
    statement = make_statement(
        source, [*built, sbom], builder=options.builder, tools=tools, started=started
    )
    provenance = out / f"falcoport-{source.version}.provenance.json"
    provenance.write_text(json.dumps(statement, indent=2) + "\n", encoding="utf-8")
    described = [*built, sbom, provenance]
    sums = out / SUMS
    sums.write_text("".join(f"{_digest(file)}  {file.name}\n" for file in described), "utf-8")
    return [*described, sums]


def find_build_tools() -> dict[str, str]:
    """Return the versions of what builds; raise ReleaseError if something is not installed."""
    found: dict[str, str] = {}
    for name in _BUILD_TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            raise ReleaseError(
                f"{name} is not installed. "
                f"Run pip install --require-hashes -r {BUILD_LOCK} in an environment of its own."
            ) from None
    return found


def build(source: Source, folder: Path, *, umask: int, zone: str) -> list[Path]:
    """Return wheel and sdist, built in a folder from what is committed and nothing else."""
    checkout, out = folder / "checkout", folder / "out"
    checkout.mkdir(parents=True)
    archive = _run_git(source.root, "archive", "--format=tar", source.commit)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        # Git made it a moment ago; Python before 3.11.4 knows no filters.
        if hasattr(tarfile, "data_filter"):
            tar.extraction_filter = tarfile.data_filter
        tar.extractall(checkout)  # noqa: S202 -- see above
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(checkout)]
    done = subprocess.run(  # noqa: S603 -- our own words
        command,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(source.commit_time), "TZ": zone},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        umask=umask,
    )
    if done.returncode:
        raise ReleaseError(f"The build failed:\n{done.stdout.strip()}")
    return sorted(out.iterdir())


def compare(first: Sequence[Path], second: Sequence[Path]) -> None:
    """Raise ReleaseError unless both builds made the same files, byte for byte."""
    names = [[file.name for file in files] for files in (first, second)]
    if names[0] != names[1]:
        raise ReleaseError(f"Two builds made different files: {names[0]} and {names[1]}.")
    for one, other in zip(first, second, strict=True):
        if one.read_bytes() != other.read_bytes():
            raise ReleaseError(f"Two builds of {one.name} differ: the build is not reproducible.")


def _check_contents(files: Sequence[Path], wanted: str) -> None:
    expected = [f"falcoport-{wanted}-py3-none-any.whl", f"falcoport-{wanted}.tar.gz"]
    if [file.name for file in files] != expected:
        raise ReleaseError(f"The build made {', '.join(file.name for file in files)}.")


def make_sbom(source: Source) -> str:
    """Return a CycloneDX document of what a release is run with: the lock file, with its hashes."""
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"]
    command += ["--output-reproducible", "--output-format", "JSON", "--pyproject", "pyproject.toml"]
    done = subprocess.run(  # noqa: S603 -- our own words
        [*command, RUNTIME_LOCK],
        cwd=source.root,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(source.commit_time)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ReleaseError(f"No SBOM could be made:\n{done.stderr.strip()}")
    document: dict[str, Any] = json.loads(done.stdout)
    # pyproject.toml does not say the version: one place does, and that is the module.
    document["metadata"]["component"]["version"] = source.version
    return json.dumps(document, indent=2) + "\n"


def make_statement(
    source: Source,
    files: Sequence[Path],
    *,
    builder: str,
    tools: dict[str, str],
    started: dt.datetime,
) -> dict[str, Any]:
    """Return the provenance of files: an in-toto statement with SLSA's predicate.

    Its form: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and
    https://slsa.dev/spec/v1.0/provenance
    """
    repository = {"digest": {"gitCommit": source.commit}, "name": "falcoport"}
    if source.remote:
        repository = {"uri": f"git+{source.remote}", **repository}
    locks = [
        {"name": name, "digest": {"sha256": _digest(source.root / name)}}
        for name in (BUILD_LOCK, RUNTIME_LOCK)
    ]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": file.name, "digest": {"sha256": _digest(file)}} for file in files],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"version": source.version, "commit": source.commit},
                "internalParameters": {"SOURCE_DATE_EPOCH": source.commit_time},
                "resolvedDependencies": [repository, *locks],
            },
            "runDetails": {
                "builder": {
                    "id": builder,
                    "version": {"python": sys.version.split()[0], **tools},
                },
                "metadata": {
                    "startedOn": _rfc3339(started),
                    "finishedOn": _rfc3339(dt.datetime.now(dt.UTC)),
                },
            },
        },
    }


def find_builder(environment: Any) -> str:
    """Return the URI of what builds: the run of GitHub Actions or GitLab CI, or this machine."""
    if environment.get("GITHUB_ACTIONS") == "true":
        server, repository = environment["GITHUB_SERVER_URL"], environment["GITHUB_REPOSITORY"]
        return f"{server}/{repository}/actions/runs/{environment['GITHUB_RUN_ID']}"
    if environment.get("GITLAB_CI") == "true":
        return str(environment["CI_JOB_URL"])
    return _LOCAL_BUILDER


def _rfc3339(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _git(root: Path, *arguments: str) -> str:
    return _run_git(root, *arguments).decode().strip()


def _run_git(root: Path, *arguments: str) -> bytes:
    done = subprocess.run(  # noqa: S603 -- our own words
        ["git", "-C", str(root), *arguments],  # noqa: S607 -- the one on PATH
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]}: {done.stderr.decode().strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
