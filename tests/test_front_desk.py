"""The front desk with a real store and real rules: what becomes of what people ask for."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hypersd_core.asker import Asker
from hypersd_core.command_text import options_of
from hypersd_core.errors import (
    FieldLocked,
    InvalidRequest,
    JobNotFound,
    NotAllowed,
    PresetNotFound,
    QuotaSpent,
    UserBlocked,
    WordBlocked,
)
from hypersd_core.flags import PromptFlags
from hypersd_core.front_desk import Ask, FrontDesk, Rules
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.jobs.gpu_thread import GpuThread
from hypersd_core.moderation.policy import ModerationPolicy
from hypersd_core.moderation.records import Moderation
from hypersd_core.policy import Allowance, Caps, GuildPolicy, PrivateMode
from hypersd_core.preset_book import PresetBook
from hypersd_core.presets import Preset
from hypersd_core.quotas import Quotas
from hypersd_core.request import EncodedPicture, GenerationRequest
from hypersd_core.service import Service
from hypersd_core.store import Store
from hypersd_core.user_defaults import People, UserDefaults
from hypersd_core.wildcards import WildcardBook
from hypersd_core.wishes import Start
from tests.jobs.sample_jobs import ALICE, GUILD, GradientEngine, an_origin
from tests.model_shelf import make_library, make_recipe, model_file

ADMIN = 7
CHANNEL = 5
ADA = Asker(user_id=ALICE, guild_id=GUILD, channel_id=CHANNEL)
DIRECT = replace(ADA, guild_id=None, is_direct=True)


class Desk:
    """A desk without anybody who draws, and what a guild's admins do around it."""

    def __init__(self, store: Store, folder: Path) -> None:
        async def record(*_: object) -> None:
            return None

        self.rules = Rules(
            settings=GuildSettings(store, operator=GuildPolicy(), record=record),
            presets=PresetBook(store.presets, []),
            people=People(store),
            wildcards=WildcardBook(store),
            quotas=Quotas(store, guild_ceiling=Allowance()),
            moderation=Moderation(store),
        )
        library = make_library(
            model_file("m"), model_file("other"), recipes=(make_recipe(names=("m",)),)
        )
        service = Service(
            store,
            GpuThread(GradientEngine),
            pictures_folder=folder,
            encode=_never,
            load_pictures=lambda _: {},
            review=_never_reviewed,
            ms_per_unit=1000,
            caps=Caps(),
        )
        self.desk = FrontDesk(service, library, self.rules, store, caps=Caps())

    async def plan(self, text: str, asker: Asker = ADA, **options: Any) -> list[GenerationRequest]:
        plan = await self.desk.plan(Ask(text=text, options=PromptFlags(**options)), asker)
        return list(plan.requests)

    async def one(self, text: str, asker: Asker = ADA, **options: Any) -> GenerationRequest:
        (request,) = await self.plan(text, asker, **options)
        return request

    async def allow(self, **changes: Any) -> None:
        await self.rules.settings.update(GUILD, lambda policy: replace(policy, **changes), ADMIN)

    async def preset(self, *, default: bool = False, **values: Any) -> None:
        preset = Preset(**{"name": "Ink", **values})
        await self.rules.presets.create(GUILD, preset, user_id=ADMIN)
        if default:
            await self.rules.presets.set_default(GUILD, None, preset.name)


def _never(_: NDArray[np.uint8], __: GenerationRequest, ___: int) -> EncodedPicture:
    raise AssertionError("nothing is drawn here")


async def _never_reviewed(*_: object) -> list[Any]:
    raise AssertionError("nothing is drawn here")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Store.open(tmp_path) as store:
        yield Desk(store, tmp_path)


async def test_what_nobody_says_is_the_recipes(desk: Desk) -> None:
    recipe = make_recipe()
    request = await desk.one("a fox")
    assert (request.prompt, request.model) == ("a fox", "m")
    assert (request.steps, request.width) == (recipe.steps, recipe.width)


async def test_a_named_preset_brings_style_and_options_and_what_is_typed_wins(desk: Desk) -> None:
    await desk.preset(prompt="ink drawing of {prompt}", options=PromptFlags(steps=3, guidance=2.5))
    request = await desk.one("a fox --preset ink --steps 2")
    assert request.prompt == "ink drawing of a fox"
    assert (request.steps, request.guidance) == (2, 2.5)


