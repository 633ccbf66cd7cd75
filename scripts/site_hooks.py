"""What the site needs besides docs/: files that pages link to elsewhere in the repository.

A page links to `../examples/ci/bootstrap.sh` as it does on a forge. In the site there is nothing
above docs/, so such files are copied in below `files/`, and the links follow. A folder becomes a
list of its files. mkdocs calls these functions: https://www.mkdocs.org/user-guide/configuration/#hooks
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.structure.files import Files

_ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"\]\(((?:\.\./)+)(?!\.)([^)#\s]+)(#[^)]*)?\)")


def on_files(files: Files, /, *, config: Any) -> Files:
    """Add each file outside docs/ that a page links to."""
    targets = {target for page in files.documentation_pages() for target in _targets(page)}
    for target in sorted(targets):
        for path in _files_of(_ROOT / target):
            name = f"files/{path.relative_to(_ROOT)}"
            # As a text: a Markdown file would become a page of its own, with links of its own.
            added = File.generated(config, f"{name}.txt", abs_src_path=str(path))
            files.append(added)
        if (_ROOT / target).is_dir():
            files.append(File.generated(config, _listing(target), content=_list(target)))
    return files


def on_page_markdown(markdown: str, /, *, page: Any, config: Any, files: Files) -> str:
    """Return a page whose links to files outside docs/ lead to their copies."""
    del config, files
    folder = Path(page.file.src_uri).parent

    def lead(found: re.Match[str]) -> str:
        target = _outside(folder, found[1], found[2])
        if target is None:
            return found[0]
        copy = _listing(target) if (_ROOT / target).is_dir() else f"files/{target}.txt"
        return f"]({os.path.relpath(copy, folder)})"

    return _LINK.sub(lead, markdown)


def _targets(page: File) -> Iterator[str]:
    folder = Path(page.src_uri).parent
    for found in _LINK.finditer(page.content_string):
        target = _outside(folder, found[1], found[2])
        if target:
            yield target


def _outside(folder: Path, up: str, rest: str) -> str | None:
    """Return a link's target from the root of the repository; None if it is inside docs/."""
    path = os.path.normpath(f"docs/{folder}/{up}{rest}")
    return None if path.startswith("docs/") or not (_ROOT / path).exists() else path


def _files_of(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    else:
        yield from (one for one in sorted(path.rglob("*")) if one.is_file())


def _listing(target: str) -> str:
    return f"files/{target.rstrip('/').replace('/', '-')}.md"


def _list(target: str) -> str:
    folder = _ROOT / target
    lines = [f"# {target}", ""]
    lines += [
        f"- [{path.relative_to(folder)}]({path.relative_to(_ROOT)}.txt)"
        for path in _files_of(folder)
    ]
    return "\n".join(lines) + "\n"
