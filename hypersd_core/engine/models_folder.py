"""Walks a models folder: where its models are, whether one was touched, what each is called."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from hypersd_core.engine.detection.folder_layout import INDEX
from hypersd_core.engine.header import printable

SAFETENSORS = (".safetensors", ".sft")
PICKLES = (".ckpt", ".pt", ".pth", ".bin")
MODEL_SUFFIXES = (*SAFETENSORS, *PICKLES, ".gguf")

Signature = tuple[tuple[str, int, int, int, int], ...]
"""Name, inode, bytes and times of each file of a model: equal as long as nobody touches one."""


def model_paths(models_dir: Path) -> Iterator[Path]:
    """Every model file and every folder in diffusers' layout, which is one model.

    Links are followed, each folder is visited once. Hidden and unfinished files are left out. A
    folder that cannot be listed is itself among the paths; a missing ``models_dir`` has none.
    """
    folders, links = [models_dir], list[Path]()
    visited: set[tuple[int, int]] = set()
    while folders or links:  # links last: a model is called after the place where it really lies
        folder = (folders or links).pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as found:
                entries = [entry for entry in found if not entry.name.startswith(".")]
        except FileNotFoundError:
            continue
        except OSError:
            yield folder
            continue
        if any(entry.name == INDEX for entry in entries):
            yield folder
            continue
        for entry in entries:
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append(Path(entry.path))
            elif entry.name.lower().endswith(MODEL_SUFFIXES):
                yield Path(entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def signature(path: Path) -> Signature:
    """What the file system says of the model at ``path``; raises OSError if it is not readable."""
    if not path.is_dir():
        return (_of_file(str(path)),)
    files = (
        os.path.join(folder, name)  # noqa: PTH118 - a string is enough, and ten times quicker
        for folder, _, names in os.walk(path)
        for name in names
    )
    with os.scandir(path):  # os.walk keeps its errors to itself
        pass
    return tuple(sorted(_of_file(file) for file in files if os.path.exists(file)))  # noqa: PTH110


def _of_file(path: str) -> tuple[str, int, int, int, int]:
    status = os.stat(path)  # noqa: PTH116 - as above
    return path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def signature_bytes(signature: Signature) -> int:
    """The size of the model that has this ``signature``."""
    return sum(size for _, _, size, _, _ in signature)


def changed_ns(signature: Signature) -> int:
    """When the model that has this ``signature`` was last touched, since the epoch."""
    return max((changed for *_, changed in signature), default=0)


def own_name(path: Path) -> str:
    """What a model at ``path`` is called as long as no other is: see ``ModelFile``."""
    return printable(path.stem if _loses_suffix(path) else path.name)


def names(paths: Collection[Path], models_dir: Path) -> dict[Path, str]:
    """What each model is called: the shortest of three names that is its alone.

    Those are its own, its path below ``models_dir``, and its path with the suffix. Names that
    differ in case alone are alike.
    """
    chosen: dict[Path, str] = {}
    for spell in (own_name, _below(models_dir, is_whole=False)):
        spelled = {path: spell(path) for path in paths if path not in chosen}
        counts = Counter(name.casefold() for name in spelled.values())
        chosen |= {p: name for p, name in spelled.items() if counts[name.casefold()] == 1}
    whole = _below(models_dir, is_whole=True)
    return chosen | {path: whole(path) for path in paths if path not in chosen}


def _below(models_dir: Path, *, is_whole: bool) -> Callable[[Path], str]:
    def spell(path: Path) -> str:
        keeps_suffix = is_whole or not _loses_suffix(path)
        below = path.relative_to(models_dir)
        return printable((below if keeps_suffix else below.with_suffix("")).as_posix())

    return spell


def _loses_suffix(path: Path) -> bool:
    return path.suffix.lower() in SAFETENSORS and not path.is_dir()
