"""How much memory a model's weights take once loaded, told by its parts before they are read."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from hypersd_core.engine.loading.parts import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBytes:
    """The weights of one model's parts, in bytes, in the dtypes they are loaded in."""

    text_encoders: int
    unet: int
    vae: int

    @property
    def total(self) -> int:
        """All parts together."""
        return self.text_encoders + self.unet + self.vae


def model_bytes(parts: Mapping[str, Part], dtypes: Mapping[str, torch.dtype]) -> ModelBytes:
    """What the weights of ``parts`` will take, each part in its dtype."""
    sizes = {name: part.numbers * dtypes[name].itemsize for name, part in parts.items()}
    return ModelBytes(
        text_encoders=sizes["text_encoder"] + sizes.get("text_encoder_2", 0),
        unet=sizes["unet"],
        vae=sizes["vae"],
    )