async def test_the_guilds_default_preset_holds_without_being_named(desk: Desk) -> None:
    await desk.preset(default=True, prompt="ink drawing of {prompt}")
    assert (await desk.one("a fox")).prompt == "ink drawing of a fox"
    assert (await desk.one("a fox", DIRECT)).prompt == "a fox"


async def test_a_locked_field_cannot_be_typed(desk: Desk) -> None:
    await desk.preset(default=True, options=PromptFlags(steps=3), locked=frozenset({"steps"}))
    with pytest.raises(FieldLocked, match="steps is locked to 3"):
        await desk.one("a fox --steps 4")
    assert (await desk.one("a fox")).steps == 3


async def test_a_lock_holds_for_the_parameters_of_an_earlier_picture(desk: Desk) -> None:
    await desk.preset(default=True, options=PromptFlags(steps=3), locked=frozenset({"steps"}))
    with pytest.raises(FieldLocked):
        await desk.one("a fox\nSteps: 4, Sampler: TCD, CFG scale: 1, Seed: 7, Size: 64x64")


async def test_pasted_parameters_wear_no_style(desk: Desk) -> None:
    await desk.preset(default=True, prompt="ink drawing of {prompt}")
    request = await desk.one("a fox\nSteps: 4, Sampler: TCD, CFG scale: 1, Seed: 7, Size: 64x64")
    assert (request.prompt, request.seed) == ("a fox", 7)


async def test_pasted_parameters_are_as_private_as_their_user_wants(desk: Desk) -> None:
    await desk.rules.people.set_defaults(ALICE, UserDefaults(options=PromptFlags(private=True)))
    text = "a fox\nSteps: 4, Sampler: TCD, CFG scale: 1, Seed: 7, Size: 64x64"
    assert (await desk.desk.plan(Ask(text=text), ADA)).private


async def test_an_unknown_preset_is_refused_by_name(desk: Desk) -> None:
    with pytest.raises(PresetNotFound, match="Ik"):
        await desk.one("a fox --preset Ik")


async def test_user_defaults_are_below_presets_and_above_the_recipe(desk: Desk) -> None:
    mine = UserDefaults(options=PromptFlags(steps=2, guidance=1.5), suffix="soft light")
    await desk.rules.people.set_defaults(ALICE, mine)
    request = await desk.one("a fox")
    assert (request.prompt, request.steps) == ("a fox, soft light", 2)
    await desk.preset(prompt="ink drawing of {prompt}", options=PromptFlags(steps=3))
    request = await desk.one("a fox --preset ink")
    assert (request.prompt, request.steps, request.guidance) == (
        "ink drawing of a fox, soft light",
        3,
        1.5,
    )


async def test_a_default_preset_of_another_guild_is_no_obstacle(desk: Desk) -> None:
    mine = UserDefaults(options=PromptFlags(preset="elsewhere"))
    await desk.rules.people.set_defaults(ALICE, mine)
    assert (await desk.one("a fox")).prompt == "a fox"


async def test_typed_steps_take_the_place_of_a_default_speed(desk: Desk) -> None:
    mine = UserDefaults(options=PromptFlags(speed="draft"))
    await desk.rules.people.set_defaults(ALICE, mine)
    assert (await desk.one("a fox --steps 5")).steps == 5


async def test_a_typed_speed_does_not_open_locked_steps(desk: Desk) -> None:
    await desk.preset(default=True, options=PromptFlags(steps=3), locked=frozenset({"steps"}))
    with pytest.raises(FieldLocked, match="steps is locked"):
        await desk.one("a fox --speed fast")


async def test_permutations_are_jobs_with_one_seed(desk: Desk) -> None:
    requests = await desk.plan("{red, blue} fox --steps {1, 2}")
    assert [(r.prompt, r.steps) for r in requests] == [
        ("red fox", 1),
        ("red fox", 2),
        ("blue fox", 1),
        ("blue fox", 2),
    ]
    assert len({r.seed for r in requests}) == 1


