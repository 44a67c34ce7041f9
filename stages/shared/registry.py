"""A registry is a package whose members are modules: a member is imported when it is first asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from stages.shared.errors import BadInput, unknown


def load_member(package: str, members: Mapping[str, str], name: str) -> Any:
    """The module `package.name`; raises BadInput with the choices where the registry has no such member.

    Imported late, so that a stage loads (and depends on) only the members that its params name.
    """
    if name not in members:
        raise BadInput(unknown(package.rsplit(".", 1)[-1].removesuffix("s"), name, members))
    return import_module(f"{package}.{name}")
