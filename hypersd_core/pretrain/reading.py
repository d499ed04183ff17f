"""Reads a caption's labels back from what the text encoders say; an aid of training alone."""

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypersd_core.pretrain.drawings import Labels
from hypersd_core.pretrain.subjects import Attributes

Said = Labels | Attributes


class Readers(nn.Module):
    """A linear classifier for every kind of label on each of several features.

    A label that the caption leaves out is a class of its own, the empty text.
    """

    def __init__(self, labels: Sequence[Said], *, widths: Sequence[int]) -> None:
        super().__init__()
        words = [_words(entry) for entry in labels]
        names = sorted({name for entry in words for name in entry})
        self._classes = {
            name: {
                value: i
                for i, value in enumerate(sorted({entry.get(name, "") for entry in words} | {""}))
            }
            for name in names
        }
        sizes = [len(classes) for classes in self._classes.values()]
        self._sizes = sizes
        self._heads = nn.ModuleList(nn.Linear(width, sum(sizes)) for width in widths)

    def loss(self, features: Sequence[Tensor], said: Sequence[Said]) -> Tensor:
        """Mean cross-entropy over labels and ``features``, each (B, its width)."""
        words = [_words(entry) for entry in said]
        targets = torch.tensor(
            [[known[x.get(name, "")] for x in words] for name, known in self._classes.items()],
            device=features[0].device,
        )
        losses = [
            F.cross_entropy(logits.float(), target)
            for head, feature in zip(self._heads, features, strict=True)
            for logits, target in zip(head(feature).split(self._sizes, dim=1), targets, strict=True)
        ]
        return torch.stack(losses).mean()


def _words(entry: Said) -> Mapping[str, str]:
    return entry.words if isinstance(entry, Attributes) else dataclasses.asdict(entry)
