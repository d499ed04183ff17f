"""The catalogue of a models folder: every model, LoRA, VAE and upscaler in it, by name.

Files are recognised by their headers alone, so hundreds are listed in about a second, and in
milliseconds when nothing has changed. A file that cannot be used is listed too, with the reason.
"""

import difflib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypersd_core.engine.detection.detect import detect
from hypersd_core.engine.detection.diffusers_folder import detect_folder
from hypersd_core.engine.detection.magic import PICKLE, START_BYTES, describe
from hypersd_core.engine.detection.probe import Finding
from hypersd_core.engine.header import printable, read_header
from hypersd_core.engine.models_folder import (
    MODEL_SUFFIXES,
    PICKLES,
    SAFETENSORS,
    Signature,
    changed_ns,
    model_paths,
    names,
    own_name,
    signature,
    signature_bytes,
)
from hypersd_core.errors import ModelError, ModelNotFound
from hypersd_core.i18n import say, say_again
from hypersd_core.models import Kind, ModelFile

log = logging.getLogger(__name__)

_KIND_WORDS = {
    Kind.CHECKPOINT: say("model"),
    Kind.UNET: say("model"),
    Kind.LORA: say("LoRA"),
    Kind.VAE: say("VAE"),
    Kind.UPSCALER: say("upscaler"),
    Kind.OTHER: say("file"),
}
_SHOWN_NAMES = 5
_SHOWN_CHARS = 100


