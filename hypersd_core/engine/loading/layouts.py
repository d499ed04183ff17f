"""How files name the tensors of each part: diffusers' ways in folders, others in single files."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from hypersd_core.engine.loading.ldm_names import Stored, open_clip_names, unet_names, vae_names

Naming = Callable[[Iterable[str]], Mapping[str, Stored]]
"""Where a file of one layout keeps the tensors that our modules give these names."""

# An attention's matrices as diffusers before 0.12 named them.
_OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def _plain(names: Iterable[str]) -> dict[str, Stored]:
    return {name: Stored(name) for name in names}


def _old_attention(names: Iterable[str]) -> dict[str, Stored]:
    return {name: Stored(_old_name(name)) for name in names}


def _old_name(name: str) -> str:
    block, dot, rest = name.partition(".attentions.0.")
    matrix, _, leaf = rest.rpartition(".")
    return f"{block}{dot}{_OLD_ATTENTION.get(matrix, matrix)}.{leaf}" if dot else name


def _with_text_model(names: Iterable[str]) -> dict[str, Stored]:
    """As transformers names text encoders; since 5.6 only those with a projection."""
    return {n: Stored(n if n.startswith("text_") else f"text_model.{n}") for n in names}


def _without_text_model(names: Iterable[str]) -> dict[str, Stored]:
    return {name: Stored(name.removeprefix("text_model.")) for name in names}


def _ldm_unet(names: Iterable[str]) -> dict[str, Stored]:
    return {name: Stored(ldm) for name, ldm in unet_names(names).items()}


def _ldm_vae(names: Iterable[str]) -> dict[str, Stored]:
    return {name: Stored(ldm) for name, ldm in vae_names(names).items()}


def _below(prefix: str, *namings: Naming) -> tuple[Naming, ...]:
    return tuple(partial(_prefixed, prefix, naming) for naming in namings)


def _prefixed(prefix: str, naming: Naming, names: Iterable[str]) -> dict[str, Stored]:
    return {n: replace(stored, name=prefix + stored.name) for n, stored in naming(names).items()}


_TEXT = (_with_text_model, _without_text_model)
_VAE = (_plain, _old_attention)

IN_FOLDERS: Mapping[str, tuple[Naming, ...]] = {
    "text_encoder": _TEXT,
    "text_encoder_2": _TEXT,
    "unet": (_plain,),
    "vae": _VAE,
}
# Without a prefix: files of one part. SDXL's text encoders are told apart by their prefix alone.
IN_FILES: Mapping[str, tuple[Naming, ...]] = {
    "text_encoder": (
        *_below("conditioner.embedders.0.transformer.", *_TEXT),
        *_below("cond_stage_model.transformer.", *_TEXT),
    ),
    "text_encoder_2": _below("conditioner.embedders.1.model.", open_clip_names),
    "unet": (*_below("model.diffusion_model.", _ldm_unet), _ldm_unet, _plain),
    "vae": (*_below("first_stage_model.", _ldm_vae), _ldm_vae, *_VAE),
}
