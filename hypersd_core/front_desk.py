"""Where requests are accepted: what a person asks for, by the rules of the place, becomes jobs.

The order of what is looked at: may this person ask here; what do presets, defaults, permutations
and wildcards make of the words; may each request be drawn here; is there quota and room left. A
refusal comes before anything is stored.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from hypersd_core.asker import Asker
from hypersd_core.compose import A1111S_ANY_SEED, compose_wish, said_or_any_seed
from hypersd_core.errors import InvalidRequest, JobNotFound, PresetNotFound, WordBlocked
from hypersd_core.expansion import expand, pick, repeat_seeds
from hypersd_core.flags import PromptFlags
from hypersd_core.guild_settings import GuildSettings
from hypersd_core.i18n import say
from hypersd_core.library import Library
from hypersd_core.locks import held, locks_of, unsaid
from hypersd_core.moderation.records import Moderation
from hypersd_core.moderation.words import check_words
from hypersd_core.pasted import pasted, wish_again
from hypersd_core.policy import (
    Caps,
    GuildPolicy,
    check_place,
    check_request,
    may_use_lora,
    may_use_model,
    private_result,
    waiting_caps,
    weight,
)
from hypersd_core.preset_book import PresetBook
from hypersd_core.presets import Layer, Merged, fitted, merge
from hypersd_core.quotas import Quotas
from hypersd_core.request import GenerationRequest, Origin
from hypersd_core.service import Order, Service, Ticket
from hypersd_core.store import Store
from hypersd_core.user_defaults import People, UserDefaults
from hypersd_core.wildcards import WildcardBook
from hypersd_core.wishes import NOISE, Start, Wish, typed_wish


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a person asks for: words, options beside them, a picture to start from.

    ``is_again`` says that the words are those of an earlier request, to be taken as they are:
    nothing is expanded, no style and no default is put on them a second time. Only a preset that
    ``options`` name is, as it was chosen anew. ``any_seed`` picks and draws where nobody says a
    seed; it is drawn here, so that what is planned once more, when a draft is confirmed, is alike.
    """

    text: str
    options: PromptFlags = dataclasses.field(default_factory=PromptFlags)
    start: Start = NOISE
    parent_id: int | None = None
    is_again: bool = False
    any_seed: int = dataclasses.field(default_factory=lambda: said_or_any_seed(None), compare=False)

    @property
    def seed(self) -> int:
        """The seed by which words are picked: what the options say, else any."""
        said = self.options.seed
        return self.any_seed if said is None or said == A1111S_ANY_SEED else said

    def to_json(self) -> dict[str, Any]:
        """A dict of plain values, for ``from_json``."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Ask":
        """The ask that ``to_json`` described."""
        start = dict(values["start"])
        if start["size"] is not None:
            start["size"] = tuple(start["size"])
        options = PromptFlags(**values["options"])
        return cls(**{**values, "options": options, "start": Start(**start)})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Requests that may be drawn here. ``came_from`` tells who decided what nobody typed."""

    requests: tuple[GenerationRequest, ...]
    private: bool
    spoiler: bool = False
    preset: str = ""
    parent_id: int | None = None
    came_from: Mapping[str, str] = dataclasses.field(default_factory=lambda: MappingProxyType({}))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the rules of a place are read from."""

    settings: GuildSettings
    presets: PresetBook
    people: People
    wildcards: WildcardBook
    quotas: Quotas
    moderation: Moderation


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Wished:
    """One of the wishes that an ask stands for, and notes that come before its own."""

    merged: Merged
    about_it: tuple[str, ...] = ()


class FrontDesk:
    """Plans what people ask for and accepts it. ``caps`` are the operator's."""

    def __init__(
        self, service: Service, library: Library, rules: Rules, store: Store, *, caps: Caps
    ) -> None:
        self._service = service
        self._library = library
        self._rules = rules
        self._drafts = store.drafts
        self._caps = caps

    async def plan(self, ask: Ask, asker: Asker) -> Plan:
        """The requests that ``ask`` stands for. Raises what refuses them, in a sentence."""
        policy = await self._admitted(asker)
        wished = [self._fitted(one, ask, policy) for one in await self._wished(ask, asker, policy)]
        requests = [request for one in wished for request in self._requests(one, ask, policy)]
        _check_number(len(requests), policy.max_permutations)
        await self._check(requests, asker, policy)
        said = [one.merged.wish.flags for one in wished]
        flags = said[0]
        return Plan(
            requests=tuple(requests),
            private=private_result(policy, _any_says(each.private for each in said)),
            spoiler=bool(_any_says(each.spoiler for each in said)),
            preset=flags.preset or "",
            parent_id=ask.parent_id,
            came_from=wished[0].merged.came_from,
        )

    async def plan_again(
        self,
        request: GenerationRequest,
        asker: Asker,
        *,
        private: bool,
        spoiler: bool = False,
        preset: str = "",
        parent_id: int | None = None,
    ) -> Plan:
        """A whole ``request``, made from an earlier one, by the rules as they are now."""
        policy = await self._admitted(asker)
        locks = locks_of(await self._default_layers(asker))
        if locks:
            request = held(request, locks, self._library)
        await self._check([request], asker, policy)
        said = [lock.options for lock in locks]
        return Plan(
            requests=(request,),
            private=private_result(
                policy, _any_says((private or None, *(each.private for each in said)))
            ),
            spoiler=spoiler or any(each.spoiler for each in said),
            preset=preset,
            parent_id=parent_id,
        )

    async def accept(self, plan: Plan, asker: Asker, origin: Origin) -> tuple[Ticket, ...]:
        """Queue all of ``plan``, or nothing. Raises QueueFull and QuotaSpent."""
        policy = await self._rules.settings.get(asker.guild_id)
        orders = [
            Order(
                request=request,
                origin=origin,
                parent_id=plan.parent_id,
                preset=plan.preset,
                weight=weight(policy, asker),
            )
            for request in plan.requests
        ]

        async def admit(estimate_ms: int) -> None:
            await self._rules.quotas.check(policy, asker, plan.requests, estimate_ms)

        caps = waiting_caps(policy, self._caps)
        return await self._service.submit(orders, caps=caps, admit=admit)

    async def keep_draft(self, ask: Ask, user_id: int) -> int:
        """Keep ``ask`` until its user confirms it; returns its number."""
        return await self._drafts.add(user_id, ask.to_json())

    async def take_draft(self, draft_id: int, user_id: int) -> Ask:
        """What was kept, once. Raises JobNotFound if it is gone."""
        value = await self._drafts.take(draft_id, user_id)
        if value is None:
            raise JobNotFound(say("This was confirmed already, or is too old: ask again."))
        return Ask.from_json(value)

    async def preset_names(self, guild_id: int | None) -> tuple[str, ...]:
        """The presets to offer."""
        return tuple(entry.preset.name for entry in await self._rules.presets.list(guild_id))

    async def preset_layers(self, name: str, asker: Asker) -> tuple[Layer, ...]:
        """What decides for who names that preset here, below what is typed; highest first."""
        defaults = await self._rules.people.defaults(asker.user_id)
        wish = Wish(prompt="", flags=PromptFlags(preset=name))
        above = await self._above(wish, defaults, asker.guild_id)
        return (*above, *await self._default_layers(asker))

    async def model_names(self, guild_id: int | None) -> tuple[str, ...]:
        """The models to offer."""
        policy = await self._rules.settings.get(guild_id)
        names = (choice.file.name for choice in self._library.models())
        return tuple(name for name in names if may_use_model(policy, name))

    async def lora_names(self, guild_id: int | None) -> tuple[str, ...]:
        """The LoRAs to offer."""
        policy = await self._rules.settings.get(guild_id)
        names = (choice.file.name for choice in self._library.loras())
        return tuple(name for name in names if may_use_lora(policy, name))

    async def _admitted(self, asker: Asker) -> GuildPolicy:
        """The policy that holds here, for somebody who may ask here."""
        policy = await self._rules.settings.get(asker.guild_id)
        await self._rules.moderation.check_user(asker.guild_id, asker.user_id)
        check_place(policy, asker)
        return policy

    async def _wished(self, ask: Ask, asker: Asker, policy: GuildPolicy) -> list[_Wished]:
        """What ``ask`` stands for, with presets and defaults, wildcards filled in."""
        layers = await self._default_layers(asker)
        earlier = pasted(ask.text, with_picture=bool(ask.start.picture))
        if earlier is not None:
            wish, about_it = wish_again(earlier, ask.options, self._library, start=ask.start)
            about_it = (say("This was read as the parameters of an earlier picture."), *about_it)
            wish = _as_private_as(await self._rules.people.defaults(asker.user_id), wish)
            return [_Wished(merged=await self._held(wish, layers, asker), about_it=about_it)]
        if ask.is_again:
            return [await self._again(ask, asker, layers)]
        defaults = await self._rules.people.defaults(asker.user_id)
        lists = await self._rules.wildcards.lists(asker.guild_id)
        expansion = expand(
            defaults.expanded(ask.text),
            lists,
            seed=ask.seed,
            most=policy.max_permutations,
        )
        merged = []
        for text, seed in zip(expansion.texts, expansion.seeds, strict=True):
            wish = _suffixed(typed_wish(text, ask.options), defaults.suffix)
            above = await self._above(wish, defaults, asker.guild_id)
            filled = [_filled(layer, lists, seed) for layer in (*above, *layers)]
            merged.append(_seeded(merge(wish, filled), seed))
        return [_Wished(merged=one) for one in merged]

    async def _again(self, ask: Ask, asker: Asker, layers: Sequence[Layer]) -> _Wished:
        """An earlier request, by the preset that is named now, if there is one."""
        wish = typed_wish(ask.text, ask.options)
        named = []
        if wish.flags.preset:
            layer = await self._preset_layer(asker.guild_id, wish.flags.preset)
            lists = await self._rules.wildcards.lists(asker.guild_id)
            named = [_filled(layer, lists, said_or_any_seed(wish.flags.seed))]
        return _Wished(merged=await self._held(wish, layers, asker, named=named))

    async def _held(
        self, wish: Wish, layers: Sequence[Layer], asker: Asker, named: Sequence[Layer] = ()
    ) -> Merged:
        """``wish``, which was one before, with what is ``named`` now and all that is locked."""
        locks = locks_of(layers)
        if not locks:
            return merge(wish, named)
        lists = await self._rules.wildcards.lists(asker.guild_id)
        filled = [_filled(lock, lists, said_or_any_seed(wish.flags.seed)) for lock in locks]
        wish = dataclasses.replace(wish, flags=unsaid(wish.flags, locks, self._library))
        return merge(wish, [*named, *filled])

    async def _default_layers(self, asker: Asker) -> Sequence[Layer]:
        """What holds here without being named."""
        return await self._rules.presets.default_layers(
            asker.guild_id, asker.channel_id, asker.parent_channel_id
        )

    async def _above(self, wish: Wish, defaults: UserDefaults, guild_id: int | None) -> list[Layer]:
        """The layers that the person brings: the preset that is named, and their defaults."""
        named = []
        if wish.flags.preset:
            named.append(await self._preset_layer(guild_id, wish.flags.preset))
        elif defaults.options.preset:
            with contextlib.suppress(PresetNotFound):  # it is of another guild
                named.append(await self._preset_layer(guild_id, defaults.options.preset))
        return [*named, Layer(title=say("your defaults"), options=defaults.options)]

    async def _preset_layer(self, guild_id: int | None, name: str) -> Layer:
        return Layer.named((await self._rules.presets.get(guild_id, name)).preset)

    def _fitted(self, wished: _Wished, ask: Ask, policy: GuildPolicy) -> _Wished:
        """Without what cannot be with this model, nor both be."""
        merged = wished.merged
        flags = merged.wish.flags
        default = self._library.model().file.name
        if flags.model is None and not may_use_model(policy, default):
            flags = dataclasses.replace(flags, model=policy.models[0])
            merged = dataclasses.replace(merged, wish=dataclasses.replace(merged.wish, flags=flags))
        recipe = self._library.model(flags.model).recipe
        merged = fitted(merged, recipe, has_picture=bool(ask.start.picture))
        return dataclasses.replace(wished, merged=merged)

    def _requests(self, wished: _Wished, ask: Ask, policy: GuildPolicy) -> list[GenerationRequest]:
        """One request, or as many as are to be repeated."""
        wish = wished.merged.wish
        request = compose_wish(
            wish, self._library, start=ask.start, about_it=wished.about_it
        ).request
        seeds = repeat_seeds(
            request.seed,
            count=request.count,
            times=1 if wish.flags.repeat is None else wish.flags.repeat,
            most=policy.max_permutations,
        )
        return [dataclasses.replace(request, seed=seed) for seed in seeds]

    async def _check(
        self, requests: Sequence[GenerationRequest], asker: Asker, policy: GuildPolicy
    ) -> None:
        for request in requests:
            check_request(policy, request)
        try:
            await asyncio.to_thread(_check_words, requests, policy.moderation.words)
        except WordBlocked as error:
            await self._rules.moderation.prompt_blocked(
                asker.guild_id, asker.user_id, error, policy.moderation
            )
            raise


