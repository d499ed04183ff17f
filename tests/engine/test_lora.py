"""LoRA files of every layout, merged into a model and taken out again; diffusers is the measure."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from peft import LoraConfig, get_peft_model_state_dict
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hypersd_core.engine import lora as lora_module
from hypersd_core.engine.catalog import inspect
from hypersd_core.engine.loader import Model, load_model
from hypersd_core.engine.lora import Lora, LoraCache, LoraSwitch, load_lora
from hypersd_core.errors import ModelError, OutOfMemory
from hypersd_core.models import Family, ModelFile
from tests.engine.diffusers_reference import load_pipeline
from tests.engine.model_files import folder_file
from tests.lora_files import (
    FactorSet,
    lora_file,
    random_factors,
    write_diffusers,
    write_kohya,
    write_peft,
)

PARTS = ("unet", "text_encoder", "text_encoder_2")
CONV = ("unet", "mid_block.resnets.0.conv1")
ALPHA, SCALE = 2, 2 / 4
POINTWISE = ("unet", "down_blocks.1.resnets.0.conv_shortcut")
TO_OUT = ("unet", "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0")
Weights = dict[str, Tensor]


def weights_of(model: Model | Any) -> Weights:
    """A copy of all weights of a model or of a pipeline."""
    return {
        f"{part}.{name}": tensor.clone()
        for part in PARTS
        if (root := getattr(model, part, None)) is not None
        for name, tensor in root.state_dict().items()
    }


def is_equal(first: Weights, second: Weights) -> bool:
    return first.keys() == second.keys() and all(first[k].equal(second[k]) for k in first)


def merged(before: Weights, *changes: tuple[FactorSet, float]) -> Weights:
    """Hu et al. (2021), eq. 3, in float64."""
    after = {name: weight.double() for name, weight in before.items()}
    for factors, scale in changes:
        for (part, path), (down, up) in factors.items():
            name = f"{part}.{path}.weight"
            delta = torch.einsum("or,ri->oi", up.double().flatten(1), down.double().flatten(1))
            after[name] = after[name] + scale * delta.view(after[name].shape)
    return after


def assert_close(ours: Weights, theirs: Weights) -> None:
    assert ours.keys() == theirs.keys()
    for name, weight in ours.items():
        torch.testing.assert_close(
            weight.double(), theirs[name].double(), rtol=1e-6, atol=1e-6, msg=name
        )


class _Copies(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's is untyped
    """``formats`` has the two dtypes of every copy into a tensor made inside the block."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.formats: list[tuple[torch.dtype, torch.dtype]] = []

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is torch.ops.aten.copy_.default:
            self.formats.append((args[0].dtype, args[1].dtype))
        return func(*args, **(kwargs or {}))


def versions(model: Model) -> dict[str, int]:
    """How often each weight was written to."""
    return {
        f"{part}.{name}": tensor._version
        for part in PARTS
        for name, tensor in getattr(model, part).named_parameters()
    }


@pytest.fixture(scope="module")
def factors(model: Model) -> FactorSet:
    return random_factors(model)


@pytest.fixture(scope="module")
def other_factors(model: Model) -> FactorSet:
    return random_factors(model, rank=7, seed=1)


@pytest.fixture(scope="module")
def files(
    factors: FactorSet, other_factors: FactorSet, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModelFile, ModelFile]:
    folder = tmp_path_factory.mktemp("loras")
    first = write_kohya(folder / "first.safetensors", factors, alpha=ALPHA)
    return first, write_peft(folder / "other.safetensors", other_factors)


@pytest.fixture(scope="module")
def lora(model: Model, files: tuple[ModelFile, ModelFile]) -> Lora:
    """Of rank 4 with alpha."""
    return load_lora(files[0], model)


@pytest.fixture(scope="module")
def other(model: Model, files: tuple[ModelFile, ModelFile]) -> Lora:
    """Of another rank, without alpha."""
    return load_lora(files[1], model)


def write_half(path: Path, factors: FactorSet) -> ModelFile:
    return write_kohya(path, {k: (d.half(), u.half()) for k, (d, u) in factors.items()})


