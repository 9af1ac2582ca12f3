"""Optional packages: found late, and named with the line that installs them where they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from verirl.errors import ToolMissingError


def import_optional(module: str, extra: str) -> ModuleType:
    """Import `module` of the extra `extra`; ToolMissingError (exit 4) where it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name.split(".")[0]):
            raise
        raise ToolMissingError(f"the Python package '{module}'", f"pip install 'verirl[{extra}]'") from error
