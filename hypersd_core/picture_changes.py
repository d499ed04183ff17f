"""What the buttons of a picture ask for, as a request: with its model's reach and its pixels.

Blocking: it reads the finished file, and keeps what is to be started from as an input picture.
"""

import enum
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hypersd_core import redrawing
from hypersd_core.compose import said_or_any_seed
from hypersd_core.errors import InvalidRequest, JobNotFound
from hypersd_core.i18n import say
from hypersd_core.input_pictures import UNREADABLE, InputPictures
from hypersd_core.library import Library
from hypersd_core.redrawing import FAR, NEAR, STRONG, SUBTLE, Canvas, Reach, Side
from hypersd_core.request import LANCZOS, GenerationRequest, Job, JobState


class Change(enum.StrEnum):
    """What can be made of a picture."""

    REROLL = "reroll"
    VARY_SUBTLE = "vary-subtle"
    VARY_STRONG = "vary-strong"
    UPSCALE = "upscale"
    ZOOM_OUT = "zoom-out"
    ZOOM_OUT_FAR = "zoom-out-far"
    PAN_LEFT = "pan-left"
    PAN_RIGHT = "pan-right"
    PAN_UP = "pan-up"
    PAN_DOWN = "pan-down"
    SQUARE = "square"


_VARIED: Mapping[Change, float] = MappingProxyType(
    {Change.VARY_SUBTLE: SUBTLE, Change.VARY_STRONG: STRONG}
)
_ZOOMED: Mapping[Change, float] = MappingProxyType(
    {Change.ZOOM_OUT: NEAR, Change.ZOOM_OUT_FAR: FAR}
)
_PANNED: Mapping[Change, Side] = MappingProxyType(
    {
        Change.PAN_LEFT: Side.LEFT,
        Change.PAN_RIGHT: Side.RIGHT,
        Change.PAN_UP: Side.UP,
        Change.PAN_DOWN: Side.DOWN,
    }
)


class PictureChanges:
    """Makes requests of finished jobs. ``any_seed`` draws the new seeds."""

    def __init__(
        self,
        library: Library,
        inputs: InputPictures,
        any_seed: Callable[[], int] = lambda: said_or_any_seed(None),
    ) -> None:
        self._library = library
        self._inputs = inputs
        self._any_seed = any_seed

    def request(self, job: Job, index: int | None, change: Change) -> GenerationRequest:
        """``change`` of picture ``index``; None is the whole job, which can only be rerolled.

        Raises InvalidRequest for what comes to nothing, ModelNotFound, and JobNotFound if the
        picture is gone.
        """
        if change is Change.REROLL:
            return self._again(job, index)
        if index is None:
            raise InvalidRequest(say("Choose one of the pictures first."))
        pixels = _pixels(job, index)
        reach = Reach.of(self._library.model(job.request.model).recipe, job.request)
        if change in _VARIED:
            return redrawing.varied(
                job.request,
                self._inputs.keep(pixels),
                strength=_VARIED[change],
                seed=self._any_seed(),
                reach=reach,
            )
        if change is Change.UPSCALE:
            picture, upscaler = self._inputs.keep(pixels), self._upscaler()
            return redrawing.upscaled(job.request, index, picture, upscaler=upscaler, reach=reach)
        size = reach.fitted(job.request.final_size)
        return self._outpainted(job.request, _canvas(change, pixels, size, reach), reach)

    def _again(self, job: Job, index: int | None) -> GenerationRequest:
        """A job that failed is only tried again, unless what it drew was the reason."""
        if job.state is JobState.FAILED and not job.blocked:
            return job.request
        count = None if index is None else 1
        return redrawing.rerolled(job.request, seed=self._any_seed(), count=count)

    def _outpainted(
        self, request: GenerationRequest, canvas: Canvas, reach: Reach
    ) -> GenerationRequest:
        height, width = canvas.mask.shape
        return redrawing.outpainted(
            request,
            self._inputs.keep(canvas.pixels),
            self._inputs.keep(canvas.mask),
            size=(width, height),
            seed=self._any_seed(),
            reach=reach,
        )

    def _upscaler(self) -> str:
        return next((file.name for file in self._library.upscalers()), LANCZOS)


def _canvas(
    change: Change, pixels: NDArray[np.uint8], size: tuple[int, int], reach: Reach
) -> Canvas:
    if change in _ZOOMED:
        return redrawing.zoomed_out(pixels, size, _ZOOMED[change])
    if change in _PANNED:
        return redrawing.panned(pixels, size, _PANNED[change], max_side_px=reach.side_px)
    return redrawing.squared(pixels, size)


def _pixels(job: Job, index: int) -> NDArray[np.uint8]:
    """The picture as it was shown, (H, W, 3). Raises JobNotFound."""
    try:
        with Image.open(job.pictures[index].path) as picture:
            return np.array(picture.convert("RGB"))
    except UNREADABLE as error:  # IndexError and OSError are among them
        raise JobNotFound(
            say("The pictures of job {job_id} are no longer kept.", job_id=job.id)
        ) from error