SEVERAL_LAYOUTS: dict[str, Callable[[Path, FactorSet], ModelFile]] = {
    "kohya with alpha": lambda path, factors: write_kohya(path, factors, alpha=1),
    "kohya with sgm names": lambda path, factors: write_kohya(path, factors, ldm=True),
    "peft with alpha": lambda path, factors: write_peft(path, factors, alpha=1.0),
    "diffusers": write_diffusers,
}


class TestAgainstDiffusers:
    @pytest.mark.parametrize("layout", SEVERAL_LAYOUTS)
    def test_one_file_fused_by_diffusers_gives_the_same_weights(
        self,
        layout: str,
        own_model: Model,
        factors: FactorSet,
        tiny_model_folder: Path,
        tmp_path: Path,
    ) -> None:
        file = SEVERAL_LAYOUTS[layout](tmp_path / "a.safetensors", factors)
        LoraSwitch(own_model).apply([(load_lora(file, own_model), -0.7, -0.7)])
        theirs = fused_by_diffusers(tiny_model_folder, [(file.path, -0.7)])
        assert_close(weights_of(own_model), theirs)

    @pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning")
    def test_two_files_fused_by_diffusers_give_the_same_weights(
        self,
        own_model: Model,
        lora: Lora,
        other: Lora,
        files: tuple[ModelFile, ModelFile],
        tiny_model_folder: Path,
    ) -> None:
        LoraSwitch(own_model).apply([(lora, 0.5, 0.5), (other, -0.25, -0.25)])
        pairs = [(files[0].path, 0.5), (files[1].path, -0.25)]
        assert_close(weights_of(own_model), fused_by_diffusers(tiny_model_folder, pairs))

    @pytest.mark.parametrize("use_rslora", [False, True])
    def test_a_file_that_diffusers_wrote_is_scaled_as_it_says(
        self, use_rslora: bool, own_model: Model, tiny_model_folder: Path, tmp_path: Path
    ) -> None:
        pipeline = load_pipeline(tiny_model_folder)
        config = LoraConfig(
            r=4,
            lora_alpha=6,
            target_modules=["to_q", "to_k", "conv1"],
            alpha_pattern={"mid_block.resnets.0.conv1": 3},
            use_rslora=use_rslora,
            init_lora_weights=False,
        )
        pipeline.unet.add_adapter(config)
        pipeline.save_lora_weights(
            tmp_path,
            unet_lora_layers=get_peft_model_state_dict(pipeline.unet),
            unet_lora_adapter_metadata=pipeline.unet.peft_config["default"].to_dict(),
        )
        path = tmp_path / "pytorch_lora_weights.safetensors"
        LoraSwitch(own_model).apply([(load_lora(lora_file(path), own_model), 1.0, 1.0)])
        assert_close(weights_of(own_model), fused_by_diffusers(tiny_model_folder, [(path, 1.0)]))

    def test_a_lora_for_sd15_fused_by_diffusers_gives_the_same_weights(
        self, tiny_sd15_folder: Path, tmp_path: Path
    ) -> None:
        model = load_model(folder_file(tiny_sd15_folder), torch.device("cpu"))
        file = write_kohya(tmp_path / "a.safetensors", random_factors(model), alpha=2)
        LoraSwitch(model).apply([(load_lora(inspect(file.path), model), 0.8, 0.8)])
        pipeline = StableDiffusionPipeline.from_pretrained(
            tiny_sd15_folder, dtype=torch.float32, local_files_only=True, safety_checker=None
        )
        assert_close(weights_of(model), fused(pipeline, [(file.path, 0.8)]))


def fused_by_diffusers(folder: Path, files: Sequence[tuple[Path, float]]) -> Weights:
    return fused(load_pipeline(folder), files)


def fused(pipeline: Any, files: Sequence[tuple[Path, float]]) -> Weights:
    names = [path.stem for path, _ in files]
    for path, _ in files:
        pipeline.load_lora_weights(path, adapter_name=path.stem)
    pipeline.set_adapters(names, [weight for _, weight in files])
    parts = [part for part in PARTS if getattr(pipeline, part, None) is not None]
    pipeline.fuse_lora(components=parts, adapter_names=names)
    pipeline.unload_lora_weights()
    return weights_of(pipeline)


