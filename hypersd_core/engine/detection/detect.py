"""Tells what a safetensors file is by the names and shapes in its header alone.

The names of the standard architectures decide, checked against their module graphs; widths decide
only between architectures of one structure, so that small models are recognised, too. Few-step
training (Hyper-SD, Lightning, LCM) leaves no trace in either: that is for recipes to know.
"""

from collections.abc import Callable

from hypersd_core.engine.detection.lora import detect_lora
from hypersd_core.engine.detection.probe import Finding, Probe
from hypersd_core.engine.detection.unet import detect_unet, unet_problem
from hypersd_core.engine.header import Header
from hypersd_core.i18n import say
from hypersd_core.models import Family, Kind

_QUOTED_CHARS = 60
# What is neither a model nor an adapter of one, by marks that nothing else has. Some of these hold
# a LoRA or a whole UNet, so they are looked for first.
_OUTSIDERS = {
    say("an IP-adapter"): ("^image_proj.", "^ip_adapter."),
    say("a ControlNet"): (
        "^control_model.",
        "^controlnet_",
        "^input_hint_block.",
        "^lora_controlnet$",
        "^lllite_",
    ),
    say("a T2I adapter"): (
        "^adapter.body.",
        "^body.0.resnets.",
        "^body.0.block1.",
        "^body.0.in_conv.",
    ),
    # AnimateDiff and its LoRAs; Stable Video Diffusion under its two namings
    say("a video model or a part of one"): (
        "^down_blocks.0.motion_modules.",
        "^down_blocks.0.attentions.0.temporal_transformer_blocks.",
        "^model.diffusion_model.input_blocks.1.1.time_stack.",
    ),
    say("a small VAE for previews (TAESD)"): ("^decoder.layers.0.weight$", "^decoder.1.weight$"),
    say("an embedding (textual inversion)"): ("^emb_params$", "^string_to_param.", "^clip_g$"),
}
_TEXT_ENCODERS = (
    "^text_model.encoder.",
    "^text_encoders.",
    "^encoder.layers.0.self_attn.",
    "^encoder.block.0.layer.0.",
    "^transformer.resblocks.",
    "^transformer.text_model.",
    "^vision_model.",
)
# Text widths, one or two rows: how diffusers saves an embedding, under the word that it teaches.
_EMBEDDING_WIDTHS = {768, 1024, 1280}
_MOST_EMBEDDINGS = 2

_TRANSFORMERS = {
    Family.FLUX: ("double_blocks.0.img_attn.", "^single_transformer_blocks."),
    Family.SD3: ("joint_blocks.0.context_block.", "^transformer_blocks.0.ff_context."),
}
_LATENT_CHANNELS = 4
_UPSCALERS = (
    "^body.0.rdb1.conv1.weight$",
    "^RRDB_trunk.0.RDB1.conv1.weight$",
    "^model.1.sub.0.RDB1.conv1.0.weight$",
)
_OTHER_UPSCALERS = ("^conv_first.weight$", "^body.0.weight$")


def detect(header: Header) -> Finding:
    """What the file with this ``header`` is; never raises."""
    probe = Probe(header)
    rules: tuple[Callable[[Probe], Finding | None], ...] = (
        _outsider,
        detect_unet,
        detect_lora,
        _transformer,
        _upscaler,
        _text_encoder,
        _vae,
        _embedding,
    )
    findings = (rule(probe) for rule in rules)
    return next((finding for finding in findings if finding), _unknown(header))


def _outsider(probe: Probe) -> Finding | None:
    for what, marks in _OUTSIDERS.items():
        if probe.has(*marks):
            return _not_used(what)
    return None


def _not_used(what: str) -> Finding:
    return Finding(kind=Kind.OTHER, problem=say("is {what}, which is not used here", what=what))


def _transformer(probe: Probe) -> Finding | None:
    """FLUX, SD3, and whatever else is kept as checkpoints are."""
    for family, marks in _TRANSFORMERS.items():
        if probe.has(*marks):
            is_whole = probe.has("^text_encoders.", "^vae.", "^first_stage_model.")
            kind = Kind.CHECKPOINT if is_whole else Kind.UNET
            return Finding(kind=kind, family=family, problem=unet_problem(family, 0))
    if probe.has("^model.diffusion_model.", "^transformer_blocks.0."):
        problem = say("is a model of another architecture: only SDXL and SD1.5 can be drawn with")
        return Finding(kind=Kind.OTHER, problem=problem)
    return None


def _upscaler(probe: Probe) -> Finding | None:
    if probe.has(*_UPSCALERS):
        return Finding(kind=Kind.UPSCALER)
    if probe.has(*_OTHER_UPSCALERS):
        problem = say("is an upscaler of another architecture: only ESRGAN's (RRDBNet) can be used")
        return Finding(kind=Kind.UPSCALER, problem=problem)
    return None


def _text_encoder(probe: Probe) -> Finding | None:
    if not probe.has(*_TEXT_ENCODERS):
        return None
    return _not_used(say("a text or image encoder alone"))


def _vae(probe: Probe) -> Finding | None:
    latent = probe.shape("decoder.conv_in.weight$")
    if len(latent) < 2:
        return None
    is_diffusers = probe.has("^decoder.up_blocks.")
    return Finding(
        kind=Kind.VAE,
        layout="diffusers" if is_diffusers else "ldm",
        problem=_vae_problem(probe, latent),
    )


def _vae_problem(probe: Probe, latent: tuple[int, ...]) -> str:
    if len(latent) != 4 or latent[1] != _LATENT_CHANNELS:
        return say(
            "is a VAE with {channels} latent channels, for another kind of model: those of SDXL "
            "and SD1.5 have {usual}",
            channels=latent[1],
            usual=_LATENT_CHANNELS,
        )
    if not probe.has("encoder.conv_in.weight$"):
        return say("is a VAE without its encoder: use a whole one")
    return ""


def _embedding(probe: Probe) -> Finding | None:
    tensors = probe.header.tensors
    if not 0 < len(tensors) <= _MOST_EMBEDDINGS:
        return None
    shapes = [info.shape for info in tensors.values()]
    if not all(1 <= len(shape) <= 2 and shape[-1] in _EMBEDDING_WIDTHS for shape in shapes):
        return None
    return _not_used(say("an embedding (textual inversion)"))


def _unknown(header: Header) -> Finding:
    first = next(iter(header.tensors), None)
    if first is None:
        return Finding(kind=Kind.OTHER, problem=say("holds no tensors"))
    problem = say(
        "is no kind of file that is known here: its first tensor is {name}", name=_quoted(first)
    )
    return Finding(kind=Kind.OTHER, problem=problem)


def _quoted(name: str) -> str:
    return ascii(name if len(name) <= _QUOTED_CHARS else f"{name[:_QUOTED_CHARS]}…")
