"""Whole folders load without a network; every damaged one is refused with one sentence."""

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from hypersd_core.engine.loader import Model, load_model
from hypersd_core.errors import ModelError
from tests.tiny_model import NAME, UNET_WEIGHTS

CPU = torch.device("cpu")
SCHEDULER = Path("scheduler", "scheduler_config.json")
Damage = Callable[[Path], object]


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Nobody may ask the network, not even a test that ends in an error."""
    attempts: list[object] = []

    def refuse(*arguments: object, **_: object) -> None:
        attempts.append(arguments)
        raise OSError("this test has no network")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield attempts
    assert attempts == []


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model. Its files are links: write through ``replace`` alone."""
    copy = tmp_path / NAME
    shutil.copytree(tiny_model_folder, copy, copy_function=os.link)
    return copy


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


def pickle_alone(folder: Path) -> None:
    tensors = safetensors.torch.load_file(folder / UNET_WEIGHTS)
    (folder / UNET_WEIGHTS).unlink()
    torch.save(tensors, folder / "unet" / "diffusion_pytorch_model.bin")


CONV_IN = "conv_in.weight"
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
    model = load_model(folder, CPU)
    assert isinstance(model, Model)
    assert (model.name, model.device, model.prediction) == (NAME, CPU, "epsilon")
    for part in (model.text_encoder, model.text_encoder_2, model.unet, model.vae):
        assert not part.training
        assert {p.dtype for p in part.parameters()} == {torch.float32}
        assert not any(p.requires_grad for p in part.parameters())


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_the_prediction_type_is_read_from_the_scheduler(folder: Path, kind: str) -> None:
    edit_json(SCHEDULER, prediction_type=kind)(folder)
    assert load_model(folder, CPU).prediction == kind


def test_the_schedule_is_the_one_of_the_folder(folder: Path) -> None:
    edit_json(SCHEDULER, beta_start=0.001, beta_end=0.02)(folder)
    alpha_bar = load_model(folder, CPU).schedule.alpha_bar
    assert len(alpha_bar) == 1000
    assert float(alpha_bar[0]) == pytest.approx(1 - 0.001)
    assert float(alpha_bar[-1] / alpha_bar[-2]) == pytest.approx(1 - 0.02)


def test_weights_in_single_precision_load_too(folder: Path) -> None:
    edit_tensors(UNET_WEIGHTS, lambda t: t.update({k: v.float() for k, v in t.items()}))(folder)
    load_model(folder, CPU)


def test_position_ids_of_older_text_encoders_are_no_surplus(folder: Path) -> None:
    path = "text_encoder/model.safetensors"
    ids = {"text_model.embeddings.position_ids": torch.arange(77)[None]}
    edit_tensors(path, lambda t: t.update(ids))(folder)
    load_model(folder, CPU)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_folder_is_refused_with_one_sentence_that_names_the_path(
    folder: Path, name: str
) -> None:
    damage, path = DAMAGES[name]
    damage(folder)
    with pytest.raises(ModelError) as refused:
        load_model(folder, CPU)
    message = str(refused.value)
    assert str(folder / path) in message
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < len(str(folder)) + 160


@pytest.mark.parametrize("key", ["beta_schedule", "prediction_type"])
def test_what_is_unknown_and_what_is_allowed_is_said(folder: Path, key: str) -> None:
    edit_json(SCHEDULER, **{key: "sideways"})(folder)
    with pytest.raises(ModelError, match=r"sideways.*(scaled_linear|epsilon, v_prediction, s)"):
        load_model(folder, CPU)


def test_small_files_are_checked_before_gigabytes_of_weights_are_read(folder: Path) -> None:
    edit_json(SCHEDULER, prediction_type="flow")(folder)
    (folder / UNET_WEIGHTS).unlink()
    with pytest.raises(ModelError, match="flow"):
        load_model(folder, CPU)
