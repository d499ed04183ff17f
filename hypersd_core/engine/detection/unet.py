"""Tells UNets, alone or within a whole checkpoint, by the names and shapes of their tensors.

SDXL, its refiner, SD1 and SD2 have one structure, with differences in conditioning and width.
"""

from hypersd_core.engine.detection.probe import Finding, Probe
from hypersd_core.engine.header import Header
from hypersd_core.i18n import say
from hypersd_core.models import DRAWABLE, Family, Kind

_TEXT_TO_KEY = "attn2.to_k.weight$"  # its inputs are the text's states
_LDM = "model.diffusion_model."
_LDM_VAE = ("^first_stage_model.decoder.",)
_LDM_TEXT = ("^cond_stage_model.", "^conditioner.embedders.")
GUIDED_PROBLEM = say(
    "needs the guidance as an input, as LCM's own UNets do: use an LCM LoRA instead"
)
"""Such a UNet was distilled for every guidance at once."""
# UNets of the right structure that need what this program does not give them.
_UNUSUAL_UNETS = {
    say("needs another text encoder, as Kolors does: only those of SDXL and SD1.5 are known"): (
        "^encoder_hid_proj.",
    ),
    GUIDED_PROBLEM: ("^time_embedding.cond_proj.",),
    say("was trained with EDM's noise schedule (as Playground 2.5 and CosXL)"): (
        "^edm_mean$",
        "^edm_vpred.",
    ),
}
# What quantisers put beside a weight: bitsandbytes, and two ways of scaled fp8.
_QUANTISED = (".weight.absmax", ".scale_weight", ".weight_scale")
_INPUTS = 4
_UNUSUAL_INPUTS = {
    8: say("is an instruct-pix2pix model: only models with 4 input channels can be drawn with"),
    9: say("is an inpainting model (9 input channels): use the usual one, it can inpaint as well"),
}


def detect_unet(probe: Probe) -> Finding | None:
    """The finding for a checkpoint or UNet, None for anything else."""
    return _ldm_unet(probe) or _diffusers_unet(probe)


def unet_problem(family: Family, inputs: int) -> str:
    """Why a UNet with so many input channels cannot be drawn with; empty if it can."""
    if family not in DRAWABLE:
        return say(
            "belongs to the family {family}: only SDXL and SD1.5 can be drawn with",
            family=family.label,
        )
    if inputs == _INPUTS:
        return ""
    return _UNUSUAL_INPUTS.get(inputs) or say(
        "has {inputs} input channels: only models with {usual} can be drawn with",
        inputs=inputs,
        usual=_INPUTS,
    )


def _ldm_unet(probe: Probe) -> Finding | None:
    """A whole checkpoint, or a UNet alone with or without the checkpoint's prefix."""
    prefix = _LDM if probe.has(f"^{_LDM}") else ""
    first = f"{prefix}input_blocks.0.0.weight"
    if first not in probe.header.tensors:
        return None
    is_conditioned = f"{prefix}label_emb.0.0.weight" in probe.header.tensors
    family = _ldm_family(probe, is_conditioned=is_conditioned)
    has_text, has_vae = probe.has(*_LDM_TEXT), probe.has(*_LDM_VAE)
    problem = _unet_problem(probe, family, first)
    if has_text and not has_vae:
        problem = problem or say("lacks its VAE: use the version that has it baked in")
    return Finding(
        kind=Kind.CHECKPOINT if has_text else Kind.UNET,
        family=family,
        layout="ldm",
        prediction=_prediction(probe.header),
        zero_terminal_snr="ztsnr" in probe.header.tensors,
        problem=problem,
    )


def _ldm_family(probe: Probe, *, is_conditioned: bool) -> Family:
    """The text encoders tell, where there are any.

    ``is_conditioned``: whether the UNet knows sizes and a pooled text, as SDXL's and unCLIP's do.
    """
    if probe.has("^conditioner.embedders.1."):
        return Family.SDXL
    if probe.has("^conditioner.embedders.0.model."):
        return Family.SDXL_REFINER
    if probe.has("^cond_stage_model.model."):
        return Family.SD2
    if probe.has("^cond_stage_model.transformer."):
        return Family.SD15
    return _family_by_width(probe, is_conditioned=is_conditioned)


def _diffusers_unet(probe: Probe) -> Finding | None:
    marks = ("^time_embedding.linear_1.weight$", "^down_blocks.0.", "^up_blocks.0.")
    if not all(map(probe.has, marks)):
        return None
    is_conditioned = "add_embedding.linear_1.weight" in probe.header.tensors
    family = _family_by_width(probe, is_conditioned=is_conditioned)
    return Finding(
        kind=Kind.UNET,
        family=family,
        layout="diffusers",
        prediction=_prediction(probe.header),
        zero_terminal_snr="ztsnr" in probe.header.tensors,
        problem=_unet_problem(probe, family, "conv_in.weight"),
    )


def _family_by_width(probe: Probe, *, is_conditioned: bool) -> Family:
    """A UNet without text encoders: by the width of the text's states, then by structure."""
    width = next(iter(probe.shape(_TEXT_TO_KEY)[1:]), 0)
    if is_conditioned:
        return Family.SDXL_REFINER if width == 1280 else Family.SDXL
    if width in {768, 1024}:
        return Family.SD15 if width == 768 else Family.SD2
    # SD1 projects into its attention by 1×1 convolutions, SD2 by matrices.
    return Family.SD2 if len(probe.shape(".proj_in.weight$")) == 2 else Family.SD15


def _unet_problem(probe: Probe, family: Family, first: str) -> str:
    for problem, marks in _UNUSUAL_UNETS.items():
        if probe.has(*marks):
            return problem
    matrix = probe.first(_TEXT_TO_KEY).removesuffix(".weight")
    if any(f"{matrix}{mark}" in probe.header.tensors for mark in _QUANTISED):
        return say("holds quantised weights: use its full-size version")
    shape = probe.header.tensors[first].shape if first in probe.header.tensors else ()
    return unet_problem(family, shape[1] if len(shape) > 1 else 0)


def _prediction(header: Header) -> str:
    """What the UNet predicts, by the key that trainers leave in the file, or else its metadata."""
    said = header.metadata.get("modelspec.prediction_type", "")
    is_v = "v_pred" in header.tensors or said in {"v", "v_prediction", "v-prediction"}
    return "v_prediction" if is_v else "epsilon"
