"""``python -m hypersd_core.pretrain``: from nothing to a model folder; stops and resumes."""

import argparse
import logging
import sys
from pathlib import Path

import torch

from hypersd_core.pretrain import autoencoder, dataset, diffusion, models
from hypersd_core.pretrain.export import export

_ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run every stage that is not finished yet."""
    args = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if args.threads:
        torch.set_num_threads(args.threads)
    work: Path = args.work
    pictures = dataset.load_or_draw(work, count=args.pictures, size_px=models.SIZE_PX)
    tokenizer = models.load_or_train_tokenizer(work / "tokenizer", pictures.labels, seed=args.seed)
    vae = autoencoder.train_autoencoder(
        pictures.pixels, work / "autoencoder.pt", total=args.autoencoder_steps, seed=args.seed
    )
    if args.stage != "decoder":
        latents = autoencoder.encode_all(vae, pictures.pixels)
        scaling = 1.0 / latents.std().item()
        examples = diffusion.Examples(latents * scaling, pictures.labels)
        denoiser = diffusion.train_denoiser(
            examples, tokenizer, work / "denoiser.pt", total=args.denoiser_steps, seed=args.seed
        )
    if args.stage != "denoiser":
        vae = autoencoder.sharpen_decoder(
            vae, pictures.pixels, work / "decoder.pt", total=args.decoder_steps, seed=args.seed
        )
    if args.stage == "all":
        export(args.out, tokenizer, denoiser, vae, scaling_factor=scaling)
        logging.getLogger(__name__).info("saved %s", args.out)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hypersd_core.pretrain", description=__doc__)
    parser.add_argument("--out", type=Path, default=_ROOT / "data/models/portrait-64")
    parser.add_argument("--work", type=Path, default=_ROOT / "data/local/pretrain")
    parser.add_argument("--pictures", type=int, default=24_000)
    parser.add_argument("--autoencoder-steps", type=int, default=1_800)
    parser.add_argument("--decoder-steps", type=int, default=7_500)
    parser.add_argument("--denoiser-steps", type=int, default=9_800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="processor threads of one training process")
    parser.add_argument(
        "--stage",
        choices=("all", "denoiser", "decoder"),
        default="all",
        help="after the autoencoder, 'denoiser' and 'decoder' can run beside each other; "
        "'all' then finds both finished and writes the model",
    )
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        sys.exit(130)