class TestSwitch:
    @pytest.mark.parametrize(("unet", "text"), [(1.0, 1.0), (0.5, 0.0), (0.0, 0.7), (-1.0, 2.0)])
    def test_unet_and_text_encoders_have_weights_of_their_own(
        self, unet: float, text: float, own_model: Model, factors: FactorSet, lora: Lora
    ) -> None:
        before = weights_of(own_model)
        LoraSwitch(own_model).apply([(lora, unet, text)])
        in_unet = {path: pair for path, pair in factors.items() if path[0] == "unet"}
        in_text = {path: pair for path, pair in factors.items() if path[0] != "unet"}
        expected = merged(before, (in_unet, unet * SCALE), (in_text, text * SCALE))
        assert_close(weights_of(own_model), expected)

    def test_without_loras_the_weights_are_the_models_own_to_the_bit(
        self, own_model: Model, lora: Lora, other: Lora
    ) -> None:
        before = weights_of(own_model)
        switch = LoraSwitch(own_model)
        switch.apply([(lora, 1.0, 1.0), (other, 0.3, 0.3)])
        assert not is_equal(weights_of(own_model), before)
        switch.apply([])
        assert is_equal(weights_of(own_model), before)

    def test_weights_do_not_depend_on_what_was_applied_before(
        self, own_model: Model, lora: Lora, other: Lora
    ) -> None:
        switch = LoraSwitch(own_model)
        wanted = [(other, 0.6, 0.6), (lora, 0.8, 0.2)]
        switch.apply(wanted)
        first = weights_of(own_model)
        for detour in ([(lora, 2.0, 2.0)], [(lora, 1.0, 0.0), (other, -3.0, 1.0)], []):
            switch.apply(detour)
            switch.apply(wanted)
            assert is_equal(weights_of(own_model), first)

    def test_no_weight_moves_and_none_changes_its_shape_or_strides(
        self, own_model: Model, lora: Lora
    ) -> None:
        own_model.unet.to(memory_format=torch.channels_last)

        def layout() -> list[tuple[int, torch.Size, tuple[int, ...]]]:
            parameters = [p for part in PARTS for p in getattr(own_model, part).parameters()]
            return [(p.data_ptr(), p.shape, p.stride()) for p in parameters]

        before, original = layout(), weights_of(own_model)
        switch = LoraSwitch(own_model)
        switch.apply([(lora, 1.0, 1.0)])
        assert layout() == before
        switch.apply([])
        assert layout() == before
        assert is_equal(weights_of(own_model), original)

    def test_channels_last_convolutions_get_the_same_change(
        self, own_model: Model, factors: FactorSet, lora: Lora
    ) -> None:
        before = weights_of(own_model)
        own_model.unet.to(memory_format=torch.channels_last)
        LoraSwitch(own_model).apply([(lora, 1.0, 1.0)])
        assert_close(weights_of(own_model), merged(before, (factors, SCALE)))

    def test_bfloat16_weights_are_rounded_once(
        self,
        own_model: Model,
        factors: FactorSet,
        other_factors: FactorSet,
        lora: Lora,
        other: Lora,
    ) -> None:
        for part in PARTS:
            getattr(own_model, part).to(torch.bfloat16)
        before = weights_of(own_model)
        switch = LoraSwitch(own_model)
        switch.apply([(lora, 1.0, 1.0), (other, 1.0, 1.0)])
        exact = merged(before, (factors, SCALE), (other_factors, 1.0))
        for name, weight in weights_of(own_model).items():
            error = (weight.double() - exact[name]).abs()
            # half a unit in the last of 8 bits, and float32's own rounding
            assert (error <= exact[name].abs() * 2**-8 * 1.001 + 1e-6).all(), name
        switch.apply([])
        assert is_equal(weights_of(own_model), before)

    def test_numbers_reach_the_weights_in_the_weights_own_format(
        self, own_model: Model, lora: Lora
    ) -> None:
        """Weights may rest in another memory: float32 would take the slow way twice as long."""
        own_model.unet.to(torch.bfloat16)
        copies = _Copies()
        with copies:
            LoraSwitch(own_model).apply([(lora, 1.0, 0.0)])
        assert set(copies.formats) == {(torch.bfloat16, torch.bfloat16)}

    def test_asking_for_the_same_again_writes_nothing(
        self, own_model: Model, lora: Lora, other: Lora
    ) -> None:
        switch = LoraSwitch(own_model)
        switch.apply([(lora, 1.0, 0.5), (other, 0.0, 0.0)])
        before = versions(own_model)
        switch.apply([(other, 0.0, 0.0), (lora, 1.0, 0.5)])
        assert versions(own_model) == before

    def test_modules_without_a_change_are_never_written(
        self, own_model: Model, factors: FactorSet, tmp_path: Path
    ) -> None:
        one = write_kohya(tmp_path / "one.safetensors", {TO_OUT: factors[TO_OUT]})
        before = versions(own_model)
        switch = LoraSwitch(own_model)
        switch.apply([(load_lora(one, own_model), 1.0, 1.0)])
        switch.apply([])
        after = versions(own_model)
        assert {name for name in after if after[name] != before[name]} == {
            ".".join((*TO_OUT, "weight"))
        }

    def test_a_lora_for_another_model_changes_nothing(
        self, own_model: Model, lora: Lora, other: Lora
    ) -> None:
        switch = LoraSwitch(own_model)
        switch.apply([(lora, 1.0, 1.0)])
        before = versions(own_model)
        foreign = dataclasses.replace(other, name="anime", family=Family.SD15)
        with pytest.raises(ModelError, match=r"^anime is a LoRA for SD1\.5, tiny is SDXL\.$"):
            switch.apply([(lora, 2.0, 1.0), (foreign, 1.0, 1.0)])
        assert versions(own_model) == before
        switch.apply([(lora, 1.0, 1.0)])
        assert versions(own_model) == before  # which it still holds

    def test_a_failing_device_leaves_the_models_own_weights(
        self, own_model: Model, lora: Lora, other: Lora
    ) -> None:
        before = weights_of(own_model)
        switch = LoraSwitch(own_model)
        switch.apply([(lora, 1.0, 1.0)])
        # of the right shape, and without numbers
        broken = dataclasses.replace(other.factors[CONV], up=other.factors[CONV].up.to("meta"))
        bad = dataclasses.replace(other, factors={**other.factors, CONV: broken})
        with pytest.raises(NotImplementedError):
            switch.apply([(bad, 1.0, 1.0)])
        assert is_equal(weights_of(own_model), before)
        switch.apply([(lora, 1.0, 1.0)])
        assert not is_equal(weights_of(own_model), before)

    def test_a_merged_model_makes_gradients_for_nobody(self, own_model: Model, lora: Lora) -> None:
        LoraSwitch(own_model).apply([(lora, 1.0, 1.0)])
        assert not any(p.requires_grad for p in own_model.unet.parameters())

    def test_a_matrix_does_for_a_pointwise_convolution(
        self, own_model: Model, factors: FactorSet, tmp_path: Path
    ) -> None:
        down, up = factors[POINTWISE]
        flat = {POINTWISE: (down.flatten(1), up.flatten(1))}
        before = weights_of(own_model)
        file = write_kohya(tmp_path / "a.safetensors", flat)
        LoraSwitch(own_model).apply([(load_lora(file, own_model), 1.0, 1.0)])
        assert_close(weights_of(own_model), merged(before, (flat, 1.0)))

    def test_a_factor_in_half_precision_is_multiplied_in_float32(
        self, own_model: Model, factors: FactorSet, tmp_path: Path
    ) -> None:
        before = weights_of(own_model)
        file = write_half(tmp_path / "a.safetensors", factors)
        LoraSwitch(own_model).apply([(load_lora(file, own_model), 1.0, 1.0)])
        halves = {path: (down.half(), up.half()) for path, (down, up) in factors.items()}
        assert_close(weights_of(own_model), merged(before, (halves, 1.0)))


