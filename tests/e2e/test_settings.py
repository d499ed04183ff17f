"""/settings: who manages a server changes what is allowed there, and that holds at once."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import text_of
from tests.e2e.database import rows
from tests.e2e.drawing import drawn
from tests.e2e.drawing import shown as shown_pictures
from tests.e2e.settings_card import choose, fill, opened
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json, PageRefusal

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

EPHEMERAL = 1 << 6
SELECTS = {3, 6, 8}
PAGES = ("places", "limits", "quotas", "moderation", "results")


def shown(card: Json) -> str:
    return text_of(card).replace("*", "")


async def refused(visitor: Visitor, **options: object) -> str:
    """The private sentence that answers /imagine."""
    answer = await visitor.command("imagine", **{"prompt": "a man", **options})
    message = await visitor.message(answer["message"])
    assert message["flags"] & EPHEMERAL, text_of(message)
    return text_of(message)


async def test_the_overview_says_all_that_holds(visitor: Visitor) -> None:
    answer = await visitor.command("settings")
    card = await visitor.message(answer["message"])
    assert card["flags"] & EPHEMERAL
    text = shown(card)
    for line in (
        "Where: every channel",
        "Who: everybody",
        "Largest picture: 2048×2048, or as many pixels",
        "Most steps: 50 steps",
        "Models and LoRAs: all models · all LoRAs",
        "Quota of a day: no limit\n",
        "Suggestive pictures in ordinary channels: behind a spoiler",
        "Explicit pictures in ordinary channels: blocked, and not counted",
        "Forbidden words: none",
        "Private results: allowed",
        "Pictures are kept: as the bot's operator says",
    ):
        assert line in text


async def test_it_is_offered_to_who_manages_the_server_alone(visitor: Visitor) -> None:
    assert "settings" in await visitor.offered()
    for other in (visitor.at(user="mia"), visitor.at(channel="dm"), visitor.at(channel="cafe")):
        assert "settings" not in await other.offered()


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
async def test_every_page_opens_in_every_language(visitor: Visitor, locale: str) -> None:
    answer = await visitor.act("command", name="settings", locale=locale)
    for page in PAGES:
        pressed = await visitor.press(answer["message"], f"settings:1:page:{page}", locale=locale)
        assert pressed["message"] == answer["message"]
        await visitor.press(answer["message"], "settings:1:page:overview", locale=locale)


@pytest.mark.parametrize(
    ("page", "name"),
    [("quotas", "quotas"), ("quotas", "waiting"), ("moderation", "words")],
)
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
async def test_every_form_opens_in_every_language(
    visitor: Visitor, page: str, name: str, locale: str
) -> None:
    card = await opened(visitor, page)
    form = await visitor.press(card["id"], f"settings:1:form:{name}", locale=locale)
    assert form["outcome"] == "modal"


CHANGES: Sequence[tuple[str, str, tuple[str, ...], str]] = [
    ("places", "channels", ("drawings",), "Where: <#"),
    ("places", "channels", (), "Where: every channel"),
    ("limits", "max_pixels", ("589824",), "Largest picture: 768×768"),
    ("limits", "max_steps", ("8",), "Most steps: 8 steps"),
    ("limits", "max_count", ("1",), "Most pictures of one job: 1 picture"),
    ("limits", "max_permutations", ("4",), "Most jobs of one command: 4 jobs"),
    (
        "moderation",
        "general-suggestive",
        ("block",),
        "Suggestive pictures in ordinary channels: b",
    ),
    ("moderation", "general-explicit", ("spoiler",), "Explicit pictures in ordinary channels: b"),
    ("moderation", "restricted-suggestive", ("spoiler",), "in age-restricted channels: behind a"),
    ("moderation", "restricted-explicit", ("allow",), "in age-restricted channels: shown"),
    ("moderation", "strikes", ("3",), "3 in a day: no drawing for a day"),
    ("moderation", "report_channel_id", ("drawings",), "Reports go to: <#"),
    ("moderation", "report_channel_id", (), "Reports go to: no channel"),
    ("results", "private", ("always",), "Private results: always"),
    ("results", "layout", ("grid",), "Several pictures of one job: all pictures in one"),
    ("results", "gallery_channel_id", ("drawings",), "Gallery channel: <#"),
    ("results", "retention_days", ("30",), "Pictures are kept: 30 days"),
    ("results", "retention_days", ("none",), "Pictures are kept: as the bot's operator says"),
]


async def test_every_select_changes_its_setting(visitor: Visitor) -> None:
    at = visitor.at(channel="drawings")  # a server of its own: others see nothing of it
    answer = await at.command("settings")
    for page, name, values, line in CHANGES:
        await at.press(answer["message"], f"settings:1:page:{page}")
        await at.choose(answer["message"], f"settings:1:choose:{name}", *values)
        card = await at.message(answer["message"])
        changed = next(
            c for c in _walk(card["components"]) if c.get("custom_id", "").endswith(f":{name}")
        )
        assert len(_chosen(changed)) == len(values), (name, changed)
        await at.press(card["id"], "settings:1:page:overview")
        assert line in shown(await at.message(card["id"])), name


def _walk(components: list[Json]) -> list[Json]:
    found = []
    for component in components:
        found += [component, *_walk(component.get("components", []))]
    return found


def _chosen(select: Json) -> list[Json]:
    if "options" in select:
        return [option for option in select["options"] if option.get("default")]
    return list(select.get("default_values", ()))


REFUSALS = [
    (
        "places",
        "channels",
        "pictures",
        {},
        "Nothing is drawn in this channel; pictures are",
    ),
    ("places", "roles", "Moderators", {}, "To draw here you need one of these roles"),
    (
        "limits",
        "max_pixels",
        "65536",
        {"size": "128x128", "prompt": "a man --hires 4"},
        "At most 65,536 pixels are allowed here, such as 256×256; 512×512 has 262,144.",
    ),
    ("limits", "max_steps", "4", {"steps": 5}, "At most 4 steps are allowed here, got 5."),
    (
        "limits",
        "max_count",
        "2",
        {"count": 3},
        "At most 2 pictures at a time are allowed here, got 3.",
    ),
    (
        "limits",
        "max_permutations",
        "2",
        {"prompt": "a {red, green, blue} hat"},
        "The braces make 3 prompts; at most 2 are allowed.",
    ),
    ("results", "private", "never", {"private": True}, "Private results are not allowed here"),
    ("results", "private", "always", {"private": False}, "Results are always private here"),
]
UNSET = {
    "channels": (),
    "roles": (),
    "max_pixels": ("4194304",),
    "max_steps": ("50",),
    "max_count": ("4",),
    "max_permutations": ("10",),
    "private": ("allowed",),
}


@pytest.mark.parametrize(("page", "name", "value", "options", "sentence"), REFUSALS)
async def test_what_a_setting_forbids_is_refused_before_it_is_queued(
    visitor: Visitor,
    local_dir: Path,
    page: str,
    name: str,
    value: str,
    options: dict[str, object],
    sentence: str,
) -> None:
    ben = visitor.at(user="ben")
    before = rows(local_dir, "SELECT count(*) FROM jobs")
    await choose(visitor, page, name, value)
    said = await refused(ben, **{"steps": 1, **options})
    await choose(visitor, page, name, *UNSET[name])
    assert sentence in said
    assert str(options.get("prompt", "a man")) in said  # what was typed is given back
    assert rows(local_dir, "SELECT count(*) FROM jobs") == before


async def test_always_private_makes_what_nobody_asked_to_be_private_private(
    visitor: Visitor,
) -> None:
    await choose(visitor, "results", "private", "always")
    message = await drawn(visitor.at(user="ben"), "a man, hidden", steps=1)
    await choose(visitor, "results", "private", "allowed")
    assert message["flags"] & EPHEMERAL


@pytest.mark.parametrize(
    ("allowed", "inside"), [("pictures", "sketches"), ("showcase", "first-light")]
)
async def test_threads_and_posts_of_an_allowed_channel_are_allowed(
    visitor: Visitor, allowed: str, inside: str
) -> None:
    await choose(visitor, "places", "channels", allowed)
    ben = visitor.at(user="ben")
    await drawn(ben.at(channel=inside), "a man", steps=1)
    said = await refused(ben, steps=1)
    await choose(visitor, "places", "channels")
    assert f"<#{await visitor.id_of(allowed)}>" in said


async def test_who_manages_the_server_is_not_shut_out_by_a_wrong_channel(visitor: Visitor) -> None:
    await choose(visitor, "places", "channels", "pictures")
    await drawn(visitor, "a man", steps=1)
    await choose(visitor, "places", "channels")


async def test_a_holder_of_the_role_may_draw(visitor: Visitor) -> None:
    await choose(visitor, "places", "roles", "Regulars")
    await drawn(visitor.at(user="ben"), "a man", steps=1)
    said = await refused(visitor.at(user="lin"), steps=1)
    await choose(visitor, "places", "roles")
    assert f"<@&{await visitor.id_of('Regulars')}>" in said


async def test_word_rules_are_written_in_a_form_and_hold(visitor: Visitor) -> None:
    card = await fill(visitor, "moderation", "words", {"words": "wombat\n\nspoon*\nwombat"})
    assert "2 rules" in text_of(card)
    said = await refused(visitor, prompt="two spoons", steps=1)
    assert 'The word "spoons" is not allowed here.' in said
    form = await visitor.press(card["id"], "settings:1:form:words")
    assert '"wombat\\nspoon*"' in json.dumps(form["modal"])
    await visitor.submit(form, {"words": ""})
    await drawn(visitor, "two spoons", steps=1)


async def test_a_wrong_rule_is_named_and_given_back(visitor: Visitor) -> None:
    refusal = await fill(visitor, "moderation", "words", {"words": "fine\ngu*n"})
    text = text_of(refusal)
    assert refusal["flags"] & EPHEMERAL
    assert "'gu*n' a * stands inside" in text
    assert "fine\ngu*n" in text
    assert "none" in text_of(await opened(visitor, "moderation"))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"user_pictures": "many"}, "pictures a day must be a whole number or nothing, got 'many'"),
        ({"user_gpu_s": "-1"}, "GPU seconds a day must be from 0 to 1,000,000, got -1."),
    ],
)
async def test_a_wrong_number_is_named_and_given_back(
    visitor: Visitor, values: dict[str, str], sentence: str
) -> None:
    text = text_of(await fill(visitor, "quotas", "quotas", {**values, "guild_pictures": "77"}))
    assert sentence in text
    assert "Pictures a day, all together: 77" in text


async def test_waiting_jobs_are_capped(visitor: Visitor) -> None:
    card = await fill(visitor, "quotas", "waiting", {"user": "1", "guild": "3"})
    assert "1 job for each person · 3 jobs for all together" in text_of(card)
    ben = visitor.at(user="ben")
    answers = [await ben.command("imagine", prompt=f"a man {n}", steps=20) for n in range(3)]
    messages = [await ben.message(answer["message"]) for answer in answers]
    await fill(visitor, "quotas", "waiting", {"user": "", "guild": ""})
    accepted = [m for m in messages if not m["flags"] & EPHEMERAL]
    assert "1 job" in text_of(messages[-1])
    for message in accepted:
        await shown_pictures(visitor, message["id"])
    assert len(accepted) < 3


async def test_a_role_has_a_share_and_a_quota_of_its_own(visitor: Visitor) -> None:
    role = await visitor.id_of("Regulars")
    card = await opened(visitor, "quotas")
    form = await visitor.choose(card["id"], "settings:1:choose:role", "Regulars")
    assert form["modal"]["title"] == "Role Regulars"
    await visitor.submit(form, {"weight": "2.5", "pictures": "200"})
    text = text_of(await visitor.message(card["id"]))
    assert f"<@&{role}> share 2.5, at least 200 pictures a day" in text
    form = await visitor.choose(card["id"], "settings:1:choose:role", "Regulars")
    await visitor.submit(form, {"No limit a day": True})
    assert f"<@&{role}> share 2.5, no limit" in text_of(await visitor.message(card["id"]))
    form = await visitor.choose(card["id"], "settings:1:choose:role", "Regulars")
    await visitor.submit(form, {"weight": "", "pictures": "", "unlimited": False})
    assert "All roles get the same." in text_of(await visitor.message(card["id"]))


async def test_a_model_that_is_not_on_the_list_is_refused(
    visitor: Visitor, local_dir: Path
) -> None:
    card = await opened(visitor, "limits")
    guild_id = int(await visitor.id_of("Studio"))
    with sqlite3.connect(local_dir / "bot.sqlite3") as database:  # only one model is here
        database.execute("DELETE FROM guilds WHERE guild_id = ?", (guild_id,))
        database.execute("INSERT INTO guilds VALUES (?, ?)", (guild_id, '{"models": ["other"]}'))
    await visitor.choose(card["id"], "settings:1:choose:max_steps", "30")  # it reads it anew
    said = await refused(visitor, model="portrait-64")
    assert "The model portrait-64 is not allowed here; allowed: other." in said
    assert "other · all LoRAs" in text_of(await opened(visitor, "limits"))
    with sqlite3.connect(local_dir / "bot.sqlite3") as database:
        database.execute("UPDATE guilds SET value = '{}' WHERE guild_id = ?", (guild_id,))
    await choose(visitor, "limits", "max_steps", "50")


async def test_every_change_is_written_down(visitor: Visitor, local_dir: Path) -> None:
    await choose(visitor, "limits", "max_steps", "16")
    await choose(visitor, "limits", "max_steps", "50")
    ((actor, detail),) = rows(
        local_dir,
        "SELECT actor_id, detail FROM audit WHERE action = 'settings_changed' "
        "ORDER BY id DESC LIMIT 1",
    )
    assert str(actor) == await visitor.id_of("ada")
    assert "max_steps" in detail


async def test_who_does_not_manage_the_server_changes_nothing(visitor: Visitor) -> None:
    with pytest.raises(PageRefusal):
        await visitor.at(user="ben").command("settings")


async def test_cards_and_open_forms_outlive_a_killed_bot(visitor: Visitor, bot: BotProcess) -> None:
    card = await opened(visitor, "quotas")
    form = await visitor.press(card["id"], "settings:1:form:quotas")
    await bot.kill()
    await bot.start()
    await visitor.submit(form, {"guild_pictures": "5000"})
    assert "5,000 pictures for all together" in text_of(await visitor.message(card["id"]))
    await visitor.press(card["id"], "settings:1:page:overview")
    assert "5,000 pictures" in text_of(await visitor.message(card["id"]))
