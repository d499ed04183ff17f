"""Reads a caption's labels back from what the text encoders say; an aid of training alone."""

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hypersd_core.pretrain.drawings import Labels

_FIELDS = tuple(field.name for field in dataclasses.fields(Labels))


class Readers(nn.Module):
    """A linear classifier for every kind of label on each of several features.

    A label that the caption leaves out is a class of its own, the empty text.
    """

    def __init__(self, labels: Sequence[Labels], *, widths: Sequence[int]) -> None:
        super().__init__()
        labels = list(labels)
        self._classes = {
            name: {
                value: i
                for i, value in enumerate(sorted({getattr(x, name) for x in labels} | {""}))
            }
            for name in _FIELDS
        }
        sizes = [len(classes) for classes in self._classes.values()]
        self._sizes = sizes
        self._heads = nn.ModuleList(nn.Linear(width, sum(sizes)) for width in widths)

    def loss(self, features: Sequence[Tensor], said: Sequence[Labels]) -> Tensor:
        """Mean cross-entropy over labels and ``features``, each (B, its width)."""
        targets = torch.tensor(
            [[self._classes[name][getattr(x, name)] for x in said] for name in _FIELDS]
        )
        losses = [
            F.cross_entropy(logits.float(), target)
            for head, feature in zip(self._heads, features, strict=True)
            for logits, target in zip(head(feature).split(self._sizes, dim=1), targets, strict=True)
        ]
        return torch.stack(losses).mean()