@pytest.mark.gpu
@pytest.mark.parametrize("free_bytes", [None, 0], ids=["copies on the GPU", "copies on the host"])
def test_a_gpu_merges_the_same_and_restores_to_the_bit(
    free_bytes: int | None,
    tiny_model_folder: Path,
    files: tuple[ModelFile, ModelFile],
    factors: FactorSet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if free_bytes is not None:
        monkeypatch.setattr(lora_module, "free_memory_bytes", lambda _device: free_bytes)
    model = load_model(folder_file(tiny_model_folder), torch.device("cuda"))
    before = weights_of(model)
    switch = LoraSwitch(model)
    switch.apply([(load_lora(files[0], model), 1.0, 1.0)])
    exact = merged(before, (factors, SCALE))
    for name, weight in weights_of(model).items():
        torch.testing.assert_close(weight, exact[name].to(weight.dtype), msg=name)
    switch.apply([])
    assert is_equal(weights_of(model), before)


@pytest.mark.gpu
def test_what_torch_keeps_for_itself_is_room_for_copies(
    tiny_model_folder: Path,
    files: tuple[ModelFile, ModelFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = load_model(folder_file(tiny_model_folder), torch.device("cuda"))
    block = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    del block
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda _device: (0, 0))
    before = torch.cuda.memory_allocated()
    LoraSwitch(model).apply([(load_lora(files[0], model), 1.0, 1.0)])
    assert torch.cuda.memory_allocated() > before


class TestCache:
    def test_a_file_is_read_once_until_it_changes(
        self, model: Model, factors: FactorSet, tmp_path: Path
    ) -> None:
        file = write_kohya(tmp_path / "a.safetensors", factors)
        cache = LoraCache()
        first = cache.get(file, model)
        assert cache.get(file, model) is first
        os.utime(file.path, ns=(1, 1))
        assert cache.get(file, model) is not first

    def test_what_was_used_least_lately_goes_first(
        self, model: Model, factors: FactorSet, tmp_path: Path
    ) -> None:
        a, b, c = (write_kohya(tmp_path / f"{n}.safetensors", factors) for n in "abc")
        cache = LoraCache(limit_bytes=2 * load_lora(a, model).bytes)
        kept, dropped = cache.get(a, model), cache.get(b, model)
        cache.get(a, model)
        cache.get(c, model)
        assert cache.get(a, model) is kept
        assert cache.get(b, model) is not dropped

    def test_one_is_kept_even_if_it_is_too_large(
        self, model: Model, factors: FactorSet, tmp_path: Path
    ) -> None:
        file = write_kohya(tmp_path / "a.safetensors", factors)
        cache = LoraCache(limit_bytes=1)
        assert cache.get(file, model) is cache.get(file, model)

    def test_a_file_that_went_away_gets_its_sentence(self, model: Model, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"^The LoRA a is gone: a\.safetensors is missing\.$"):
            LoraCache().get(lora_file(tmp_path / "a.safetensors"), model)

    def test_a_lora_in_memory_does_not_hold_on_to_its_file(
        self, model: Model, factors: FactorSet, tmp_path: Path
    ) -> None:
        file = write_kohya(tmp_path / "a.safetensors", factors)
        loaded = load_lora(file, model)
        file.path.write_bytes(bytes(file.bytes))
        assert loaded.factors[CONV].down.equal(factors[CONV][0])


def test_a_copy_takes_16_bits_where_the_file_had_no_more(own_model: Model) -> None:
    halves = torch.randn(8, 8).half().float()
    assert lora_module._smallest_copy(halves).dtype == torch.float16
    assert torch.equal(lora_module._smallest_copy(halves).float(), halves)
    full = torch.randn(8, 8)
    assert torch.equal(lora_module._smallest_copy(full), full)
    assert lora_module._smallest_copy(full).data_ptr() != full.data_ptr()


def test_a_lora_that_does_not_fit_is_refused_before_anything_is_copied(
    own_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {k: v.clone() for k, v in own_model.unet.state_dict().items()}
    file = write_kohya(tmp_path / "a.safetensors", random_factors(own_model))
    monkeypatch.setattr(lora_module, "free_memory_bytes", lambda _: 1000)
    with pytest.raises(OutOfMemory, match="GB more memory than the model alone"):
        LoraSwitch(own_model).apply([(load_lora(file, own_model), 1.0, 1.0)])
    after = own_model.unet.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
