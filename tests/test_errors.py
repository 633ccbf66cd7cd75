"""Every failure on purpose has its documented exit code and a stable word for scripts."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import falcoport
from falcoport import errors
from falcoport.errors import EXIT_CODES, FalcoportError, Problem, error_from

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
        (errors.OptionValueError, 2),
        (errors.CredentialsMissingError, 2),
        (errors.SecretMissingError, 2),
        (errors.FileTakenError, 2),
        (errors.CheckFailedError, 3),
        (errors.NotSetUpError, 3),
        (errors.SignedWebhookError, 3),
        (errors.ManifestError, 4),
        (errors.ConflictError, 4),
        (errors.RefusedError, 4),
        (errors.CredentialsError, 5),
        (errors.PermissionsError, 5),
        (errors.UnreachableError, 6),
        (errors.UnexpectedAnswerError, 6),
        (errors.ConcurrentChangeError, 6),
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


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (("conflict",), errors.ConflictError),
        (("conflict", "conflict"), errors.ConflictError),
        (("bad_manifest", "conflict"), errors.InputError),
        (("conflict", "not_set_up"), errors.NotSetUpError),
        (("signed_webhook", "not_set_up"), errors.CheckFailedError),
        (("bad_option_value", "not_set_up"), errors.OptionValueError),
        (("some_detail",), errors.InputError),
    ],
)
def test_problems_found_together_are_one_error_of_their_kind(
    codes: tuple[str, ...], kind: type[FalcoportError]
) -> None:
    problems = tuple(Problem(code, f"{code}.") for code in codes)
    error = error_from(problems)
    assert type(error) is kind
    assert (error.message, error.problems) == (f"{codes[0]}.", problems)


def test_the_readme_says_what_each_exit_code_means() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in readme
