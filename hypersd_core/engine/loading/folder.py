"""Models in diffusers' layout: a folder for each part, with its config and its weights."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from transformers import CLIPTokenizer

from hypersd_core.engine.detection.folder_layout import (
    INDEX,
    PARTS,
    PIPELINES,
    read_json,
    shown,
    unknown_kind,
)
from hypersd_core.engine.loading.clip_tokenizer import read_tokenizer
from hypersd_core.engine.loading.layouts import IN_FOLDERS
from hypersd_core.engine.loading.parts import (
    TITLES,
    Config,
    Found,
    Part,
    find_part,
    refuse_surplus,
)
from hypersd_core.engine.loading.scheduler_config import read_training_noise
from hypersd_core.engine.loading.weights import Weights
from hypersd_core.errors import ModelError
from hypersd_core.i18n import say
from hypersd_core.models import Family


def check_family(folder: Path, family: Family) -> None:
    """Raise ModelError unless ``folder`` describes a model of ``family``."""
    pipeline = str(read_json(folder / INDEX).get("_class_name"))
    own = PIPELINES.get(pipeline)
    if own is None:
        raise ModelError(
            say("{file} {problem}.", file=shown(folder), problem=unknown_kind(pipeline))
        )
    if own is not family:
        raise ModelError(
            say(
                "The folder {folder} describes {family}, not {wanted}.",
                folder=shown(folder),
                family=own.label,
                wanted=family.label,
            )
        )


def find_folder(folder: Path, family: Family) -> Found:
    """All parts of the model in ``folder``; raises ModelError unless it is whole."""
    check_family(folder, family)
    noise = read_training_noise(folder)
    configs = read_configs(folder, family)
    parts = {name: find_component(folder / name, name, configs[name]) for name in PARTS[family]}
    return Found(
        parts=parts, configs=configs, tokenizers=read_tokenizers(folder, configs), noise=noise
    )


def read_configs(folder: Path, family: Family) -> dict[str, Config]:
    """The config of each part in ``folder``."""
    return {name: read_json(folder / name / "config.json") for name in PARTS[family]}


def read_tokenizers(folder: Path, configs: Mapping[str, Config]) -> dict[str, CLIPTokenizer]:
    """The tokenizer of each text encoder, by its folder's name."""
    return {
        name: read_tokenizer(folder / name, size=configs[encoder].get("vocab_size", 49408))
        for encoder in configs
        if (name := encoder.replace("text_encoder", "tokenizer")) != encoder
    }


def find_component(folder: Path, name: str, config: Config) -> Part:
    """The part ``name`` that ``folder`` itself holds."""
    weights = _open_weights(folder)
    part = find_part(name, config, weights, IN_FOLDERS[name], path=folder)
    if part is None:
        raise ModelError(
            say(
                "The model is damaged: {file} holds no {part}.",
                file=shown(folder),
                part=TITLES[name],
            )
        )
    refuse_surplus(weights, [part], path=folder)
    return part


def _open_weights(folder: Path) -> Weights:
    files = next(_candidates(folder), None)
    if files is None:
        raise ModelError(
            say(
                "The model is incomplete: {folder} has no weights as .safetensors.",
                folder=shown(folder),
            )
        )
    try:
        return Weights(files)
    except ModelError as error:
        raise ModelError(
            say("In {folder}, {problem}", folder=shown(folder), problem=error.sentence)
        ) from error


def _candidates(folder: Path) -> Iterator[list[Path]]:
    """Sets of files that make up the weights of ``folder``; the plain ones before a variant."""
    for variant in ("", ".fp16"):
        for stem in ("diffusion_pytorch_model", "model"):
            if (file := folder / f"{stem}{variant}.safetensors").exists():
                yield [file]
            if (index := folder / f"{stem}.safetensors.index{variant}.json").exists():
                yield _shards(index)


def _shards(index: Path) -> list[Path]:
    """The files that together hold one part's weights."""
    table = read_json(index).get("weight_map")
    names = set(table.values()) if isinstance(table, dict) else set()
    if not names or not all(isinstance(n, str) and n == Path(n).name for n in names):
        raise ModelError(
            say(
                "The model is damaged: {file} does not list the files of its weights.",
                file=shown(index),
            )
        )
    return [index.with_name(name) for name in sorted(names)]
