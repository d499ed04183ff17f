"""Reads the JSON files of a model folder."""

import json
from pathlib import Path
from typing import Any

from hypersd_core.errors import ModelError


def read_json(path: Path) -> dict[str, Any]:
    """The object in ``path``; raises ModelError where there is none."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"The model is incomplete: {path} is missing.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"The model is damaged: {path} is not readable JSON.") from error
    if not isinstance(values, dict):
        raise ModelError(f"The model is damaged: {path} does not hold a JSON object.")
    return values
