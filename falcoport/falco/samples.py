"""The sample alerts that falcoport ships, read from the folder `samples` beside this file.

Adding a sample is adding a JSON file there: an object with `description`, `alert` (the object as
Falco prints it) and, where it matters, `custom_tags` (what its Falcosidekick adds).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from falcoport.errors import UsageError

_FOLDER = Path(__file__).with_name("samples")


@dataclass(frozen=True)
class Sample:
    """One shipped alert.

    `alert` is the object as Falco prints it; `custom_tags` are the tags that Falcosidekick's
    settings add to it (the empty one of a default Helm install).
    """

    name: str
    description: str
    alert: dict[str, Any]
    custom_tags: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The alert as the one line of JSON that Falco prints, without its line end."""
        return json.dumps(self.alert, ensure_ascii=False, separators=(",", ":"))


def samples() -> tuple[Sample, ...]:
    """Return every shipped sample, by name."""
    return tuple(_read(path) for path in sorted(_FOLDER.glob("*.json")))


def sample(name: str) -> Sample:
    """Return the shipped sample of that name; raise UsageError if there is none."""
    paths = {path.stem: path for path in _FOLDER.glob("*.json")}
    if name not in paths:
        near = get_close_matches(name, paths, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"There is no sample {name!r}.",
            hint=f"{hint}The samples are {', '.join(sorted(paths))}.",
        )
    return _read(paths[name])


def _read(path: Path) -> Sample:
    content = json.loads(path.read_text(encoding="utf-8"))
    return Sample(
        name=path.stem,
        description=content["description"],
        alert=content["alert"],
        custom_tags=tuple(content.get("custom_tags", ())),
    )
