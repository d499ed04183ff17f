"""Puts the parts that draw together, for the bot, the command line and the evaluations.

Only ``build_engine`` imports torch, which takes seconds: call it on the thread that draws.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hypersd_core.engine.catalog import Catalogue
from hypersd_core.engine.hashes import FileHashes
from hypersd_core.input_pictures import InputPictures
from hypersd_core.library import Library
from hypersd_core.recipe_book import RecipeBook
from hypersd_core.request import GenerationRequest
from hypersd_core.settings import Settings

if TYPE_CHECKING:
    from hypersd_core.engine.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What there is to draw with, and to draw from.

    Who runs for long calls ``inputs.delete_unused`` now and then, in a thread, with the names that
    jobs may still be drawn from: ``source.picture`` and ``source.mask`` of their requests.
    """

    library: Library
    hashes: FileHashes
    inputs: InputPictures

    @classmethod
    def open(cls, settings: Settings) -> "Workshop":
        """Read the models folder and the recipes. Blocks. Raises ModelError for wrong recipes."""
        hashes = FileHashes(settings.local_dir / "hashes.json")
        library = Library(
            Catalogue(settings.models_dir),
            RecipeBook.read(settings.recipes_file),
            default=settings.model,
            sha256=hashes.sha256,
        )
        library.refresh()
        return cls(
            library=library, hashes=hashes, inputs=InputPictures(settings.local_dir / "inputs")
        )

    def load_pictures(self, request: GenerationRequest) -> Mapping[str, NDArray[np.uint8]]:
        """The picture and mask that ``request`` names. Blocks. Raises InvalidPicture."""
        source = request.source
        if source is None:
            return {}
        pictures = {source.picture: self.inputs.load(source.picture)}
        if source.mask:
            pictures[source.mask] = self.inputs.load_mask(source.mask)
        return pictures

    def known_hashes(self, request: GenerationRequest) -> Mapping[str, str]:
        """SHA-256 of the files that ``request`` names, as far as they were computed before."""
        names = {request.model, request.vae, *(tag.name for tag in request.loras)}
        files = (file for file in self.library.files() if file.name in names)
        known = {file.name: self.hashes.known(file.path) for file in files}
        return {name: sha256 for name, sha256 in known.items() if sha256}


def build_engine(
    library: Library,
    *,
    preload: str | None = None,
    on_load: Callable[[str, str, float], None] = lambda *_: None,
) -> "Engine":
    """An engine that draws with what is in ``library``.

    The model ``preload`` is loaded at once, others when first asked for; ``on_load(model, part,
    share)`` follows every load. Raises ModelError and OutOfMemory.
    """
    from hypersd_core.engine.device import best_device  # noqa: PLC0415 - imports torch
    from hypersd_core.engine.engine import Engine  # noqa: PLC0415
    from hypersd_core.engine.shelf import Shelf  # noqa: PLC0415

    shelf = Shelf(library, best_device(), on_load=on_load)
    if preload is not None:
        shelf.load(preload)
    return Engine(shelf)