async def test_repeats_have_seeds_of_their_own(desk: Desk) -> None:
    requests = await desk.plan("a fox --repeat 3 --count 2 --seed 10")
    assert [r.seed for r in requests] == [10, 12, 14]


async def test_one_private_permutation_makes_all_of_them_private(desk: Desk) -> None:
    ask = Ask(text="a fox {--steps 1, --private --spoiler}")
    plan = await desk.desk.plan(ask, ADA)
    assert (plan.private, plan.spoiler) == (True, True)
    plan = await desk.desk.plan(Ask(text="a fox {--steps 1, --steps 2}"), ADA)
    assert (plan.private, plan.spoiler) == (False, False)


async def test_repeated_permutations_count_together(desk: Desk) -> None:
    with pytest.raises(InvalidRequest, match="12 jobs; at most 10"):
        await desk.plan("{a, b, c, d} fox --repeat 3")


async def test_a_wildcard_is_picked_by_the_seed_that_is_drawn(desk: Desk) -> None:
    await desk.rules.wildcards.create(GUILD, "animal", "fox\ncat\nowl", user_id=ADMIN)
    first = await desk.one("an __animal__")
    again = await desk.one("an __animal__", seed=first.seed)
    assert first.prompt == again.prompt
    assert first.prompt in {"an fox", "an cat", "an owl"}


async def test_a_wildcard_in_a_presets_style_is_filled(desk: Desk) -> None:
    await desk.rules.wildcards.create(GUILD, "light", "dusk", user_id=ADMIN)
    await desk.preset(default=True, prompt="{prompt} at __light__")
    assert (await desk.one("a fox")).prompt == "a fox at dusk"


async def test_a_channel_that_is_not_allowed_is_refused_first(desk: Desk) -> None:
    await desk.allow(channels=frozenset({CHANNEL + 1}))
    with pytest.raises(NotAllowed):
        await desk.one("a fox --stpes")


async def test_what_the_guild_does_not_want_drawn_is_refused(desk: Desk) -> None:
    await desk.allow(max_steps=4)
    with pytest.raises(InvalidRequest, match="steps"):
        await desk.one("a fox --steps 5")


async def test_a_guild_that_does_not_allow_the_default_model_has_another(desk: Desk) -> None:
    await desk.allow(models=("other",))
    request = await desk.one("a fox --recipe own")
    assert request.model == "other"


async def test_a_forbidden_word_is_refused_and_counts_as_a_strike(desk: Desk) -> None:
    await desk.allow(moderation=ModerationPolicy(words=("gun",), strikes=2))
    with pytest.raises(WordBlocked):
        await desk.one("a g\u200bun")
    with pytest.raises(WordBlocked):
        await desk.one("a (GUN:1.2)")
    with pytest.raises(UserBlocked):
        await desk.one("a fox")


async def test_a_blocked_user_may_not_even_repeat(desk: Desk) -> None:
    request = await desk.one("a fox")
    await desk.rules.moderation.block(GUILD, ALICE, reason="spam", by_user_id=ADMIN)
    with pytest.raises(UserBlocked, match="spam"):
        await desk.desk.plan_again(request, ADA, private=False)


async def test_a_guild_may_want_all_results_private(desk: Desk) -> None:
    await desk.allow(private=PrivateMode.ALWAYS)
    assert (await desk.desk.plan(Ask(text="a fox"), ADA)).private
    request = await desk.one("a fox")
    assert (await desk.desk.plan_again(request, ADA, private=False)).private


async def test_a_quota_is_kept_over_several_jobs(desk: Desk) -> None:
    await desk.allow(user_quota=Allowance(pictures=3))
    plan = await desk.desk.plan(Ask(text="{a, b} fox --count 2"), ADA)
    with pytest.raises(QuotaSpent):
        await desk.desk.accept(plan, ADA, an_origin())
    plan = await desk.desk.plan(Ask(text="{a, b} fox"), ADA)
    assert len(await desk.desk.accept(plan, ADA, an_origin())) == 2
    with pytest.raises(QuotaSpent):
        await desk.desk.accept(plan, ADA, an_origin())


