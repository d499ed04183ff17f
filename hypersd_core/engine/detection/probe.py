"""What the detection rules share: quick questions about a file's tensors, and the answer's form."""

import bisect
from collections.abc import Collection
from dataclasses import dataclass

from hypersd_core.engine.header import Header
from hypersd_core.models import Family, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a file or folder is; the fields are those of ``ModelFile``.

    ``problem`` is what follows "NAME …" in the sentence that says why it cannot be drawn with,
    without the full stop; empty where it can.
    """

    kind: Kind
    family: Family | None = None
    layout: str = ""
    prediction: str = "epsilon"
    zero_terminal_snr: bool = False
    lora_rank: int = 0
    alias: str = ""
    problem: str = ""


class Probe:
    """Looks for marks: pieces of tensor names, in which ``^`` begins a name and ``$`` ends one.

    Beginnings are found in the sorted names, anything else in all names as one text. Asking
    thousands of names one by one, rule after rule, would take longer than to read them.
    """

    def __init__(self, header: Header, names: Collection[str] | None = None) -> None:
        """``names`` are the tensors to look at, all of them by default."""
        self.header = header
        self._names = sorted(header.tensors if names is None else names)
        self._text = "\n".join(("", *self._names, ""))
        self._flat = ""

    def has(self, *marks: str) -> bool:
        """Whether any of ``marks`` is in any name."""
        return any(
            self._begins(mark) if mark[0] == "^" else mark.replace("$", "\n") in self._text
            for mark in marks
        )

    def has_flat(self, *marks: str) -> bool:
        """As ``has``, for names with all dots made underscores; without ``^`` and ``$``."""
        self._flat = self._flat or self._text.replace(".", "_")
        return any(mark in self._flat for mark in marks)

    def shape(self, mark: str) -> tuple[int, ...]:
        """The shape of the first tensor whose name has ``mark``, without ``^``; () if none has."""
        return self._shape(self.first(mark))

    def shape_flat(self, mark: str) -> tuple[int, ...]:
        """As ``shape``, for names with all dots made underscores."""
        self._flat = self._flat or self._text.replace(".", "_")
        return self._shape(self._name_at(self._flat.find(mark)))

    def first(self, mark: str) -> str:
        """The first name that has ``mark``, without ``^``; empty if none has."""
        return self._name_at(self._text.find(mark.replace("$", "\n")))

    def _begins(self, mark: str) -> bool:
        if mark[-1] == "$":
            return mark[1:-1] in self.header.tensors
        start = mark[1:]
        place = bisect.bisect_left(self._names, start)
        return place < len(self._names) and self._names[place].startswith(start)

    def _name_at(self, place: int) -> str:
        if place < 0:
            return ""
        return self._text[self._text.rindex("\n", 0, place) + 1 : self._text.index("\n", place)]

    def _shape(self, name: str) -> tuple[int, ...]:
        info = self.header.tensors.get(name)  # a name may hold line breaks itself
        return info.shape if info else ()
