"""A release is exactly a commit: checked, built twice alike, and described."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import subprocess
import zipfile
from pathlib import Path

import pytest
import release
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[2]
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n- Something new.\n"
MODULE = '"""A module."""\n\n__version__ = "1.2.3"\n'


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [
            "git",
            "-C",
            str(folder),
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.com",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a small checkout with a version and a changelog, committed."""
    root = tmp_path / "checkout"
    (root / "falcoport").mkdir(parents=True)
    (root / "falcoport" / "__init__.py").write_text(MODULE, encoding="utf-8")
    (root / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "One")
    return root


def test_a_dirty_tree_is_refused(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / "new").write_text("x", encoding="utf-8")
    assert release.main(["--dry-run"], checkout) == 3
    assert "uncommitted changes: new" in capsys.readouterr().err


def test_a_version_is_released_once(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(checkout, "tag", "v1.2.3")
    assert release.main(["--dry-run"], checkout) == 3
    assert "v1.2.3 is there already" in capsys.readouterr().err


def test_a_release_needs_its_section(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main([], checkout) == 3
    assert "Run scripts/release --prepare 1.2.3" in capsys.readouterr().err


def test_files_of_another_release_are_not_mixed_in(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release.main(["--prepare", "2.0.0"], checkout)
    git(checkout, "commit", "--quiet", "--all", "-m", "Release")
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.whl").write_text("", encoding="utf-8")
    assert release.main(["--out", str(out)], checkout) == 3
    assert "is not empty" in capsys.readouterr().err


def test_prepare_sets_version_and_section(checkout: Path) -> None:
    assert release.main(["--prepare", "2.0.0", "--date", "2026-02-03"], checkout) == 0
    text = (checkout / "CHANGELOG.md").read_text("utf-8")
    assert "## [Unreleased]\n\n## [2.0.0] - 2026-02-03\n\n- Something new.\n" in text
    assert '__version__ = "2.0.0"' in (checkout / "falcoport" / "__init__.py").read_text("utf-8")
    assert not release.check_changelog(text, "2.0.0")


@pytest.mark.parametrize("version", ["2", "1.2.3.4", "v1.2.3", "1.2.3-beta", ""])
def test_prepare_takes_versions_alone(version: str, checkout: Path) -> None:
    with pytest.raises(release.ReleaseError):
        release.prepare(checkout, version, dt.date(2026, 1, 1))
    assert git(checkout, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("## [Unreleased]\n", "says nothing"),
        ("## [Unreleased]\n\n## [1.2.3]\n\n- x\n", "needs a date"),
        ("## [Unreleased]\n\n## [1.2.3] - soon\n\n- x\n", "needs a date"),
        ("## [Unreleased]\n\n## [1.2.3] - 2026-01-01\n\n", "is empty"),
        ("## [Unreleased]\n\n- y\n\n## [1.2.3] - 2026-01-01\n\n- x\n", "does not name"),
    ],
)
def test_a_changelog_that_says_too_little_is_refused(text: str, wrong: str) -> None:
    with pytest.raises(release.ReleaseError, match=wrong):
        release.check_changelog(text, "1.2.3")


def test_builds_that_differ_are_refused(tmp_path: Path) -> None:
    files = [tmp_path / name / "falcoport.whl" for name in ("one", "two")]
    for number, file in enumerate(files):
        file.parent.mkdir()
        file.write_bytes(b"%d" % number)
    with pytest.raises(release.ReleaseError, match="not reproducible"):
        release.compare(files[:1], files[1:])


def test_the_builder_is_the_run_that_built() -> None:
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://github.example.com",
        "GITHUB_REPOSITORY": "team/falcoport",
        "GITHUB_RUN_ID": "7",
    }
    assert (
        release.find_builder(github) == "https://github.example.com/team/falcoport/actions/runs/7"
    )
    gitlab = {"GITLAB_CI": "true", "CI_JOB_URL": "https://gitlab.example.com/jobs/9"}
    assert release.find_builder(gitlab) == "https://gitlab.example.com/jobs/9"
    assert release.find_builder({}) == "urn:falcoport:builder:local"


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://user:secret@git.example.com/falcoport", "https://git.example.com/falcoport"),
        ("/home/somebody/falcoport", ""),
    ],
)
def test_the_statement_names_no_credentials_and_no_machine(
    remote: str, shown: str, checkout: Path
) -> None:
    git(checkout, "remote", "add", "origin", remote)
    assert release.read_source(checkout).remote == shown


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="an sdist is no checkout")
def test_a_release_of_this_checkout_is_whole(tmp_path: Path) -> None:
    """Of what is committed: a clone, so that nothing of the checkout itself is touched."""
    root, out = tmp_path / "clone", tmp_path / "out"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(root)], check=True)
    before = git(root, "status", "--porcelain", "--ignored") + git(root, "tag")
    assert release.main(["--dry-run"], root) == 0
    assert git(root, "status", "--porcelain", "--ignored") + git(root, "tag") == before

    version = release.read_source(root).version
    if release.check_changelog((root / "CHANGELOG.md").read_text("utf-8"), version):
        assert release.main(["--prepare", version], root) == 0
        git(root, "commit", "--quiet", "--all", "-m", "Release")
    assert release.main(["--no-tag", "--out", str(out)], root) == 0
    wheel, sbom, statement = (
        out / f"falcoport-{version}{end}"
        for end in ("-py3-none-any.whl", ".cdx.json", ".provenance.json")
    )
    with zipfile.ZipFile(wheel) as packed:
        assert "falcoport/blueprints/falco_alert.yaml" in packed.namelist()
        assert not [name for name in packed.namelist() if name.startswith("tests")]
    for line in (out / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    text = sbom.read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bom = json.loads(text)
    assert bom["metadata"]["component"]["version"] == version
    assert {"httpx", "jq", "typer"} <= {one["name"] for one in bom["components"]}
    said = json.loads(statement.read_text("utf-8"))
    assert said["predicateType"] == "https://slsa.dev/provenance/v1"
    digests = {one["name"]: one["digest"]["sha256"] for one in said["subject"]}
    assert digests[wheel.name] == hashlib.sha256(wheel.read_bytes()).hexdigest()
    parameters = said["predicate"]["buildDefinition"]["externalParameters"]
    assert parameters["commit"] == git(root, "rev-parse", "HEAD").strip()
