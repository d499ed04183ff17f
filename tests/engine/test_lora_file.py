"""LoRA files of every layout are read alike; what cannot be used gets one sentence."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from hypersd_core.engine.catalog import inspect
from hypersd_core.engine.loader import Model, load_model
from hypersd_core.engine.lora import load_lora
from hypersd_core.errors import ModelError
from hypersd_core.models import Family, Kind, ModelFile
from tests.engine.model_files import folder_file
from tests.lora_files import (
    FactorSet,
    ldm_paths,
    lora_file,
    random_factors,
    write_diffusers,
    write_kohya,
    write_lora,
    write_peft,
)

CONV = ("unet", "mid_block.resnets.0.conv1")


@pytest.fixture(scope="module")
def factors(model: Model) -> FactorSet:
    return random_factors(model)


def renamed(path: Path, rename: Callable[[str], str]) -> ModelFile:
    tensors = safetensors.torch.load_file(path)
    return write_lora(path, {rename(key): tensor.clone() for key, tensor in tensors.items()})


def write_comfy(path: Path, factors: FactorSet) -> ModelFile:
    """The UNet's part as ``diffusion_model.input_blocks.….lora_A.weight``, the rest of kohya's."""
    ldm = {path.replace(".", "_"): path for path in ldm_paths(factors).values()}

    def rename(key: str) -> str:
        stem, suffix = key.split(".", 1)
        if not stem.startswith("lora_unet_"):
            return key
        side = "lora_A" if "down" in suffix else "lora_B"
        return f"diffusion_model.{ldm[stem.removeprefix('lora_unet_')]}.{side}.weight"

    write_kohya(path, factors, ldm=True)
    return renamed(path, rename)


def write_wrapped(path: Path, factors: FactorSet) -> ModelFile:
    """As peft itself saves a wrapped module, with the adapter's name left in."""

    def rename(key: str) -> str:
        part, rest = key.split(".", 1)
        part = "" if part == "unet" else f"{part}."
        return f"{part}base_model.model.{rest}".replace("lora_A.", "lora_A.default.")

    write_peft(path, factors)
    return renamed(path, rename)


def write_flattened(path: Path, factors: FactorSet) -> ModelFile:
    """A text encoder's modules as transformers names them since 5.6."""
    write_peft(path, factors)
    return renamed(path, lambda key: key.replace("text_model.", ""))


def write_without_prefix(path: Path, factors: FactorSet) -> ModelFile:
    """As diffusers' first ``attn_procs``; the text encoders' keys stay as they are."""
    write_diffusers(path, factors)
    return renamed(path, lambda key: key.removeprefix("unet."))


