"""Tells adapters (LoRA and its relatives) by the names and shapes of their tensors.

Every tool names the same matrices in its own way: kohya's trainer, diffusers before and after it
moved to peft, and peft itself.
"""

from collections.abc import Mapping

from hypersd_core.engine.detection.probe import Finding, Probe
from hypersd_core.engine.header import printable
from hypersd_core.i18n import say
from hypersd_core.models import DRAWABLE, Family, Kind

_ADAPTERS = ("lora", ".hada_", ".lokr_", ".oft_")
_LAYOUTS = {
    "kohya": (".lora_down.", "^lora_unet_", "^lora_te"),
    "diffusers": (".lora.down.", "_lora.down.", ".lora_linear_layer.down."),
    "peft": (".lora_A.",),
}
# Other ways to write down a change of weights, by what only their tensors' names hold.
_RELATIVES: Mapping[str, tuple[str, ...]] = {
    say("a DoRA"): (".dora_scale", ".lora_magnitude_vector"),
    say("a LyCORIS of the kind LoHa"): (".hada_",),
    say("a LyCORIS of the kind LoKr"): (".lokr_",),
    say("a LyCORIS of the kind OFT"): (".oft_",),
    say("a LyCORIS of the kind GLoRA"): (".a1.weight",),
    say("a LyCORIS of the kind (IA)^3"): (".on_input",),
    say("a LyCORIS of the kind LoCon with Tucker decomposition"): (".lora_mid.",),
    say("a LyCORIS with whole matrices"): (".diff",),
}

# The rest is about names in which all dots are underscores, as they are in kohya's.
# Down matrices of the key projection in cross-attention: their inputs are the text's states.
_TEXT_TO_KEY = (
    "attn2_to_k_lora_down_weight",
    "attn2_processor_to_k_lora_down_weight",
    "attn2_to_k_lora_A",
)
_TEXT_LAYER = "layers_0_self_attn_q_proj_lora_"  # of a text encoder, where the UNet is not touched
_TEXT_WIDTHS = {768: Family.SD15, 1024: Family.SD2, 1280: Family.SDXL_REFINER, 2048: Family.SDXL}
# Marks of other architectures than UNets. The first that fits wins.
_TRANSFORMERS = (
    (None, ("img_mlp", "img_mod")),  # Qwen-Image, whose blocks are otherwise named as SD3's
    (Family.FLUX, ("single_transformer_blocks_", "double_blocks_", "single_blocks_")),
    (Family.SD3, ("joint_blocks_", "attn_add_q_proj", "attn_add_k_proj")),
)
# Only SDXL has a second text encoder, and attention of more than one layer. Kohya's trainer
# numbers the first text encoder only where there are two.
_SDXL_ALONE = ("lora_te1_", "lora_te2_", "text_encoder_2_", "transformer_blocks_2_")
# Cross-attention at full resolution is SD1's; at the lowest of three it is SDXL's.
_SD15_PLACES = ("down_blocks_0_attentions_", "input_blocks_1_1_", "input_blocks_2_1_")
_SDXL_PLACES = ("up_blocks_0_attentions_", "output_blocks_0_1_")
_KNOWN_PARTS = (
    "down_blocks_",
    "mid_block_",
    "up_blocks_",
    "input_blocks_",
    "middle_block_",
    "output_blocks_",
    "lora_te",
    "text_encoder",
    "text_model_",
)
_ARCHITECTURES = {
    "sdxl": Family.SDXL,
    "stable-diffusion-xl": Family.SDXL,
    "sd_v1": Family.SD15,
    "stable-diffusion-v1": Family.SD15,
    "sd_v2": Family.SD2,
    "stable-diffusion-v2": Family.SD2,
    "sd3": Family.SD3,
    "stable-diffusion-3": Family.SD3,
    "flux": Family.FLUX,
}


def detect_lora(probe: Probe) -> Finding | None:
    """The finding for an adapter, None for anything else."""
    if not probe.has(*_ADAPTERS):
        return None
    header = probe.header
    downs = [name for name in header.tensors if "down." in name or ".lora_A" in name]
    relative = "" if _is_plain(probe, len(downs)) else _first(probe, _RELATIVES)
    if not downs and not relative:
        return None
    modules = Probe(header, downs) if downs else probe  # a third of the names says all
    family = _family(modules)
    return Finding(
        kind=Kind.LORA,
        family=family,
        layout=_first(modules, _LAYOUTS),
        lora_rank=next(iter(header.tensors[downs[0]].shape), 0) if downs else 0,
        alias=printable(header.metadata.get("ss_output_name", "")),
        problem=_problem(modules, family, relative),
    )


def _is_plain(probe: Probe, modules: int) -> bool:
    """Whether there is nothing but two matrices, and perhaps an alpha, for each of ``modules``."""
    count = len(probe.header.tensors)
    return count == 2 * modules or (count == 3 * modules and probe.has(".alpha$"))


def _first(probe: Probe, table: Mapping[str, tuple[str, ...]]) -> str:
    """The first name in ``table`` of whose marks there is one; empty without."""
    return next((name for name, marks in table.items() if probe.has(*marks)), "")


def _family(modules: Probe) -> Family | None:
    """Transformers first, then the standard widths, then structure, then what the file claims."""
    for family, marks in _TRANSFORMERS:
        if modules.has_flat(*marks):
            return family
    widths = (_inputs(modules.shape_flat(mark)) for mark in _TEXT_TO_KEY)
    return (
        _TEXT_WIDTHS.get(next(filter(None, widths), 0))
        or _by_structure(modules)
        or _TEXT_WIDTHS.get(_inputs(modules.shape_flat(_TEXT_LAYER)))
        or _by_metadata(modules.header.metadata)
    )


def _by_structure(modules: Probe) -> Family | None:
    if modules.has_flat(*_SDXL_ALONE):
        return Family.SDXL
    if modules.has_flat(*_SD15_PLACES):
        return Family.SD15
    return Family.SDXL if modules.has_flat(*_SDXL_PLACES) else None


def _by_metadata(metadata: Mapping[str, str]) -> Family | None:
    said = (metadata.get("modelspec.architecture", ""), metadata.get("ss_base_model_version", ""))
    for start, family in _ARCHITECTURES.items():
        if any(text.startswith(start) for text in said):
            return family
    return None


def _problem(modules: Probe, family: Family | None, relative: str) -> str:
    if family is not None and family not in DRAWABLE:
        return say(
            "is a LoRA for {family}: only those for SDXL and SD1.5 can be used", family=family.label
        )
    if family is None and not modules.has_flat(*_KNOWN_PARTS):
        return say("is a LoRA for another kind of model: only those for SDXL and SD1.5 can be used")
    if relative:
        return say("is {what}: only plain LoRAs and LoCons can be used", what=relative)
    return ""


def _inputs(shape: tuple[int, ...]) -> int:
    """How many inputs a down matrix has; 0 without one."""
    return shape[1] if len(shape) > 1 else 0