def _filled(layer: Layer, lists: Mapping[str, Sequence[str]], seed: int) -> Layer:
    """``layer`` with an entry in place of each wildcard in its style."""
    if layer.prompt is None:
        return layer
    return dataclasses.replace(layer, prompt=pick(layer.prompt, lists, seed=seed).text)


def _as_private_as(defaults: UserDefaults, wish: Wish) -> Wish:
    """``wish`` with what its user wants of every result: who sees it does not make the picture."""
    own, flags = defaults.options, wish.flags
    private = own.private if flags.private is None else flags.private
    spoiler = own.spoiler if flags.spoiler is None else flags.spoiler
    flags = dataclasses.replace(flags, private=private, spoiler=spoiler)
    return dataclasses.replace(wish, flags=flags)


def _suffixed(wish: Wish, suffix: str) -> Wish:
    """``wish`` with the words that its user always adds."""
    prompt = f"{wish.prompt}, {suffix}" if suffix and wish.prompt.strip() else wish.prompt
    return dataclasses.replace(wish, prompt=prompt)


def _seeded(merged: Merged, seed: int) -> Merged:
    """``merged`` with the seed that picked its words, unless somebody says another."""
    flags = merged.wish.flags
    if flags.seed is not None and flags.seed >= 0:
        return merged
    wish = dataclasses.replace(merged.wish, flags=dataclasses.replace(flags, seed=seed))
    return dataclasses.replace(merged, wish=wish)


def _check_words(requests: Sequence[GenerationRequest], rules: Sequence[str]) -> None:
    """Blocks for seconds if many long prompts are checked for many rules."""
    for request in requests:
        check_words(request.prompt, rules)


def _any_says(answers: Iterable[bool | None]) -> bool | None:
    """Yes if one of them does, since all have one message or none; None if nobody says so."""
    return max((answer for answer in answers if answer is not None), default=None)


def _check_number(jobs: int, most: int) -> None:
    if jobs > most:
        raise InvalidRequest(
            say("These are {jobs} jobs; at most {most} are allowed at once.", jobs=jobs, most=most)
        )