LAYOUTS: dict[str, Callable[[Path, FactorSet], ModelFile]] = {
    "kohya": write_kohya,
    "kohya with sgm names": lambda path, factors: write_kohya(path, factors, ldm=True),
    "kohya with alpha": lambda path, factors: write_kohya(path, factors, alpha=4),
    "peft": write_peft,
    "peft with alpha": lambda path, factors: write_peft(path, factors, alpha=4),
    "peft wrapped": write_wrapped,
    "peft with flat text encoders": write_flattened,
    "diffusers": write_diffusers,
    "diffusers without prefix": write_without_prefix,
    "comfy": write_comfy,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_factors(
    layout: str, model: Model, factors: FactorSet, tmp_path: Path
) -> None:
    loaded = load_lora(LAYOUTS[layout](tmp_path / "a.safetensors", factors), model)
    assert loaded.factors.keys() == factors.keys()
    for path, (down, up) in factors.items():
        assert loaded.factors[path].down.equal(down), path
        assert loaded.factors[path].up.equal(up), path
        assert loaded.factors[path].scale == 1, path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_catalogue_finds_nothing_against_any_layout(
    layout: str, model: Model, factors: FactorSet, tmp_path: Path
) -> None:
    file = inspect(LAYOUTS[layout](tmp_path / "a.safetensors", factors).path)
    assert (file.kind, file.obstacle) == (Kind.LORA, "")
    assert load_lora(file, model).factors.keys() == factors.keys()


def test_the_factors_are_of_every_kind_of_layer(model: Model, factors: FactorSet) -> None:
    shapes = {(part, down.shape[2:]) for (part, _), (down, _) in factors.items()}
    kernels = {("unet", (3, 3)), ("unet", (1, 1)), ("unet", ())}
    assert shapes == kernels | {("text_encoder", ()), ("text_encoder_2", ())}
    assert any(path.endswith("to_out.0") for _, path in factors)


def drop(*ends: str) -> Callable[[dict[str, Tensor]], None]:
    def damage(tensors: dict[str, Tensor]) -> None:
        for key in [key for key in tensors if key.endswith(ends)]:
            del tensors[key]

    return damage


def put(**tensors: Tensor) -> Callable[[dict[str, Tensor]], None]:
    return lambda existing: existing.update({k.replace("__", "."): v for k, v in tensors.items()})


ONE = "lora_unet_mid_block_resnets_0_conv1"
PLACE = r"unet\.mid_block\.resnets\.0\.conv1"
# what is wrong: how it comes about, and the sentence without "The LoRA broken"
DAMAGES: dict[str, tuple[Callable[[dict[str, Tensor]], object], str]] = {
    "nothing inside": (dict.clear, r"is empty\."),
    "no up": (drop("up.weight"), rf"is damaged: for {PLACE} it holds only alpha and down\."),
    "only alpha": (
        drop("up.weight", "down.weight"), rf"is damaged: for {PLACE} it holds only alpha\.",
    ),
    "ranks differ": (
        put(**{f"{ONE}__lora_up__weight": torch.ones(192, 3, 1, 1)}),
        rf"is damaged: for {PLACE} it holds matrices of 4×192×3×3 and 192×3×1×1, "
        r"which are no LoRA\.",
    ),
    "no rank": (
        put(**{f"{ONE}__lora_up__weight": torch.ones(192, 0, 1, 1),
               f"{ONE}__lora_down__weight": torch.ones(0, 192, 3, 3)}),
        r"is damaged: .*no LoRA\.",
    ),
    "up with a kernel": (
        put(**{f"{ONE}__lora_up__weight": torch.ones(192, 4, 3, 3)}), r"is damaged: .*no LoRA\.",
    ),
    "a scalar": (
        put(**{f"{ONE}__lora_down__weight": torch.tensor(1.0)}), r"is damaged: .*no LoRA\.",
    ),
    "two alphas": (put(**{f"{ONE}__alpha": torch.ones(2)}), r"is damaged: .*no LoRA\."),
    "alpha is no number": (
        put(**{f"{ONE}__alpha": torch.tensor(torch.nan)}),
        rf"is damaged: for {PLACE} it holds numbers that are not finite\.",
    ),
    "infinite": (
        put(**{f"{ONE}__lora_up__weight": torch.full((192, 4, 1, 1), torch.inf)}),
        rf"is damaged: for {PLACE} it holds numbers that are not finite\.",
    ),
    "whole numbers": (
        put(**{f"{ONE}__lora_up__weight": torch.ones(192, 4, 1, 1, dtype=torch.int8)}),
        "is damaged: .* not finite.",
    ),
    "twice": (
        put(lora_unet_middle_block_0_in_layers_2__lora_up__weight=torch.ones(192, 4, 1, 1)),
        rf"is damaged: it changes {PLACE} twice\.",
    ),
    "wider": (
        put(**{f"{ONE}__lora_up__weight": torch.ones(320, 4, 1, 1)}),
        rf"does not fit the model tiny: it changes {PLACE} by 320×4×1×1 and 4×192×3×3, "
        r"and the model has 192×192×3×3 there\.",
    ),
    "another kernel": (
        put(**{f"{ONE}__lora_down__weight": torch.ones(4, 192, 1, 1)}), "does not fit the model .*",
    ),
    "a module that is not there": (
        put(lora_unet_mid_block_resnets_7_conv1__alpha=torch.tensor(1.0), strange=torch.ones(1)),
        "does not fit the model tiny, which has no place for 2 of its tensors, "
        r"lora_unet_mid_block_resnets_7_conv1\.alpha first\.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_with_one_sentence(
    damage: str, model: Model, factors: FactorSet, tmp_path: Path
) -> None:
    spoil, sentence = DAMAGES[damage]
    path = tmp_path / "broken.safetensors"
    write_kohya(path, {CONV: factors[CONV]}, alpha=4)
    tensors = safetensors.torch.load_file(path)
    spoil(tensors)
    with pytest.raises(ModelError, match=rf"^The LoRA broken {sentence}$"):
        load_lora(write_lora(path, tensors), model)


@pytest.mark.parametrize("mark", ["dora_scale", "hada_w1_a", "lokr_w1", "oft_blocks"])
def test_other_adapters_are_refused_by_their_name(
    mark: str, model: Model, factors: FactorSet, tmp_path: Path
) -> None:
    path = tmp_path / "odd.safetensors"
    write_kohya(path, factors)
    tensors = safetensors.torch.load_file(path) | {f"{ONE}.{mark}": torch.ones(1)}
    write_lora(path, tensors)
    with pytest.raises(
        ModelError, match=r"^odd\.safetensors is a (DoRA|LyCORIS of the kind \w+): "
    ):
        load_lora(inspect(path), model)
    # and by somebody who did not look before
    with pytest.raises(ModelError, match=rf"no place for 1 of its tensors, {ONE}\.{mark} first\.$"):
        load_lora(lora_file(path), model)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04" + bytes(100), b"<html>" * 50, None])
def test_what_is_no_safetensors_file_is_refused(
    data: bytes | None, model: Model, tmp_path: Path
) -> None:
    path = tmp_path / "broken.safetensors"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ModelError, match=r"^broken\.safetensors [^\n]+\.$"):
        load_lora(lora_file(path), model)


def test_a_file_that_was_cut_off_is_refused(
    model: Model, factors: FactorSet, tmp_path: Path
) -> None:
    path = tmp_path / "broken.safetensors"
    write_kohya(path, {CONV: factors[CONV]})
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"^broken\.safetensors is cut off"):
        load_lora(lora_file(path), model)


