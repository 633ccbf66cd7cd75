"""Every failure on purpose has its documented exit code and a stable word for scripts."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

import pytest

import falcoport
from falcoport import errors
from falcoport.cli.command import EXIT_CODES
from falcoport.errors import FalcoportError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


def every(kind: type[FalcoportError] = FalcoportError) -> Iterator[type[FalcoportError]]:
    """Yield an error class and all that derive from it, in whatever module."""
    yield kind
    for derived in kind.__subclasses__():
        yield from every(derived)


def test_each_class_has_a_documented_exit_code() -> None:
    for module in pkgutil.walk_packages(falcoport.__path__, "falcoport."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    codes = {kind: kind.exit_code for kind in every()}
    assert set(codes.values()) <= set(EXIT_CODES)
    for kind, code in codes.items():
        for parent in kind.__mro__[1:]:
            if parent in codes and parent is not FalcoportError:
                assert code == codes[parent], f"{kind.__name__} contradicts {parent.__name__}"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.FalcoportError, 1),
        (errors.UsageError, 2),
        (errors.CheckFailedError, 3),
        (errors.ManifestError, 4),
        (errors.ConflictError, 4),
        (errors.RefusedError, 4),
        (errors.CredentialsError, 5),
        (errors.PermissionsError, 5),
        (errors.UnreachableError, 6),
        (errors.UnexpectedAnswerError, 6),
        (errors.ConcurrentChangeError, 6),
        (errors.PartialError, 7),
        (errors.InterruptedRunError, 130),
    ],
)
def test_the_exit_codes_are_those_that_scripts_know(kind: type[FalcoportError], code: int) -> None:
    assert kind.exit_code == code


def test_an_error_is_its_own_single_problem_unless_it_lists_some() -> None:
    alone = errors.PortError("It broke.", where="GET /x", hint="Again.")
    assert alone.problems == (Problem("port_error", "It broke.", "GET /x", "Again."),)
    two = (Problem("a", "A."), Problem("b", "B."))
    assert errors.InputError("A.", problems=two).problems == two
