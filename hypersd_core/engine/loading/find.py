"""Finds all parts that drawing with a file needs, and checks that they fit; reads no weight."""

import functools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from diffusers import AutoencoderKL

from hypersd_core.engine.detection.folder_layout import PARTS, read_json, shown
from hypersd_core.engine.loading.folder import find_component, find_folder, read_configs
from hypersd_core.engine.loading.parts import TITLES, Found, Part
from hypersd_core.engine.loading.scheduler_config import TrainingNoise, read_training_noise
from hypersd_core.engine.loading.single_file import find_checkpoint, find_parts
from hypersd_core.engine.model import Model
from hypersd_core.errors import ModelError
from hypersd_core.i18n import say, say_again, say_all
from hypersd_core.models import DRAWABLE, Family, Kind, ModelFile


def find_model(file: ModelFile, *, base: ModelFile | None, config: Path | None) -> Found:
    """All parts of the model ``file``; ``base`` and ``config`` as in ``load_model``.

    Raises ModelError, with one sentence, unless they are whole and fit.
    """
    _refuse(file, Kind.CHECKPOINT, Kind.UNET)
    family = family_of(file)
    if file.kind is Kind.UNET:
        found = _find_on_base(file, base, config)
    else:
        found = _find_whole(file, config)
    for name in PARTS[family]:
        if name not in found.parts:
            raise ModelError(say("{file} holds no {part}.", file=file.name, part=TITLES[name]))
    _check_fit(file, found.parts)
    return found


def find_vae(file: ModelFile, model: Model) -> Part:
    """The VAE in ``file``, a file or a folder; raises ModelError unless it fits ``model``."""
    _refuse(file, Kind.VAE)
    if file.family is not None and file.family is not model.family:
        raise ModelError(
            say(
                "The VAE {vae} is for {family}, not for {wanted}.",
                vae=file.name,
                family=file.family.label,
                wanted=model.family.label,
            )
        )
    part = _find_vae(file.path, like=model.vae)
    if _latent_space(part.module) != _latent_space(model.vae):
        raise ModelError(
            say(
                "The VAE {vae} does not fit {model}: its latents have {latents}, the model's "
                "{own}.",
                vae=file.name,
                model=model.name,
                latents=_latent_space(part.module),
                own=_latent_space(model.vae),
            )
        )
    return part


def family_of(file: ModelFile) -> Family:
    """The family of ``file``; raises ModelError for those that cannot be drawn with."""
    if file.family is None or file.family not in DRAWABLE:
        raise ModelError(
            say(
                "{file} is of the family {family}; only {names} can be drawn with.",
                file=file.name,
                family=say("unknown") if file.family is None else file.family.label,
                names=say_all(sorted(family.label for family in DRAWABLE)),
            )
        )
    return file.family


def _refuse(file: ModelFile, *kinds: Kind) -> None:
    """Raise ModelError for a file with an obstacle, of none of ``kinds``, or gone."""
    if file.obstacle:
        raise ModelError(say_again(file.obstacle))
    if file.kind not in kinds:
        raise ModelError(
            say(
                "{file} is of the kind {kind}; it must be a {names}.",
                file=file.name,
                kind=file.kind,
                names=functools.reduce(_either, map(str, kinds)),
            )
        )
    if not file.path.exists():
        raise ModelError(say("There is no {file} any more.", file=shown(file.path)))


def _either(some: str, kind: str) -> str:
    return say("{some} or a {kind}", some=some, kind=kind)


def _find_whole(file: ModelFile, config: Path | None) -> Found:
    if file.path.is_dir():
        return find_folder(file.path, family_of(file))
    found = find_checkpoint(file.path, family_of(file), config=config)
    return replace(found, noise=_as_file_says(file, found.noise))


def _find_on_base(file: ModelFile, base: ModelFile | None, config: Path | None) -> Found:
    """The UNet in ``file``, and what it lacks from ``base``."""
    label = family_of(file).label
    if base is None:
        raise ModelError(
            say(
                "{file} is a UNet alone: it needs a base of {family} for text encoders and VAE.",
                file=file.name,
                family=label,
            )
        )
    _refuse(base, Kind.CHECKPOINT)
    if base.family is not file.family:
        raise ModelError(
            say(
                "{file} is a UNet of {family}; its base {base} is not.",
                file=file.name,
                family=label,
                base=base.name,
            )
        )
    lender = _find_whole(base, config)
    configs = lender.configs if config is None else read_configs(config, family_of(file))
    own = find_parts(file.path, configs)
    if "unet" not in own:
        raise ModelError(say("{file} holds no {part}.", file=file.name, part=TITLES["unet"]))
    # of the base's training the betas alone are the UNet's, too
    noise = replace(lender.noise, prediction="epsilon", zero_terminal_snr=False)
    if config is not None:
        noise = read_training_noise(config)
    return replace(lender, parts={**lender.parts, **own}, noise=_as_file_says(file, noise))


def _as_file_says(file: ModelFile, noise: TrainingNoise) -> TrainingNoise:
    """``noise`` with what a single ``file`` says itself; where it says nothing, that is epsilon."""
    return replace(
        noise,
        prediction=noise.prediction if file.prediction == "epsilon" else file.prediction,
        zero_terminal_snr=noise.zero_terminal_snr or file.zero_terminal_snr,
    )


def _find_vae(path: Path, *, like: AutoencoderKL) -> Part:
    """A single file has no config; that of the model's own VAE describes it as well."""
    if path.is_dir():
        return find_component(path, "vae", read_json(path / "config.json"))
    parts = find_parts(path, {"vae": dict(like.config)})
    if "vae" not in parts:
        raise ModelError(say("{file} holds no {part}.", file=shown(path), part=TITLES["vae"]))
    return parts["vae"]


def _latent_space(vae: AutoencoderKL) -> str:
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    channels = vae.config.latent_channels
    return say("{channels} channels for {pixels} pixels", channels=channels, pixels=factor)


def _check_fit(file: ModelFile, parts: Mapping[str, Part]) -> None:
    """Raise ModelError unless the parts can work together."""
    unet, vae = parts["unet"].module.config, parts["vae"].module.config
    encoders = (part.module.config for name, part in parts.items() if name.startswith("text_"))
    width = sum(encoder.hidden_size for encoder in encoders)
    for what, needs, gets in (
        (say("text states"), unet.cross_attention_dim, width),
        (say("latent channels"), unet.in_channels, vae.latent_channels),
    ):
        if needs != gets:
            raise ModelError(
                say(
                    "The parts of {model} do not fit: the UNet wants {needs} {what}, not {gets}.",
                    model=file.name,
                    needs=needs,
                    what=what,
                    gets=gets,
                )
            )