@dataclass(frozen=True, slots=True)
class _Seen:
    """A path as it was when it was last looked into; its file has the name it would have alone."""

    signature: Signature
    file: ModelFile


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The result of one scan; never changed, only replaced."""

    seen: Mapping[Path, _Seen] = field(default_factory=dict)
    files: tuple[ModelFile, ...] = ()


class Catalogue:
    """What lies in one models folder.

    ``scan`` is for any thread but the event loop's. The rest is for every thread: it reads the last
    snapshot and does no I/O.
    """

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir
        self._snapshot = _Snapshot()

    def scan(self) -> None:
        """Look at the folder again, and into what is new or changed. A missing folder is empty."""
        before = self._snapshot.seen
        seen = {path: _look(path, before.get(path)) for path in model_paths(self._models_dir)}
        if seen == before:
            return
        called = names(seen, self._models_dir)
        files = (replace(entry.file, name=called[path]) for path, entry in seen.items())
        in_order = sorted(files, key=lambda file: (file.name.casefold(), file.name))
        self._snapshot = _Snapshot(seen, tuple(in_order))
        log.info("%s holds %d models and other files", self._models_dir, len(seen))

    def files(self) -> tuple[ModelFile, ...]:
        """All entries of the last scan by name; the same tuple as long as nothing changes."""
        return self._snapshot.files

    def find(self, name: str, *kinds: Kind) -> ModelFile:
        """The entry of one of ``kinds`` (without any: of any kind) that people call ``name``.

        Tried in turn: the name as listed, with its suffix, in other letters, without its folders,
        its trainer's name for it. Each counts if it means one entry alone, which may have an
        obstacle. Raises ModelNotFound, which names the closest.
        """
        everything = self._snapshot.files
        wanted = kinds or tuple(Kind)
        files = [file for file in everything if file.kind in wanted]
        if file := _meant(name, files):
            return file
        word = _KIND_WORDS[kinds[0] if kinds else Kind.OTHER]
        if file := _meant(name, [file for file in everything if file.kind not in wanted]):
            is_a = say(
                "{name} is a {kind}, not a {wanted}.",
                name=file.name,
                kind=_KIND_WORDS[file.kind],
                wanted=word,
            )
            raise ModelNotFound(say_again(file.obstacle) or is_a)
        raise ModelNotFound(_not_found(name, word, [f.name for f in files if not f.obstacle]))


def inspect(path: Path) -> ModelFile:
    """What the file or folder at ``path`` is, wherever it lies; raises ModelError if it is gone.

    Something damaged, hostile or of another kind has an obstacle.
    """
    path = path.absolute()  # so that "." has a name
    try:
        now = signature(path)
    except OSError as error:
        raise ModelError(_unreadable(path, error)) from error
    return _inspect(path, now)


def _look(path: Path, before: _Seen | None) -> _Seen:
    """The entry for ``path``: the one from ``before`` if nothing was touched since."""
    try:
        now = signature(path)
    except OSError as error:  # a link to nothing, a folder that is closed to us
        return _Seen((), _entry(path, Finding(kind=Kind.OTHER), _unreadable(path, error), ()))
    if before is not None and before.signature == now:
        return before
    return _Seen(now, _inspect(path, now))


def _inspect(path: Path, now: Signature) -> ModelFile:
    try:
        finding = _find_out(path)
    except ModelError as error:
        kind = Kind.CHECKPOINT if path.is_dir() else Kind.OTHER
        return _entry(path, Finding(kind=kind), error.sentence, now)
    obstacle = say("{file} {problem}.", file=printable(path.name), problem=finding.problem)
    return _entry(path, finding, obstacle if finding.problem else "", now)


def _find_out(path: Path) -> Finding:
    """What is at ``path``; raises ModelError if that cannot be told."""
    if path.is_dir():
        return detect_folder(path)
    suffix = path.suffix.lower()
    if suffix in MODEL_SUFFIXES and suffix not in SAFETENSORS:
        return Finding(kind=Kind.OTHER, problem=_foreign_problem(path))
    return detect(read_header(path))


def _foreign_problem(path: Path) -> str:
    """What a file of another suffix is by its first bytes; else what its suffix says."""
    if not path.is_file():  # before it is opened: a pipe would block
        return say("is not a file")
    try:
        with path.open("rb") as file:
            known = describe(file.read(START_BYTES))
    except OSError:
        known = ""
    if path.suffix.lower() in PICKLES:
        return known or PICKLE
    return known or say("is no safetensors file: only those are read")


def _entry(path: Path, finding: Finding, obstacle: str, now: Signature) -> ModelFile:
    return ModelFile(
        name=own_name(path),
        path=path,
        kind=finding.kind,
        family=finding.family,
        layout=finding.layout,
        prediction=finding.prediction,
        zero_terminal_snr=finding.zero_terminal_snr,
        lora_rank=finding.lora_rank,
        alias=finding.alias,
        bytes=signature_bytes(now),
        changed_ns=changed_ns(now),
        obstacle=obstacle,
    )


def _unreadable(path: Path, error: OSError) -> str:
    reason = error.strerror or say("an unknown error")
    return say("{file} cannot be read: {reason}.", file=printable(path.name), reason=reason)


def _meant(name: str, files: list[ModelFile]) -> ModelFile | None:
    """The one of ``files`` that ``name`` means, if it is one."""
    for is_meant in _ways_to_call(name.strip()):
        meant = [file for file in files if is_meant(file)]
        if len(meant) == 1:
            return meant[0]
    return None


def _ways_to_call(name: str) -> Iterator[Callable[[ModelFile], bool]]:
    bare = _bare(name)
    yield lambda file: file.name == name
    yield lambda file: f"{file.name}{file.path.suffix}" == name
    yield lambda file: _bare(file.name) == bare
    yield lambda file: _bare(file.name.rpartition("/")[2]) == bare
    yield lambda file: file.alias.casefold() == bare != ""


def _bare(name: str) -> str:
    """``name`` without the suffix of a model file, in small letters."""
    small = name.casefold()
    return next((small.removesuffix(s) for s in MODEL_SUFFIXES if small.endswith(s)), small)


def _not_found(name: str, word: str, called: list[str]) -> str:
    shown = printable(name.strip())[:_SHOWN_CHARS]
    if not called:
        return say(
            "There is no {kind} {name!r}: the models folder has none yet.", kind=word, name=shown
        )
    if close := difflib.get_close_matches(shown, called, _SHOWN_NAMES):
        return say(
            "There is no {kind} {name!r}; closest to it: {names}.",
            kind=word,
            name=shown,
            names=", ".join(close),
        )
    names = ", ".join(called[:_SHOWN_NAMES])
    if len(called) <= _SHOWN_NAMES:
        return say(
            "There is no {kind} {name!r}; there are {names}.", kind=word, name=shown, names=names
        )
    return say(
        "There is no {kind} {name!r}; there are {names} and {more} more.",
        kind=word,
        name=shown,
        names=names,
        more=len(called) - _SHOWN_NAMES,
    )