@pytest.mark.parametrize("config", ["{", "[1]", "[" * 100_000])
def test_a_broken_configuration_is_refused(
    config: str, model: Model, factors: FactorSet, tmp_path: Path
) -> None:
    path = tmp_path / "broken.safetensors"
    write_peft(path, {CONV: factors[CONV]})
    file = write_lora(
        path, safetensors.torch.load_file(path), metadata={"lora_adapter_metadata": config}
    )
    with pytest.raises(ModelError, match=r"its lora_adapter_metadata is not a JSON object\.$"):
        load_lora(file, model)


@pytest.mark.parametrize("alpha", ["1" * 5_000, "NaN", "-Infinity"])
def test_a_scale_that_is_no_number_is_refused(
    alpha: str, model: Model, factors: FactorSet, tmp_path: Path
) -> None:
    path = tmp_path / "broken.safetensors"
    write_peft(path, {CONV: factors[CONV]})
    metadata = {"lora_adapter_metadata": f'{{"unet.lora_alpha": {alpha}}}'}
    file = write_lora(path, safetensors.torch.load_file(path), metadata=metadata)
    with pytest.raises(ModelError, match=r"holds numbers that are not finite\.$"):
        load_lora(file, model)


def test_an_alpha_of_one_module_counts_under_any_spelling_of_its_name(
    model: Model, factors: FactorSet, tmp_path: Path
) -> None:
    path = tmp_path / "a.safetensors"
    write_peft(path, factors)
    module = "encoder.layers.0.self_attn.q_proj"
    config = {
        "text_encoder.lora_alpha": 4,
        "text_encoder.alpha_pattern": {f"text_model.{module}": 2},
        "text_encoder_2.lora_alpha": 8,
        "text_encoder_2.alpha_pattern": {module: 1},
    }
    metadata = {"lora_adapter_metadata": json.dumps(config)}
    loaded = load_lora(
        write_lora(path, safetensors.torch.load_file(path), metadata=metadata), model
    )
    scales = {place: pair.scale for place, pair in loaded.factors.items()}
    assert scales.pop(("text_encoder", module)) == 2 / 4
    assert scales.pop(("text_encoder_2", f"text_model.{module}")) == 1 / 4
    assert {(part, scale) for (part, _), scale in scales.items()} == {
        ("unet", 1.0), ("text_encoder", 4 / 4), ("text_encoder_2", 8 / 4),
    }  # fmt: skip


def test_a_lora_for_another_family_is_refused_before_it_is_read(
    model: Model, tmp_path: Path
) -> None:
    file = lora_file(tmp_path / "anime.safetensors", family=Family.SD15)
    with pytest.raises(ModelError, match=r"^anime is a LoRA for SD1\.5, tiny is SDXL\.$"):
        load_lora(file, model)


def test_a_lora_for_the_other_family_is_known_by_its_layout(
    model: Model, factors: FactorSet, tiny_sd15_folder: Path, tmp_path: Path
) -> None:
    sd15 = load_model(folder_file(tiny_sd15_folder), torch.device("cpu"))
    for_sdxl = inspect(write_kohya(tmp_path / "new.safetensors", factors).path)
    for_sd15 = inspect(write_kohya(tmp_path / "old.safetensors", random_factors(sd15)).path)
    with pytest.raises(ModelError, match=r"^new is a LoRA for SDXL, tiny-sd15 is SD1\.5\.$"):
        load_lora(for_sdxl, sd15)
    with pytest.raises(ModelError, match=r"^old is a LoRA for SD1\.5, tiny is SDXL\.$"):
        load_lora(for_sd15, model)


def test_what_the_catalogue_said_against_a_file_is_repeated(model: Model, tmp_path: Path) -> None:
    file = replace(lora_file(tmp_path / "x.safetensors"), obstacle="x is for FLUX.")
    with pytest.raises(ModelError, match=r"^x is for FLUX\.$"):
        load_lora(file, model)


def test_a_long_key_does_not_make_a_long_sentence(model: Model, tmp_path: Path) -> None:
    file = write_lora(tmp_path / "long.safetensors", {"x\n" * 50_000: torch.ones(1)})
    with pytest.raises(ModelError) as raised:
        load_lora(file, model)
    assert len(str(raised.value)) < 300
    assert "\n" not in str(raised.value)
