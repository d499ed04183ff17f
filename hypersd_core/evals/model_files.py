"""How long a folder of models and a LoRA keep people waiting.

``python -m hypersd_core.evals.model_files``.
Lists a folder of files with headers as long as those of Hyper-SDXL's LoRAs, and switches LoRAs of
the default model. Prints a table of medians, then one JSON line.
"""

import argparse
import json
import math
import platform
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from hypersd_core.assembly import Workshop
from hypersd_core.engine.catalog import Catalogue, inspect
from hypersd_core.engine.device import best_device
from hypersd_core.engine.loader import load_model
from hypersd_core.engine.lora import LoraSwitch, load_lora
from hypersd_core.engine.model import Model
from hypersd_core.settings import Settings

_SDXL_MODULES = 788  # of a Hyper-SDXL LoRA; three tensors each
_RANK = 64
_RANKS = (8, 64)


def main() -> None:
    """Measure both, print both."""
    args = _arguments()
    settings = Settings.read()
    if args.threads:
        torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        results = {
            **_listing(Path(folder) / "many", args.files),
            **_switching(Path(folder), settings, args.repeats),
        }
    for name, milliseconds in results.items():
        print(f"{name:<44}{milliseconds:>10.1f} ms")
    device = best_device()
    print(
        json.dumps(
            {
                "machine": platform.processor() or platform.machine(),
                "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
                "threads": torch.get_num_threads(),
                "model": settings.model,
                "repeats": args.repeats,
                "median_ms": {name: round(value, 2) for name, value in results.items()},
            }
        )
    )


def _listing(folder: Path, count: int) -> Mapping[str, float]:
    """Files are in the system's cache: a disk adds its own time to the first look."""
    folder.mkdir()
    for number in range(count):
        _write_header_only(folder / f"lora-{number:03}.safetensors")
    catalogue = Catalogue(folder)
    first = _timed(catalogue.scan)
    again = statistics.median(_timed(catalogue.scan) for _ in range(5))
    _write_header_only(folder / "newcomer.safetensors")
    newcomer = _timed(catalogue.scan)
    assert len(catalogue.files()) == count + 1
    return {
        f"list {count} LoRA files, first time": first,
        f"list {count} LoRA files, nothing new": again,
        f"list {count} LoRA files, one new": newcomer,
    }


def _write_header_only(path: Path) -> None:
    """A sparse file: a header of 2,364 tensors with true offsets, and no data on the disk."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for module in range(_SDXL_MODULES):
        name = f"lora_unet_down_blocks_2_attentions_1_transformer_blocks_{module}_attn2_to_k"
        for suffix, shape in (
            ("lora_down.weight", (_RANK, 2048)),
            ("lora_up.weight", (1280, _RANK)),
            ("alpha", ()),
        ):
            begin, end = end, end + 4 * math.prod(shape)
            header[f"{name}.{suffix}"] = {
                "dtype": "F32",
                "shape": list(shape),
                "data_offsets": [begin, end],
            }
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)


def _switching(folder: Path, settings: Settings, repeats: int) -> Mapping[str, float]:
    spec = Workshop.open(settings).library.model().spec
    model = load_model(spec.file, best_device(), base=spec.base, config=spec.config)
    switch = LoraSwitch(model)
    results: dict[str, float] = {}
    for rank in _RANKS:
        results |= _switching_of(rank, model, switch, folder, repeats)
    return results


def _switching_of(
    rank: int, model: Model, switch: LoraSwitch, folder: Path, repeats: int
) -> Mapping[str, float]:
    paths = [folder / f"rank-{rank}-{seed}.safetensors" for seed in range(2)]
    for seed, path in enumerate(paths):
        _write_lora(path, model, rank=rank, seed=seed)
    files = [inspect(path) for path in paths]
    first, second = (load_lora(file, model) for file in files)
    steps: Mapping[str, Callable[[], object]] = {
        "read the file": lambda: load_lora(files[0], model),
        "switch on": lambda: switch.apply([(first, 1.0, 1.0)]),
        "switch to another": lambda: switch.apply([(second, 1.0, 1.0)]),
        "two at once": lambda: switch.apply([(first, 1.0, 1.0), (second, 0.5, 0.5)]),
        "switch off": lambda: switch.apply([]),
    }
    # the very first round is a warm-up: it copies the weights that are touched
    rounds = [{name: _timed(step) for name, step in steps.items()} for _ in range(repeats + 1)]
    return {
        f"LoRA of rank {rank}: {name}": statistics.median(r[name] for r in rounds[1:])
        for name in steps
    }


def _write_lora(path: Path, model: Model, *, rank: int, seed: int) -> None:
    """Random factors for every linear layer and convolution of the UNet, as Hyper-SD's have."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, module in model.unet.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)) and "embedding" not in name:
            outputs, *inputs = module.weight.shape
            stem = f"lora_unet_{name.replace('.', '_')}"
            ones = [1] * (len(inputs) - 1)
            tensors[f"{stem}.lora_down.weight"] = torch.randn(rank, *inputs, generator=generator)
            tensors[f"{stem}.lora_up.weight"] = torch.randn(
                outputs, rank, *ones, generator=generator
            )
    safetensors.torch.save_file(tensors, path)


def _timed(work: Callable[[], object]) -> float:
    """Milliseconds, with what the device still had to do."""
    since_s = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - since_s) * 1000


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, help="processor threads")
    return parser.parse_args()


if __name__ == "__main__":
    main()
