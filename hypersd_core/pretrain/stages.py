"""``python -m hypersd_core.pretrain.stages STAGE``: one stage of the 128 px model; resumes.

The stages in their order: ``draw``, ``autoencoder``, ``latents``, then ``denoiser`` and ``decoder``
beside each other, and ``export``. Each needs the finished files of those before it.
"""

import argparse
import dataclasses
import logging
import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from PIL import Image
from transformers import CLIPTokenizer

from hypersd_core.pretrain import autoencoder, diffusion, models, pictures, run, wording
from hypersd_core.pretrain.export import export
from hypersd_core.pretrain.pictures import Pictures
from hypersd_core.pretrain.preview import draw_captions

log = logging.getLogger(__name__)

_ROOT = Path(__file__).resolve().parents[2]
_CAPTIONS = 20_000  # that the tokenizer is trained on
_STANDARDISED = 4_096  # pictures over which latents get mean 0 and variance 1
_MEASURED = 256  # held-out pictures for the autoencoder's score


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where the stages keep their files, and how long each trains (batches)."""

    work: Path
    out: Path
    shape: models.Shape = models.PICTURES_128
    pictures: int = 40_000
    autoencoder_steps: int = 9_000
    decoder_steps: int = 12_000
    denoiser_steps: int = 24_000
    autoencoder_batch: int = 8
    denoiser_batch: int = 16
    seed: int = 0

    @property
    def latents_file(self) -> Path:
        """Latents of the frozen encoder."""
        return self.work / "latents.npy"


def load_pictures(plan: Plan) -> Pictures:
    """All training pictures, drawn first if need be."""
    return pictures.load_or_draw(plan.work, count=plan.pictures, size_px=plan.shape.size_px)


def load_tokenizer(plan: Plan, drawn: Pictures) -> CLIPTokenizer:
    """The tokenizer, trained and saved first if need be: its ids must never change."""
    folder = plan.work / "tokenizer"
    if not folder.exists():
        rng = random.Random(plan.seed)  # noqa: S311 - wording, not cryptography
        captions = [wording.captioned(words, rng)[0] for words in drawn.attributes[:_CAPTIONS]]
        tokenizer = models.train_caption_tokenizer(captions, vocabulary=plan.shape.vocabulary)
        partial = folder.with_name("tokenizer.partial")
        tokenizer.save_pretrained(partial)
        partial.rename(folder)
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True)


def train_autoencoder(plan: Plan) -> AutoencoderKL:
    """Encoder and decoder together."""
    return autoencoder.train_autoencoder(
        load_pictures(plan).pixels,
        plan.work / "autoencoder.pt",
        total=plan.autoencoder_steps,
        seed=plan.seed,
        batch_size=plan.autoencoder_batch,
        shape=plan.shape,
    )


def trained_autoencoder(plan: Plan) -> AutoencoderKL:
    """The autoencoder that ``train_autoencoder`` has finished."""
    path = plan.work / "autoencoder.pt"
    state = _checkpoint(path)
    if state["step"] < plan.autoencoder_steps:
        raise SystemExit(
            f"{path} is at step {state['step']} of {plan.autoencoder_steps}: finish the stage "
            "'autoencoder' first, or give its step as --autoencoder-steps."
        )
    return _autoencoder(plan, path)


def frozen_autoencoder(plan: Plan) -> AutoencoderKL:
    """The trained autoencoder with standardised latents, made once; they no longer change."""
    path = plan.work / "frozen.pt"
    if not path.exists():
        vae = trained_autoencoder(plan)
        autoencoder.standardise(vae, load_pictures(plan).pixels[:_STANDARDISED])
        run.save_checkpoint(path, {"vae": vae.state_dict()})
    return _autoencoder(plan, path)


def encode_latents(plan: Plan) -> tuple[torch.Tensor, float]:
    """All latents at unit variance, and the factor that made them so."""
    vae = frozen_autoencoder(plan)
    latents = autoencoder.load_or_encode(vae, load_pictures(plan).pixels, plan.latents_file)
    scaling = 1.0 / latents.std().item()
    return latents.mul_(scaling), scaling


def train_denoiser(plan: Plan) -> diffusion.Denoiser:
    """UNet and text encoders."""
    drawn = load_pictures(plan)
    latents, _ = encode_latents(plan)
    return diffusion.train_denoiser(
        diffusion.Examples(latents, drawn.attributes),
        load_tokenizer(plan, drawn),
        plan.work / "denoiser.pt",
        total=plan.denoiser_steps,
        seed=plan.seed,
        batch_size=plan.denoiser_batch,
        shape=plan.shape,
    )


def train_decoder(plan: Plan) -> AutoencoderKL:
    """The decoder alone, on latents that no longer change."""
    return autoencoder.sharpen_decoder(
        frozen_autoencoder(plan),
        load_pictures(plan).pixels,
        plan.work / "decoder.pt",
        total=plan.decoder_steps,
        seed=plan.seed,
        batch_size=plan.autoencoder_batch,
    )


def export_model(plan: Plan) -> None:
    """Write the model folder from the checkpoints as they are, finished or not."""
    tokenizer, denoiser = averaged_denoiser(plan)
    _, scaling = encode_latents(plan)
    export(plan.out, tokenizer, denoiser, best_autoencoder(plan), scaling_factor=scaling)
    log.info("saved %s", plan.out)


def best_autoencoder(plan: Plan) -> AutoencoderKL:
    """The autoencoder with the decoder as far as it has come."""
    paths = (plan.work / name for name in ("decoder.pt", "frozen.pt"))
    path = next((path for path in paths if path.exists()), plan.work / "autoencoder.pt")
    return _autoencoder(plan, path)


def _autoencoder(plan: Plan, path: Path) -> AutoencoderKL:
    vae = models.autoencoder(plan.shape).to(memory_format=torch.channels_last)
    vae.load_state_dict(_checkpoint(path)["vae"])
    return vae.eval().requires_grad_(False)


def measure_autoencoder(plan: Plan) -> None:
    """Log the score on pictures with held-out mixes, and save some beside their copies."""
    real = pictures.unseen(count=_MEASURED, size_px=plan.shape.size_px, held_out=True).pixels
    copies = autoencoder.reconstruct(best_autoencoder(plan), real)
    _save_pairs(real[:24], copies[:24], plan.work / "autoencoder.png")
    log.info("PSNR on %d held-out pictures: %.2f dB", _MEASURED, autoencoder.psnr_db(real, copies))


def preview(plan: Plan) -> None:
    """Draw held-out captions with the denoiser as far as it has come, below the real drawings."""
    real = pictures.unseen(count=24, size_px=plan.shape.size_px, held_out=True)
    captions = [wording.full_caption(attributes) for attributes in real.attributes]
    tokenizer, denoiser = averaged_denoiser(plan)
    _, scaling = encode_latents(plan)
    drawn = draw_captions(
        denoiser.eval(), best_autoencoder(plan), tokenizer, captions, scaling_factor=scaling
    )
    _save_pairs(real.pixels, drawn, plan.work / "denoiser.png")
    log.info("saved %s; its captions:\n%s", plan.work / "denoiser.png", "\n".join(captions))


def averaged_denoiser(plan: Plan) -> tuple[CLIPTokenizer, diffusion.Denoiser]:
    """The tokenizer, and the moving average of the denoiser as far as it has come."""
    average = _checkpoint(plan.work / "denoiser.pt")["average"]
    tokenizer = load_tokenizer(plan, load_pictures(plan))
    denoiser = diffusion.Denoiser(tokenizer, plan.shape)
    denoiser.load_state_dict(average)
    return tokenizer, denoiser


def _save_pairs(real: NDArray[np.uint8], drawn: NDArray[np.uint8], path: Path) -> None:
    """Rows of eight of ``real``, each above its row of ``drawn``."""
    rows = [
        np.concatenate(list(part[i : i + 8]), axis=1)
        for i in range(0, len(real), 8)
        for part in (real, drawn)
    ]
    Image.fromarray(np.concatenate(rows)).save(path)


def _checkpoint(path: Path) -> dict[str, Any]:
    state = run.load_checkpoint(path)
    if state is None:
        raise SystemExit(f"{path} is not there yet: run the stage that makes it first.")
    return state


STAGES: Mapping[str, Callable[[Plan], object]] = {
    "draw": load_pictures,
    "autoencoder": train_autoencoder,
    "latents": encode_latents,
    "denoiser": train_denoiser,
    "decoder": train_decoder,
    "measure": measure_autoencoder,
    "preview": preview,
    "export": export_model,
}


def main() -> int:
    """Run one stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--work", type=Path, default=_ROOT / "data/local/pretrain-128")
    parser.add_argument("--out", type=Path, default=_ROOT / "data/local/pretrain-128/model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="processor threads")
    counts = (
        "pictures",
        "autoencoder_steps",
        "decoder_steps",
        "denoiser_steps",
        "autoencoder_batch",
        "denoiser_batch",
    )
    defaults = {field.name: field.default for field in dataclasses.fields(Plan)}
    for name in counts:
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=int, default=defaults[name])
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(args.threads)
    chosen = {name: getattr(args, name) for name in counts}
    STAGES[args.stage](Plan(work=args.work, out=args.out, seed=args.seed, **chosen))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. The same command goes on from here.\n")
        sys.exit(130)
