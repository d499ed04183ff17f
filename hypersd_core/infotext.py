"""The parameters text of A1111, which travels inside every picture."""

import json

from hypersd_core.request import GenerationRequest
from hypersd_core.sampling import SAMPLING_METHODS


def infotext(request: GenerationRequest, index: int) -> str:
    """How picture ``index`` of ``request`` was made, in A1111's words and order of keys."""
    method = SAMPLING_METHODS[request.sampler]
    parameters = {
        "Steps": request.steps,
        "Sampler": method.label,
        "Schedule type": method.schedule_label or None,
        "CFG scale": f"{request.guidance:g}",
        "Seed": request.seeds[index],
        "Size": f"{request.width}x{request.height}",
        "Model": request.model,
        "Eta": f"{request.eta:g}",
        "Hires upscale": request.enlarge if request.enlarge > 1 else None,
        "Hires upscaler": "Lanczos" if request.enlarge > 1 else None,
        "Version": "hypersd-bot",
    }
    lines = [request.prompt]
    if request.negative:
        lines.append(f"Negative prompt: {request.negative}")
    pairs = (f"{key}: {_quote(value)}" for key, value in parameters.items() if value is not None)
    return "\n".join([*lines, ", ".join(pairs)])


def _quote(value: object) -> str:
    """A value with a comma, colon or newline is written as a JSON string, so that it reads back."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(c in text for c in ",:\n") else text
