"""Models in one file, named as in latent diffusion or as in diffusers.

Such a file holds tensors alone. What else a model needs comes from a folder in diffusers' layout,
by default from the one of its family in ``data/configs``, so that nobody asks a hub.
"""

from collections.abc import Mapping
from pathlib import Path

from transformers import CLIPTokenizer

from hypersd_core.engine.detection.folder_layout import shown
from hypersd_core.engine.header import read_header
from hypersd_core.engine.loading.clip_tokenizer import END, clip_tokenizer
from hypersd_core.engine.loading.folder import check_family, read_configs, read_tokenizers
from hypersd_core.engine.loading.layouts import IN_FILES
from hypersd_core.engine.loading.parts import Config, Found, Part, find_part, refuse_surplus
from hypersd_core.engine.loading.scheduler_config import read_training_noise
from hypersd_core.engine.loading.weights import Weights
from hypersd_core.errors import ModelError
from hypersd_core.i18n import say
from hypersd_core.models import Family

_CONFIGS = Path(__file__).resolve().parents[3] / "data" / "configs"
_FIRST_CONVOLUTION = "model.diffusion_model.input_blocks.0.0.weight"
_MERGES = _CONFIGS / "clip" / "merges.txt"
# SDXL's second encoder was trained with "!", whose id is 0, behind the end of a prompt.
_PADS = {"tokenizer": END, "tokenizer_2": "!"}


def find_parts(path: Path, configs: Mapping[str, Config]) -> dict[str, Part]:
    """The parts of ``configs`` that the file holds; raises ModelError if it holds anything else."""
    weights = Weights([path])
    found = {
        name: part
        for name, config in configs.items()
        if (part := find_part(name, config, weights, IN_FILES[name], path=path)) is not None
    }
    refuse_surplus(weights, found.values(), path=path)
    return found


def find_checkpoint(path: Path, family: Family, *, config: Path | None) -> Found:
    """The parts of the checkpoint at ``path``, with tokenizers and schedule beside it.

    ``config``: a folder in diffusers' layout for parts of unusual widths.
    """
    folder = config or _CONFIGS / family
    check_family(folder, family)
    configs = read_configs(folder, family)
    noise = read_training_noise(folder)
    tokenizers = read_tokenizers(config, configs) if config else shipped_tokenizers(family)
    if config is None:
        _refuse_unusual_widths(path, family, configs)
    parts = find_parts(path, configs)
    return Found(parts=parts, configs=configs, tokenizers=tokenizers, noise=noise)


def _refuse_unusual_widths(path: Path, family: Family, configs: Mapping[str, Config]) -> None:
    """A whole file of a smaller model must not be called damaged."""
    first = read_header(path).tensors.get(_FIRST_CONVOLUTION)
    usual = configs["unet"]["block_out_channels"][0]
    if first is not None and first.shape[:1] != (usual,):
        raise ModelError(
            say(
                "{file} is a model of unusual widths: its first convolution has the shape {shape}, "
                "{family}'s {rows} rows. Write "
                'config = "FOLDER" into {sidecar} beside it, the name of a folder in '
                "diffusers' layout that has the configuration of such a model.",
                file=shown(path),
                shape=list(first.shape),
                family=family.label,
                rows=usual,
                sidecar=f"{path.stem}.toml",
            )
        )


def shipped_tokenizers(family: Family) -> dict[str, CLIPTokenizer]:
    """CLIP's own tokenizer for each text encoder of ``family``."""
    names = ("tokenizer", "tokenizer_2") if family is Family.SDXL else ("tokenizer",)
    return {name: clip_tokenizer(_MERGES, pad=_PADS[name]) for name in names}
