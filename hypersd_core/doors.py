"""The doors into the core that the bot opens: built once, in order, and handed to the cogs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypersd_core.assembly import Workshop
from hypersd_core.encode import encode_picture
from hypersd_core.front_desk import FrontDesk, Rules
from hypersd_core.guild_settings import GuildSettings, operator_policy
from hypersd_core.jobs.gpu_thread import GpuThread
from hypersd_core.metrics import Watcher
from hypersd_core.moderation.images import ImageClassifier
from hypersd_core.moderation.records import Moderation
from hypersd_core.operations import Operations
from hypersd_core.picture_review import PictureReview
from hypersd_core.policy import Caps, Change, GuildPolicy
from hypersd_core.preset_book import PresetBook
from hypersd_core.preset_files import read_shipped
from hypersd_core.privacy import Privacy
from hypersd_core.quotas import Quotas
from hypersd_core.request import EncodedPicture, GenerationRequest
from hypersd_core.retention import Retention
from hypersd_core.service import Service
from hypersd_core.settings import Settings
from hypersd_core.store import Store
from hypersd_core.usage_reports import UsageReports
from hypersd_core.user_defaults import People
from hypersd_core.wildcards import WildcardBook

# A guess until the first picture is measured: one unguided model call for a megapixel.
_GUESSED_MS_PER_UNIT = 1_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What a frontend needs. ``desk`` accepts requests, ``service`` knows what became of them.

    ``classifier`` looks at what was drawn; it is None where the operator wants that.
    """

    workshop: Workshop
    service: Service
    desk: FrontDesk
    rules: Rules
    usage: UsageReports
    privacy: Privacy
    retention: Retention
    operations: Operations
    classifier: ImageClassifier | None

    @classmethod
    def open(
        cls,
        settings: Settings,
        workshop: Workshop,
        worker: GpuThread,
        store: Store,
        watcher: Watcher,
    ) -> "Doors":
        """Build them all; nothing runs yet. Raises SettingsError for presets that are wrong."""
        operator = operator_policy(settings)
        rules = _rules(settings, store, operator)
        caps = Caps(
            per_user=settings.max_waiting_per_user, per_guild=settings.max_waiting_per_guild
        )
        classifier = ImageClassifier() if settings.image_classifier else None
        review = PictureReview(rules.settings, rules.moderation, classifier)
        service = _service(settings, workshop, worker, store, review, caps, watcher)
        pictures_folder = _pictures_folder(settings)
        return cls(
            workshop=workshop,
            service=service,
            desk=FrontDesk(service, workshop.library, rules, store, caps=caps),
            rules=rules,
            usage=UsageReports(store),
            privacy=Privacy(
                store,
                pictures_folder=pictures_folder,
                inputs_folder=settings.local_dir / "inputs",
            ),
            retention=Retention(
                store,
                rules.settings,
                default_days=settings.retention_days,
                pictures_folder=pictures_folder,
                inputs=workshop.inputs,
            ),
            operations=Operations(settings, workshop.library, rules.presets),
            classifier=classifier,
        )


def _service(
    settings: Settings,
    workshop: Workshop,
    worker: GpuThread,
    store: Store,
    review: PictureReview,
    caps: Caps,
    watcher: Watcher,
) -> Service:
    def encode(pixels: NDArray[np.uint8], request: GenerationRequest, index: int) -> EncodedPicture:
        return encode_picture(pixels, request, index, hashes=workshop.known_hashes(request))

    service = Service(
        store,
        worker,
        pictures_folder=_pictures_folder(settings),
        encode=encode,
        load_pictures=workshop.load_pictures,
        review=review,
        ms_per_unit=_GUESSED_MS_PER_UNIT,
        caps=caps,
        watcher=watcher,
    )
    if settings.start_paused:
        service.pause()
    return service


def _pictures_folder(settings: Settings) -> Path:
    return settings.local_dir / "pictures"


def _rules(settings: Settings, store: Store, operator: GuildPolicy) -> Rules:
    moderation = Moderation(store)

    async def record(guild_id: int, user_id: int, changed: Sequence[Change]) -> None:
        await moderation.settings_changed(guild_id, user_id, changed)

    return Rules(
        settings=GuildSettings(store, operator=operator, record=record),
        presets=PresetBook(store.presets, read_shipped(settings.presets_file)),
        people=People(store),
        wildcards=WildcardBook(store),
        quotas=Quotas(store, guild_ceiling=operator.guild_quota),
        moderation=moderation,
    )