async def test_a_draft_is_taken_once_and_by_its_user_alone(desk: Desk) -> None:
    ask = Ask(
        text="{a, b}",
        options=PromptFlags(steps=2),
        start=Start(picture="p.png", size=(64, 32)),
        parent_id=3,
    )
    draft_id = await desk.desk.keep_draft(ask, ALICE)
    with pytest.raises(JobNotFound):
        await desk.desk.take_draft(draft_id, ALICE + 1)
    assert await desk.desk.take_draft(draft_id, ALICE) == ask
    with pytest.raises(JobNotFound, match="too old"):
        await desk.desk.take_draft(draft_id, ALICE)


async def test_the_bot_answers_others_while_many_long_prompts_are_checked(desk: Desk) -> None:
    words = ModerationPolicy(words=tuple(f"rule{i}*" for i in range(500)))
    await desk.allow(moderation=words, max_permutations=10)
    numbers = ",".join(str(i) for i in range(10))
    text = "(a fox:1.2), [red:blue:0.5] g u n, " * 50 + f"{{{numbers}}}"
    planning = asyncio.create_task(desk.plan(text))
    times = [time.perf_counter()]
    while not planning.done():
        await asyncio.sleep(0)  # the turns of everybody else
        times.append(time.perf_counter())
    assert len(planning.result()) == 10
    longest_s = max(later - earlier for earlier, later in itertools.pairwise(times))
    assert longest_s < (times[-1] - times[0]) / 2


async def test_a_presets_seed_counts_and_may_be_locked(desk: Desk) -> None:
    await desk.preset(default=True, options=PromptFlags(seed=9), locked=frozenset({"seed"}))
    assert (await desk.one("a fox")).seed == 9
    with pytest.raises(FieldLocked, match="seed is locked to 9"):
        await desk.one("a fox --seed 8")


STRICT = PromptFlags(speed="draft", size="2:1", sampler="TCD", model="M")


async def test_what_was_drawn_by_locks_can_be_drawn_again(desk: Desk) -> None:
    locked = frozenset({"speed", "size", "sampler", "model", "prompt"})
    await desk.preset(default=True, prompt="{prompt}, __light__", options=STRICT, locked=locked)
    await desk.rules.wildcards.create(GUILD, "light", "dusk\ndawn\nnoon", user_id=ADMIN)
    drawn = await desk.one("a fox")
    ask = Ask(text=drawn.prompt, options=options_of(drawn), is_again=True)
    assert (await desk.desk.plan(ask, ADA)).requests == (drawn,)
    again = replace(drawn, seed=drawn.seed + 1)
    assert (await desk.desk.plan_again(again, ADA, private=False)).requests == (again,)


@pytest.mark.parametrize(
    ("field", "value"),
    [("model", "other"), ("steps", 3), ("guidance", 2.5), ("sampler", "ddim"), ("speed", "draft")],
)
async def test_a_button_does_not_open_locks(desk: Desk, field: str, value: Any) -> None:
    old = replace(await desk.one("a fox"), steps=7)
    await desk.preset(
        default=True, options=PromptFlags(**{field: value}), locked=frozenset({field})
    )
    with pytest.raises(FieldLocked, match=f"{field} is locked"):
        await desk.desk.plan_again(old, ADA, private=False)
    assert (await desk.desk.plan_again(old, DIRECT, private=False)).requests == (old,)


async def test_a_button_wears_the_locked_style_and_is_covered_if_that_is_locked(
    desk: Desk,
) -> None:
    old = await desk.one("a fox")
    await desk.preset(
        default=True,
        prompt="{prompt}, in ink",
        options=PromptFlags(spoiler=True, private=True),
        locked=frozenset({"prompt", "spoiler", "private"}),
    )
    plan = await desk.desk.plan_again(old, ADA, private=False)
    assert (plan.requests[0].prompt, plan.spoiler, plan.private) == ("a fox, in ink", True, True)
    again = await desk.desk.plan_again(plan.requests[0], ADA, private=False)
    assert again.requests == plan.requests


async def test_what_is_not_locked_is_as_the_button_says(desk: Desk) -> None:
    await desk.preset(default=True, prompt="{prompt}, in ink", options=PromptFlags(steps=3))
    old = replace(await desk.one("a fox"), prompt="a fox", steps=2)
    assert (await desk.desk.plan_again(old, ADA, private=False)).requests == (old,)
