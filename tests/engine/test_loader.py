"""Whole folders load without a network; every damaged one is refused with one sentence."""

import dataclasses
import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import pytest
import safetensors.torch
import torch

from hypersd_core.engine.loader import Model, find_model, load_model, read_model
from hypersd_core.errors import Cancelled, ModelError, OutOfMemory
from hypersd_core.models import Family
from tests.engine.model_files import assert_same_weights, folder_file, model_file, modules
from tests.tiny_model import NAME, UNET_WEIGHTS
from tests.tiny_sd15 import NAME as SD15

CPU = torch.device("cpu")
SCHEDULER = Path("scheduler", "scheduler_config.json")
Damage = Callable[[Path], object]
pytestmark = pytest.mark.usefixtures("no_network")


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model. Its files are links: write through ``replace`` alone."""
    copy = tmp_path / NAME
    shutil.copytree(tiny_model_folder, copy, copy_function=os.link)
    return copy


def load(folder: Path) -> Model:
    family = Family.SD15 if folder.name == SD15 else Family.SDXL
    return load_model(model_file(folder, family=family), CPU)


def replace(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def remove(path: str) -> Damage:
    return lambda folder: (folder / path).unlink()


def remove_folder(path: str) -> Damage:
    return lambda folder: shutil.rmtree(folder / path)


def write(path: str | Path, data: bytes) -> Damage:
    return lambda folder: replace(folder / path, data)


def edit_json(path: str | Path, **changes: object) -> Damage:
    """Set keys; None removes one."""

    def damage(folder: Path) -> None:
        values: dict[str, Any] = json.loads((folder / path).read_text("utf-8")) | changes
        kept = {key: value for key, value in values.items() if value is not None}
        replace(folder / path, json.dumps(kept).encode())

    return damage


def cut_in_half(path: Path) -> Damage:
    def damage(folder: Path) -> None:
        data = (folder / path).read_bytes()
        replace(folder / path, data[: len(data) // 2])

    return damage


def edit_tensors(path: str | Path, edit: Callable[[dict[str, torch.Tensor]], object]) -> Damage:
    def damage(folder: Path) -> None:
        tensors = safetensors.torch.load_file(folder / path)
        edit(tensors)
        replace(folder / path, safetensors.torch.save(tensors, {"format": "pt"}))

    return damage


def shards(index: bytes) -> Damage:
    def damage(folder: Path) -> None:
        (folder / UNET_WEIGHTS).unlink()
        replace(folder / INDEX, index)

    return damage


def pickle_alone(folder: Path) -> None:
    tensors = safetensors.torch.load_file(folder / UNET_WEIGHTS)
    (folder / UNET_WEIGHTS).unlink()
    torch.save(tensors, folder / "unet" / "diffusion_pytorch_model.bin")


CONV_IN = "conv_in.weight"
INDEX = "unet/diffusion_pytorch_model.safetensors.index.json"
LAST_NORM = "final_layer_norm.weight"
# what is wrong: how it comes about, and the path that the sentence must name
DAMAGES: dict[str, tuple[Damage, str | Path]] = {
    "no folder": (lambda folder: folder.rename(folder.with_name("elsewhere")), ""),
    "no index": (remove("model_index.json"), "model_index.json"),
    "index is broken": (write("model_index.json", b'{"_class_name": '), "model_index.json"),
    "index is not text": (write("model_index.json", b"\xff\xfe\x00"), "model_index.json"),
    "index is a list": (write("model_index.json", b"[1]"), "model_index.json"),
    "another kind": (edit_json("model_index.json", _class_name="FluxPipeline"), ""),
    "no kind": (edit_json("model_index.json", _class_name=None), ""),
    "no unet folder": (remove_folder("unet"), "unet"),
    "no unet config": (remove("unet/config.json"), "unet/config.json"),
    "unet config is broken": (write("unet/config.json", b"{"), "unet/config.json"),
    "unet config is empty": (write("unet/config.json", b"{}"), "unet"),
    "unet config has a wrong type": (edit_json("unet/config.json", block_out_channels="x"), "unet"),
    "unet config has a wrong block": (
        edit_json("unet/config.json", down_block_types=["NoBlock"] * 3), "unet",
    ),
    "unet config has a zero": (edit_json("unet/config.json", norm_num_groups=0), "unet"),
    "no unet weights": (lambda folder: (folder / UNET_WEIGHTS).unlink(), "unet"),
    "unet shards are not listed": (shards(b'{"weight_map": {}}'), INDEX),
    "unet shards lie elsewhere": (shards(b'{"weight_map": {"a": "../a.safetensors"}}'), INDEX),
    "unet lacks a shard": (shards(b'{"weight_map": {"a": "b.safetensors"}}'), "unet"),
    "unet weights are whole numbers": (
        edit_tensors(UNET_WEIGHTS, lambda t: t.update({CONV_IN: t[CONV_IN].to(torch.int8)})),
        "unet",
    ),
    "unet weights are empty": (write(UNET_WEIGHTS, b""), "unet"),
    "unet weights are cut off": (cut_in_half(UNET_WEIGHTS), "unet"),
    "unet weights are text": (write(UNET_WEIGHTS, b"version https://git-lfs.github.com"), "unet"),
    "unet weights are a page": (write(UNET_WEIGHTS, b"<!doctype html><p>404</p>"), "unet"),
    "unet weights are a pickle": (pickle_alone, "unet"),
    "unet lacks a tensor": (edit_tensors(UNET_WEIGHTS, lambda t: t.pop(CONV_IN)), "unet"),
    "unet has a surplus tensor": (
        edit_tensors(UNET_WEIGHTS, lambda t: t.update(more=torch.zeros(1))), "unet",
    ),
    "unet has a wrong shape": (
        edit_tensors(UNET_WEIGHTS, lambda t: t.update({CONV_IN: torch.zeros(1, 2)})), "unet",
    ),
    "text encoder lacks a tensor": (
        edit_tensors("text_encoder/model.safetensors", lambda t: t.pop(_one(t, LAST_NORM))),
        "text_encoder",
    ),
    "text encoder has a surplus tensor": (
        edit_tensors("text_encoder/model.safetensors", lambda t: t.update(more=torch.zeros(1))),
        "text_encoder",
    ),
    "text encoder has a wrong shape": (
        edit_tensors(
            "text_encoder_2/model.safetensors",
            lambda t: t.update({_one(t, LAST_NORM): torch.zeros(3)}),
        ),
        "text_encoder_2",
    ),
    "text encoder is cut off": (cut_in_half(Path("text_encoder_2/model.safetensors")),
                                "text_encoder_2"),
    "text encoder is text": (write("text_encoder/model.safetensors", b"Not Found"),
                             "text_encoder"),
    "text encoder config has a wrong type": (
        edit_json("text_encoder/config.json", hidden_size="wide"), "text_encoder",
    ),
    "text encoder config has a zero": (
        edit_json("text_encoder/config.json", num_attention_heads=0), "text_encoder",
    ),
    "vae lacks a tensor": (
        edit_tensors(
            "vae/diffusion_pytorch_model.safetensors", lambda t: t.pop("decoder.conv_out.bias")
        ),
        "vae",
    ),
    "no tokenizer": (remove_folder("tokenizer"), "tokenizer"),
    "no tokenizer vocabulary": (remove("tokenizer/tokenizer.json"), "tokenizer"),
    "tokenizer vocabulary is broken": (write("tokenizer_2/tokenizer.json", b'{"a'), "tokenizer_2"),
    "tokenizer vocabulary is empty": (write("tokenizer_2/tokenizer.json", b"{}"), "tokenizer_2"),
    "tokenizer config is broken": (
        write("tokenizer/tokenizer_config.json", b"\x00"), "tokenizer/tokenizer_config.json",
    ),
    "no scheduler": (remove(str(SCHEDULER)), SCHEDULER),
    "scheduler is broken": (write(SCHEDULER, b"]"), SCHEDULER),
    "unknown beta schedule": (edit_json(SCHEDULER, beta_schedule="squaredcos"), SCHEDULER),
    "no beta schedule": (edit_json(SCHEDULER, beta_schedule=None), SCHEDULER),
    "betas of its own": (edit_json(SCHEDULER, trained_betas=[0.1]), SCHEDULER),
    "no betas": (edit_json(SCHEDULER, beta_start=None), SCHEDULER),
    "beta is a word": (edit_json(SCHEDULER, beta_end="high"), SCHEDULER),
    "beta is negative": (edit_json(SCHEDULER, beta_start=-0.5), SCHEDULER),
    "beta is above one": (edit_json(SCHEDULER, beta_end=12), SCHEDULER),
    "no training steps": (edit_json(SCHEDULER, num_train_timesteps=0), SCHEDULER),
    "too few training steps": (edit_json(SCHEDULER, num_train_timesteps=30), SCHEDULER),
    "training steps are a word": (edit_json(SCHEDULER, num_train_timesteps="1000"), SCHEDULER),
    "unknown prediction": (edit_json(SCHEDULER, prediction_type="flow"), SCHEDULER),
    "prediction is a list": (edit_json(SCHEDULER, prediction_type=["epsilon"]), SCHEDULER),
}  # fmt: skip


def _one(tensors: dict[str, torch.Tensor], ending: str) -> str:
    return next(key for key in tensors if key.endswith(ending))


def test_a_whole_folder_loads_and_asks_no_network(folder: Path) -> None:
    model = load(folder)
    assert isinstance(model, Model)
    assert (model.name, model.device, model.prediction) == (NAME, CPU, "epsilon")
    for part in modules(model).values():
        assert not part.training
        assert {p.dtype for p in part.parameters()} == {torch.float32}
        assert not any(p.requires_grad for p in part.parameters())


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_the_prediction_type_is_read_from_the_scheduler(folder: Path, kind: str) -> None:
    edit_json(SCHEDULER, prediction_type=kind)(folder)
    assert load(folder).prediction == kind


def test_the_schedule_is_the_one_of_the_folder(folder: Path) -> None:
    edit_json(SCHEDULER, beta_start=0.001, beta_end=0.02)(folder)
    alpha_bar = load(folder).schedule.alpha_bar
    assert len(alpha_bar) == 1000
    assert float(alpha_bar[0]) == pytest.approx(1 - 0.001)
    assert float(alpha_bar[-1] / alpha_bar[-2]) == pytest.approx(1 - 0.02)


@pytest.mark.parametrize("beta_schedule", ["scaled_linear", "linear"])
@pytest.mark.parametrize("zero_snr", [False, True])
def test_the_schedule_is_the_one_of_diffusers(
    folder: Path, beta_schedule: str, zero_snr: bool
) -> None:
    edit_json(SCHEDULER, beta_schedule=beta_schedule, rescale_betas_zero_snr=zero_snr)(folder)
    theirs = diffusers.EulerDiscreteScheduler.from_pretrained(folder, subfolder="scheduler")
    torch.testing.assert_close(
        load(folder).schedule.alpha_bar, theirs.alphas_cumprod.double(), atol=1e-6, rtol=1e-4
    )


def test_weights_in_single_precision_load_too(folder: Path) -> None:
    edit_tensors(UNET_WEIGHTS, lambda t: t.update({k: v.float() for k, v in t.items()}))(folder)
    load(folder)


def test_position_ids_of_older_text_encoders_are_no_surplus(folder: Path) -> None:
    path = "text_encoder/model.safetensors"
    ids = {"text_model.embeddings.position_ids": torch.arange(77)[None]}
    edit_tensors(path, lambda t: t.update(ids))(folder)
    load(folder)


def test_an_sd15_folder_is_what_diffusers_reads(tiny_sd15_folder: Path) -> None:
    model = load(tiny_sd15_folder)
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
        tiny_sd15_folder, dtype=torch.float32, local_files_only=True, safety_checker=None
    )
    assert (model.family, model.text_encoder_2, model.tokenizer_2) == (Family.SD15, None, None)
    for name, part in modules(model).items():
        assert_same_weights(part, getattr(pipeline, name))
    ids = model.tokenizer("a lady").input_ids
    assert ids == pipeline.tokenizer("a lady").input_ids
    states = [encoder(torch.tensor([ids])).last_hidden_state for encoder in
              (model.text_encoder, pipeline.text_encoder)]  # fmt: skip
    assert torch.equal(*states)
    latents, time = torch.ones(1, 4, 8, 8), torch.tensor([500])
    ours, theirs = (
        unet(latents, time, encoder_hidden_states=states[0]).sample
        for unet in (model.unet, pipeline.unet)
    )
    assert torch.equal(ours, theirs)


def test_a_folder_of_half_precision_alone_loads(folder: Path, model: Model) -> None:
    for path in list(folder.glob("*/*.safetensors")):
        path.rename(path.with_name(f"{path.stem}.fp16.safetensors"))
    assert_same_weights(load(folder).unet, model.unet)


def test_full_precision_is_read_where_half_lies_beside_it(folder: Path, model: Model) -> None:
    path = folder / UNET_WEIGHTS
    path.with_name(f"{path.stem}.fp16.safetensors").write_bytes(b"not read")
    assert_same_weights(load(folder).unet, model.unet)


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_weights_in_shards_load(folder: Path, model: Model, variant: str | None) -> None:
    for name in ("unet", "text_encoder"):
        next((folder / name).glob("*.safetensors")).unlink()
        getattr(model, name).save_pretrained(folder / name, max_shard_size="1MB", variant=variant)
        assert len(list((folder / name).glob("*.safetensors"))) > 1
    loaded = load(folder)
    assert_same_weights(loaded.unet, model.unet)
    assert_same_weights(loaded.text_encoder, model.text_encoder)


def test_an_attention_may_have_the_names_of_old(tiny_sd15_folder: Path, tmp_path: Path) -> None:
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    folder = tmp_path / SD15
    shutil.copytree(tiny_sd15_folder, folder)
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = safetensors.torch.load_file(path)
    for name in [name for name in tensors if ".attentions." in name]:
        for new, former in old.items():
            if f".{new}." in name:
                tensors[name.replace(f".{new}.", f".{former}.")] = tensors.pop(name)
    safetensors.torch.save_file(tensors, path)
    assert_same_weights(load(folder).vae, load(tiny_sd15_folder).vae)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_folder_is_refused_with_one_sentence_that_names_the_path(
    folder: Path, name: str
) -> None:
    damage, path = DAMAGES[name]
    damage(folder)
    with pytest.raises(ModelError) as refused:
        load(folder)
    message = str(refused.value)
    assert Path(NAME, path).as_posix() in message
    assert str(folder.parent) not in message
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 200


@pytest.mark.parametrize("key", ["beta_schedule", "prediction_type"])
def test_what_is_unknown_and_what_is_allowed_is_said(folder: Path, key: str) -> None:
    edit_json(SCHEDULER, **{key: "sideways"})(folder)
    with pytest.raises(ModelError, match=r"sideways.*(scaled_linear|epsilon, v_prediction, s)"):
        load(folder)


def test_small_files_are_checked_before_gigabytes_of_weights_are_read(folder: Path) -> None:
    edit_json(SCHEDULER, prediction_type="flow")(folder)
    (folder / UNET_WEIGHTS).unlink()
    with pytest.raises(ModelError, match="flow"):
        load(folder)


def test_an_inpainting_unet_is_refused(folder: Path) -> None:
    edit_json("unet/config.json", in_channels=9)(folder)
    edit_tensors(UNET_WEIGHTS, lambda t: t.update({CONV_IN: torch.zeros(96, 9, 3, 3)}))(folder)
    with pytest.raises(ModelError, match=r"tiny do not fit: the UNet wants 9 latent channels, not"):
        load(folder)


def test_a_unet_for_other_text_encoders_is_refused(folder: Path) -> None:
    edit_json("unet/config.json", cross_attention_dim=64)(folder)

    def narrow(tensors: dict[str, torch.Tensor]) -> None:
        for name in tensors:
            if ".attn2.to_k." in name or ".attn2.to_v." in name:
                tensors[name] = tensors[name][:, :64].contiguous()

    edit_tensors(UNET_WEIGHTS, narrow)(folder)
    with pytest.raises(ModelError, match=r"the UNet wants 64 text states, not 320"):
        load(folder)


def test_a_folder_of_another_family_than_said_is_refused(folder: Path) -> None:
    file = dataclasses.replace(model_file(folder), family=Family.SD15)
    with pytest.raises(ModelError, match=r"tiny describes SDXL, not SD1\.5\.$"):
        load_model(file, CPU)


@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_weights_may_rest_elsewhere_than_they_work(
    folder: Path, tiny_sd15_folder: Path, has_bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has_bfloat16)
    half = torch.bfloat16 if has_bfloat16 else torch.float16
    cuda = torch.device("cuda")
    model = load_model(folder_file(folder), cuda, resting_on=CPU)
    assert model.device == cuda
    for part in modules(model).values():
        assert {(p.device, p.dtype) for p in part.parameters()} == {(CPU, half)}
    # this one's config says that it overflows
    model = load_model(folder_file(tiny_sd15_folder), cuda, resting_on=CPU)
    assert model.unet.dtype == model.text_encoder.dtype == half
    assert model.vae.dtype == (torch.bfloat16 if has_bfloat16 else torch.float32)


def test_progress_rises_part_by_part_to_the_whole(folder: Path) -> None:
    told: list[tuple[str, float]] = []
    load_model(model_file(folder), CPU, on_progress=lambda *said: told.append(said))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert 0 < shares[0] <= 0.5
    assert shares[-1] == 1
    assert len(told) <= 104
    parts = list(dict.fromkeys(part for part, _ in told))
    assert parts == ["text encoder", "second text encoder", "UNet", "VAE"]


def test_a_model_is_found_whole_before_a_weight_is_read(folder: Path, model: Model) -> None:
    found = find_model(model_file(folder), CPU)
    assert {p.device.type for p in found.found.parts["unet"].module.parameters()} == {"meta"}
    loaded = read_model(found)
    for name, part in modules(loaded).items():
        assert_same_weights(part, getattr(model, name))
    cut_in_half(UNET_WEIGHTS)(folder)
    with pytest.raises(ModelError, match="cut off"):
        find_model(model_file(folder), CPU)


def test_who_listens_to_progress_may_end_the_loading(folder: Path) -> None:
    def stop(_part: str, _share: float) -> None:
        raise Cancelled("no longer wanted")

    with pytest.raises(Cancelled):
        load_model(model_file(folder), CPU, on_progress=stop)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
)
def test_memory_that_runs_out_is_said(
    folder: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = torch.empty

    def allocate(*size: Any, device: Any = None, **options: Any) -> torch.Tensor:
        if device == CPU:
            raise error
        return empty(*size, device=device, **options)

    monkeypatch.setattr(torch, "empty", allocate)
    with pytest.raises(OutOfMemory, match=r"^tiny needs more memory than this device has\.$"):
        load(folder)


def test_what_is_loaded_needs_its_files_no_longer(folder: Path, model: Model) -> None:
    loaded = load(folder)
    for path in folder.glob("*/*.safetensors"):
        replace(path, path.read_bytes())
        os.truncate(path, 100)
    shutil.rmtree(folder)
    for name, part in modules(loaded).items():
        assert_same_weights(part, getattr(model, name))


@pytest.mark.parametrize("damaged", [False, True])
def test_loading_changes_nothing_around_it(folder: Path, damaged: bool) -> None:
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    before = [logger.level for logger in loggers], torch.get_rng_state().tolist()
    if damaged:
        cut_in_half(UNET_WEIGHTS)(folder)
        with pytest.raises(ModelError):
            load(folder)
    else:
        load(folder)
    assert ([logger.level for logger in loggers], torch.get_rng_state().tolist()) == before
    assert torch.empty(1).device == CPU
