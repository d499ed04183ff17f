"""What a person typed, to the texts of the jobs that it stands for.

Permutations come first (``hypersd_core.permutations``), then each text picks entries of wildcard
lists for itself (``hypersd_core.picks``); braces in an entry are text. Flags are read afterwards,
so ``--steps {1, 4}`` makes two texts, and an entry may hold flags.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypersd_core.errors import InvalidRequest
from hypersd_core.flags import said_seed
from hypersd_core.i18n import say
from hypersd_core.permutations import count_permutations, escape_braces, permutations
from hypersd_core.picks import escape_wildcards, pick
from hypersd_core.request import MAX_SEED

__all__ = [
    "Expansion",
    "count_permutations",
    "escape",
    "expand",
    "permutations",
    "pick",
    "repeat_seeds",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """The ``texts`` to draw, in order, each with the seed that picked its entries.

    ``used`` are the names of the lists that entries were picked from.
    """

    texts: tuple[str, ...]
    seeds: tuple[int, ...]
    used: tuple[str, ...]


def expand(text: str, lists: Mapping[str, Sequence[str]], *, seed: int, most: int) -> Expansion:
    """All texts that ``text`` stands for. The same seed picks the same entries, on every machine.

    A text that says a seed itself (``--seed {1, 2}``) picks by that one. So what is drawn again
    with its own seed has the same entries. Raises InvalidRequest as ``permutations`` and ``pick``.
    """
    texts = permutations(text, most=most)
    seeds = tuple(_own_seed(each, seed) for each in texts)
    picked = [pick(each, lists, seed=own) for each, own in zip(texts, seeds, strict=True)]
    used = dict.fromkeys(name for each in picked for name in each.used)
    return Expansion(texts=tuple(each.text for each in picked), seeds=seeds, used=tuple(used))


def escape(text: str) -> str:
    """``text`` so that ``expand`` gives just it back."""
    return escape_braces(escape_wildcards(text))


def repeat_seeds(seed: int, *, count: int, times: int, most: int) -> tuple[int, ...]:
    """The first seed of each of ``times`` jobs of ``count`` pictures, so that no two are alike.

    Raises InvalidRequest if ``times`` is not from 1 to ``most``.
    """
    if not 1 <= times <= most:
        raise InvalidRequest(
            say("repeat must be from 1 to {most}, got {times}.", most=most, times=times)
        )
    return tuple((seed + i * count) % (MAX_SEED + 1) for i in range(times))


def _own_seed(text: str, otherwise: int) -> int:
    said = said_seed(text)
    return otherwise if said is None or not 0 <= said <= MAX_SEED else said
