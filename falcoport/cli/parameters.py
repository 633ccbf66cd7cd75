"""How a command's parameters become options, and the options its arguments again.

typer reads a function's signature. A parameter of a command whose type is a dataclass stands for a
group of options, its fields, so that what several commands have in common is declared once.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Parameters:
    """The parameters of one command: its own, and the groups that it has in common with others.

    An option of its own stands in the place of a common one of the same name.
    """

    own: tuple[inspect.Parameter, ...]
    common: tuple[type, ...]

    def signature(self) -> inspect.Signature:
        """Return what typer is to read: one parameter for each option."""
        options = {
            option.name: option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for group in self.common
            for option in _expand(group)
        }
        own = {
            option.name: option.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in self.own
            for option in _options_of(parameter)
        }
        further = [option for name, option in options.items() if name not in own]
        return inspect.Signature([*own.values(), *further])

    def own_arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the command's arguments, its groups of options put together."""
        return {
            parameter.name: build_group(parameter.annotation, given)
            if is_dataclass(parameter.annotation)
            else given[parameter.name]
            for parameter in self.own
        }

    def common_group(self, group: Any, given: Mapping[str, Any]) -> Any:
        """Return a common group, without the options that the command has for itself."""
        own = {option.name for parameter in self.own for option in _options_of(parameter)}
        return build_group(group, {name: one for name, one in given.items() if name not in own})


def read_parameters(function: Callable[..., Any], common: Sequence[type]) -> Parameters:
    """Return the parameters of a command, behind its first one, which is the run."""
    _run, *own = inspect.signature(function, eval_str=True).parameters.values()
    return Parameters(tuple(own), tuple(common))


def build_group(group: Any, given: Mapping[str, Any]) -> Any:
    """Return a group with what was given; its defaults stand for the rest."""
    return group(**{item.name: given[item.name] for item in fields(group) if item.name in given})


def _options_of(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    is_group = is_dataclass(parameter.annotation)
    return _expand(parameter.annotation) if is_group else [parameter]


def _expand(group: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(group, eval_str=True).parameters.values())
