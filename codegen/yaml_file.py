"""A file of a contracts folder that holds a YAML mapping and may be missing."""

from pathlib import Path
from typing import Any

import yaml

from codegen.errors import ContractError


def mapping_of(path: Path, content: str) -> dict[str, Any]:
    """Return the mapping, an empty one without the file. ``content`` says for messages what it holds.

    Raises ContractError.
    """
    try:
        tree: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(path.name, "", f"cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ContractError(path.name, "", f"is not YAML: {error}", rule="yaml") from error
    if not isinstance(tree, dict):
        raise ContractError(path.name, "", f"must be a mapping {content}")
    return tree
