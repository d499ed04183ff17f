"""/preset and /presets: admins make presets and decide what holds where; everybody draws with them.

Studio is Ada's; Mia and Ben manage nothing there. Lin owns no server that has the bot.
"""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox import Sandbox
from tests.e2e.bot_process import ROOT, BotProcess
from tests.e2e.cards import BUTTON, TEXT, custom_id, parts, text_of
from tests.e2e.database import rows
from tests.e2e.drawing import drawn, shown
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json, PageRefusal

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

EPHEMERAL = 1 << 6
SELECT, FILE = 3, 13
SHIPPED = ROOT / "data" / "models" / "portrait-64"
SIMPLE = {"name": "Simple", "prompt": "a {prompt} in ink", "settings": "--steps 1"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(
    sandbox: Sandbox, visitor: Visitor, local_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[BotProcess]:
    """The bot with two models."""
    models = tmp_path_factory.mktemp("models")
    for name in ("portrait-64", "other-64"):
        shutil.copytree(SHIPPED, models / name)
    process = BotProcess(sandbox.url, local_dir, HYPERSD_MODELS_DIR=str(models))
    await process.start()
    yield process
    await process.stop()


async def card(visitor: Visitor, answer: Json) -> Json:
    """The message that an answer is; all of /preset is private."""
    message = await visitor.message(str(answer["message"]))
    assert message["flags"] & EPHEMERAL
    return message


async def asked(visitor: Visitor, command: str, **options: object) -> Json:
    answer = await visitor.command(command, **options)
    assert answer["outcome"] == "message", answer
    return await card(visitor, answer)


async def made(visitor: Visitor, **texts: str) -> Json:
    opened = await visitor.command("preset create")
    return await card(visitor, await visitor.submit(opened, texts))


async def edited(visitor: Visitor, name: str, **texts: str) -> Json:
    opened = await visitor.command("preset edit", name=name)
    return await card(visitor, await visitor.submit(opened, texts))


async def completed(visitor: Visitor, command: str, focused: str, typed: str = "") -> list[str]:
    found = await visitor.complete(command, focused, **{focused: typed})
    return [choice["value"] for choice in found]


async def refusal_of(visitor: Visitor, command: str, **options: object) -> str:
    return text_of(await asked(visitor, command, **options))


def pressing(message: Json, label: str) -> str:
    return str(next(b["custom_id"] for b in parts(message, BUTTON) if b["label"] == label))


def typed_in(opened: Json) -> dict[str, str]:
    """What stands in the fields of a form."""
    fields = [label["component"] for label in opened["modal"]["components"]]
    return {field["custom_id"]: field.get("value", "") for field in fields}


async def file_in(visitor: Visitor, message: Json) -> bytes:
    (file,) = parts(message, FILE)
    status, data = await visitor.download(file["file"]["url"])
    assert status == 200
    return data


async def locked_default(visitor: Visitor, name: str, channel: str, *fields: str) -> None:
    """Let a new preset of one step hold in a channel, with ``fields`` locked."""
    await made(visitor, name=name, settings="--steps 1")
    opened = await visitor.command("preset lock", name=name)
    await visitor.submit(opened, {"Locked fields": list(fields)})
    await asked(visitor, "preset default", name=name, channel=channel)


async def end_defaults(visitor: Visitor) -> None:
    message = await asked(visitor, "preset default")
    while selects := parts(message, SELECT):
        first = selects[0]["options"][0]["value"]
        await visitor.choose(message["id"], selects[0]["custom_id"], first)
        message = await visitor.message(message["id"])


async def test_a_preset_made_in_a_form_is_drawn_with(visitor: Visitor) -> None:
    message = await made(visitor, name="Sketch", prompt="a sketch of {prompt}", settings="--seed 9")
    assert "Made **Sketch**." in text_of(message)
    assert "Sketch" in await completed(visitor, "imagine", "preset", "sk")
    result = await drawn(visitor, "a man", preset="sketch", steps=1)
    assert "a sketch of a man" in text_of(result)
    assert "seed 9 " in text_of(result)


async def test_an_edit_begins_with_what_there_is_and_changes_only_what_is_touched(
    visitor: Visitor,
) -> None:
    await made(visitor, name="Edit me", prompt="x {prompt}", settings="--steps 2 --ar 3:2")
    opened = await visitor.command("preset edit", name="edit me")
    assert typed_in(opened) == {
        "name": "Edit me",
        "prompt": "x {prompt}",
        "settings": "--steps 2 --ar 3:2",
        "negative": "",
        "about": "",
    }
    message = await card(visitor, await visitor.submit(opened, {"negative": "photo"}))
    assert "Changed **Edit me**." in text_of(message)
    history = text_of(await asked(visitor, "preset history", name="Edit me"))
    assert "changed **Edit me**: negative prompt — → `photo`" in history
    assert f"<@{await visitor.id_of('ada')}>" in history


async def test_a_refused_form_gives_all_back_and_opens_again(visitor: Visitor) -> None:
    texts = {"name": "Wrong", "prompt": "y `{prompt}`", "settings": "--stpes 4", "about": "Ab *c*"}
    message = await made(visitor, **texts)
    assert "did you mean --steps?" in text_of(message)
    for text in texts.values():
        assert text in "".join(part["content"] for part in parts(message, TEXT))
    opened = await visitor.press(message["id"], pressing(message, "Try again"))
    assert typed_in(opened) == texts | {"negative": ""}
    done = await card(visitor, await visitor.submit(opened, {"settings": "--steps 4"}))
    assert "Made **Wrong**." in text_of(done)


async def test_a_refused_form_that_is_too_long_for_a_card_comes_back_as_a_file(
    visitor: Visitor,
) -> None:
    message = await made(visitor, name="Long", prompt="(" + "p" * 1999, negative="n" * 2000)
    data = await file_in(visitor, message)
    assert (
        data.decode() == f"Name:\nLong\n\nStyle:\n({'p' * 1999}\n\nNegative prompt:\n{'n' * 2000}"
    )
    opened = await visitor.press(message["id"], pressing(message, "Try again"))
    assert typed_in(opened)["negative"] == "n" * 2000


async def test_a_card_of_the_longest_preset_fits_into_a_message(visitor: Visitor) -> None:
    settings = " ".join(f"--{flag} {'*' * 200}" for flag in ("model", "vae", "upscaler"))
    await made(
        visitor,
        name="_" * 32,
        prompt="*p" * 1000,
        negative="_n" * 1000,
        about="~" * 100,
        settings=f"{settings} --steps 4 --ar 3:2",
    )
    assert "Settings" in text_of(await asked(visitor, "preset show", name="_" * 32))


async def test_who_comes_second_is_told_who_was_first_and_loses_nothing(visitor: Visitor) -> None:
    await made(visitor, **SIMPLE | {"name": "Shared"})
    slow = await visitor.command("preset edit", name="Shared")
    await edited(visitor, "Shared", settings="--steps 3")
    message = await card(visitor, await visitor.submit(slow, {"about": "Mine"}))
    assert f"<@{await visitor.id_of('ada')}>: changed **Shared**: steps `1` → `3`" in text_of(
        message
    )
    opened = await visitor.press(message["id"], pressing(message, "Try again"))
    assert typed_in(opened)["about"] == "Mine"
    done = await card(visitor, await visitor.submit(opened, {"settings": "--steps 3"}))
    assert "Changed **Shared**." in text_of(done)
    assert "--steps 3" in text_of(done)


async def test_a_locked_field_refuses_what_is_typed_by_the_name_of_its_preset(
    visitor: Visitor,
) -> None:
    await locked_default(visitor, "House rules", "general", "steps")
    try:
        sentence = await refusal_of(visitor, "imagine", prompt="a man", steps=4)
        assert "steps is locked to 1 by this channel's preset House rules" in sentence
        assert "1 step" in text_of(await drawn(visitor, "a man --n 1"))
    finally:
        await end_defaults(visitor)
    assert "2 steps" in text_of(await drawn(visitor, "a man", steps=2))


async def test_locks_are_seen_and_chosen_again(visitor: Visitor) -> None:
    await made(visitor, **SIMPLE | {"name": "Locks", "settings": "--steps 1 --ar 3:2"})
    opened = await visitor.command("preset lock", name="Locks")
    (label,) = opened["modal"]["components"]
    assert [o["value"] for o in label["component"]["options"]] == ["prompt", "steps", "size"]
    message = await card(visitor, await visitor.submit(opened, {"Locked fields": ["size"]}))
    assert "locked: `size`" in text_of(message)
    again = await visitor.press(message["id"], pressing(message, "Lock"))
    (label,) = again["modal"]["components"]
    assert [o["value"] for o in label["component"]["options"] if o.get("default")] == ["size"]
    dropped = text_of(await edited(visitor, "Locks", settings="--steps 1"))
    assert "No longer locked, as it has no value: size." in dropped


async def test_a_channels_default_holds_in_its_threads_and_nowhere_else(visitor: Visitor) -> None:
    await made(visitor, name="Threads too", prompt="{prompt}, threaded", settings="--steps 1")
    note = await asked(visitor, "preset default", name="Threads too", channel="pictures")
    assert f"holds in <#{await visitor.id_of('pictures')}>" in text_of(note)
    try:
        for channel in ("pictures", "sketches"):
            result = await drawn(visitor.at(user="ben", channel=channel), "a man")
            assert "a man, threaded" in text_of(result)
        assert "threaded" not in text_of(await drawn(visitor, "a man", steps=1))
    finally:
        await end_defaults(visitor)


async def test_a_card_tells_who_decides_what_in_this_channel(visitor: Visitor) -> None:
    await made(visitor, name="For all", settings="--guidance 1 --steps 2")
    await made(visitor, name="Here", settings="--ar 3:2 --steps 3", prompt="here, {prompt}")
    await made(visitor, name="Named", settings="--steps 4")
    await asked(visitor, "preset default", name="For all")
    await asked(visitor, "preset default", name="Here", channel="general")
    try:
        text = text_of(await asked(visitor, "preset show", name="Named")).replace("*", "")
        assert text.endswith(
            "1. what you type, except what is locked \N{LOCK}\n"
            "2. the preset Named: `--steps 4`\n"
            "3. this channel's preset Here: style, `--ar 3:2`\n"
            "4. this server's preset For all: `--guidance 1`\n"
            "5. the recipe of the model: all the rest"
        )
        there = text_of(await asked(visitor.at(channel="after-dark"), "preset show", name="Named"))
        assert "Here" not in there
        listed = text_of(await asked(visitor, "preset show", name="Here"))
        assert f"default of <#{await visitor.id_of('general')}>" in listed
    finally:
        await end_defaults(visitor)


async def test_defaults_are_in_the_audit_log(visitor: Visitor, local_dir: Path) -> None:
    await made(visitor, **SIMPLE | {"name": "Audited"})
    await asked(visitor, "preset default", name="Audited", channel="general")
    await end_defaults(visitor)
    found = rows(
        local_dir,
        "SELECT actor_id, detail FROM audit WHERE action = 'preset_default_changed' ORDER BY id",
    )
    channel_id, ada = int(await visitor.id_of("general")), int(await visitor.id_of("ada"))
    assert [(actor, json.loads(detail)) for actor, detail in found[-2:]] == [
        (ada, {"channel_id": channel_id, "preset": "Audited"}),
        (ada, {"channel_id": channel_id, "preset": None}),
    ]


async def test_only_who_manages_the_server_is_offered_to_change_presets(visitor: Visitor) -> None:
    for user in ("ben", "mia", "lin"):
        offered = await visitor.at(user=user).offered()
        assert "preset" not in offered
        assert "presets" in offered
    with pytest.raises(PageRefusal):
        await visitor.at(user="ben").command("preset create")
    assert "preset" in await visitor.offered()
    assert "preset" not in await visitor.at(channel="dm").offered()
    assert "preset" not in await visitor.at(channel="cafe").offered()


async def test_ids_of_buttons_mean_nothing_elsewhere_or_to_others(visitor: Visitor) -> None:
    await made(visitor, **SIMPLE | {"name": "Mine"})
    message = await asked(visitor, "preset show", name="Mine")
    delete = pressing(message, "Delete…")
    there = visitor.at(channel="drawings")
    other = await asked(there, "preset show", name="Photo")
    for user, channel, card_id in (
        ("ben", "general", message["id"]),
        ("ada", "drawings", message["id"]),
        ("ada", "drawings", other["id"]),
    ):
        with pytest.raises(PageRefusal):
            await visitor.at(user=user, channel=channel).press(card_id, delete)
    assert "There is no preset 'Mine' here" in text_of(
        await asked(there, "preset show", name="Mine")
    )


async def test_deleting_asks_first_and_undo_brings_it_back_with_its_default(
    visitor: Visitor,
) -> None:
    await made(visitor, **SIMPLE | {"name": "Short lived"})
    await asked(visitor, "preset default", name="Short lived", channel="general")
    question = await asked(visitor, "preset delete", name="short lived")
    general = await visitor.id_of("general")
    assert f"It is the default of <#{general}>." in text_of(question)
    assert "Short lived" in await completed(visitor, "preset show", "name", "Short")
    await visitor.press(question["id"], pressing(question, "Delete it"))
    assert "Deleted **Short lived**." in text_of(await visitor.message(question["id"]))
    assert "Short lived" not in await completed(visitor, "preset show", "name", "Short")
    undone = text_of(await asked(visitor, "preset undo"))
    assert "deleted **Short lived**" in undone
    assert f"default of <#{general}>" in text_of(
        await asked(visitor, "preset show", name="Short lived")
    )
    await end_defaults(visitor)


async def test_a_deletion_that_was_overtaken_by_an_edit_is_refused(visitor: Visitor) -> None:
    await made(visitor, **SIMPLE | {"name": "Overtaken"})
    question = await asked(visitor, "preset delete", name="Overtaken")
    await edited(visitor, "Overtaken", settings="--steps 2")
    answer = await visitor.press(question["id"], pressing(question, "Delete it"))
    assert "Somebody else changed the preset Overtaken" in text_of(await card(visitor, answer))
    assert "Overtaken" in await completed(visitor, "preset show", "name", "Over")


async def test_undo_takes_an_edit_of_one_preset_back(visitor: Visitor) -> None:
    await made(visitor, **SIMPLE | {"name": "Undone"})
    await edited(visitor, "Undone", settings="--steps 5")
    assert "steps `1` → `5`" in text_of(await asked(visitor, "preset undo", name="Undone"))
    assert "--steps 1" in text_of(await asked(visitor, "preset show", name="Undone"))


async def test_a_rename_keeps_the_default(visitor: Visitor) -> None:
    await made(visitor, **SIMPLE | {"name": "Old name"})
    await asked(visitor, "preset default", name="Old name", channel="general")
    note = await asked(visitor, "preset rename", name="old name", new_name="New name")
    assert "**Old name** is called **New name** now." in text_of(note)
    assert "New name" in text_of(await asked(visitor, "preset default"))
    await end_defaults(visitor)


async def test_what_is_exported_is_imported_elsewhere(visitor: Visitor) -> None:
    await made(visitor, **SIMPLE | {"name": "Carried", "negative": "photo", "about": "Far"})
    data = await file_in(visitor, await asked(visitor, "preset export", name="Carried"))
    there = visitor.at(channel="drawings")
    answer = await there.command("preset import", file=("presets.toml", data))
    done = await there.until(lambda m: "Added (1):** Carried" in text_of(m), channel="drawings")
    assert done["id"] == answer["message"]
    back = await file_in(there, await asked(there, "preset export", name="Carried"))
    assert back == data
    await there.command("preset import", file=("presets.toml", data.replace(b"Far", b"Near")))
    await there.until(lambda m: "here with other values (1)" in text_of(m), channel="drawings")
    await there.command(
        "preset import", file=("presets.toml", data.replace(b"Far", b"Near")), replace=True
    )
    await there.until(lambda m: "Replaced (1):** Carried" in text_of(m), channel="drawings")


async def test_styles_of_a1111_come_in_and_go_out(visitor: Visitor) -> None:
    data = b'name,prompt,negative_prompt\r\nOil,"oil, {prompt}",photo\r\n'
    await visitor.command("preset import", file=("styles.csv", data))
    await visitor.until(lambda m: "Added (1):** Oil" in text_of(m))
    message = await asked(visitor, "preset export", name="Oil", format="csv")
    assert await file_in(visitor, message) == b"\xef\xbb\xbf" + data
    cinema = await asked(visitor, "preset export", name="Cinematic", format="csv")
    assert "Cinematic loses about, size" in text_of(cinema)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (("presets.txt", b"x"), "neither a .toml nor a .csv file"),
        (("presets.toml", b"x" * 600_000), "The file has 586 KiB; at most 512 KiB"),
        (("presets.toml", b"a = ="), "The file is no TOML at line 1"),
    ],
)
async def test_a_wrong_file_is_refused_with_its_reason(
    visitor: Visitor, file: tuple[str, bytes], sentence: str
) -> None:
    answer = await visitor.command("preset import", file=file)
    message = await visitor.until(lambda m: sentence in text_of(m))
    assert message["flags"] & EPHEMERAL
    assert answer["outcome"] != "modal"


async def test_an_allow_list_refuses_other_models_and_hides_them(visitor: Visitor) -> None:
    opened = await visitor.command("preset allow models")
    message = await card(visitor, await visitor.submit(opened, {"Allowed models": ["other-64"]}))
    assert "Only these models may be drawn with here:** other-64" in text_of(message)
    try:
        assert await completed(visitor, "imagine", "model") == ["other-64"]
        sentence = await refusal_of(visitor, "imagine", prompt="a man", model="portrait-64")
        assert "portrait-64" in sentence
        assert "other-64" in text_of(await drawn(visitor, "a man", steps=1))
        there = visitor.at(channel="drawings")
        assert "portrait-64" in await completed(there, "imagine", "model")
    finally:
        note = await asked(visitor, "preset allow models", name="other-64")
    assert "All models may be drawn with here." in text_of(note)
    assert len(await completed(visitor, "imagine", "model")) == 2


async def test_more_presets_than_a_list_shows_are_found_by_typing(visitor: Visitor) -> None:
    there = visitor.at(channel="drawings")
    data = "".join(f'[[preset]]\nname = "Style {i}"\nsteps = 2\n' for i in range(40)).encode()
    await there.command("preset import", file=("presets.toml", data))
    await there.until(lambda m: "Added (40)" in text_of(m), channel="drawings")
    assert len(await completed(there, "preset show", "name")) == 25
    assert await completed(there, "preset show", "name", "style 39") == ["Style 39"]
    message = await asked(there, "preset list")
    pages = 1
    while any(b["label"] == "Next" for b in parts(message, BUTTON)):
        await there.press(message["id"], pressing(message, "Next"))
        message = await there.message(message["id"])
        pages += 1
    assert f"page {pages} of {pages}" in text_of(message)


@pytest.mark.parametrize(("user", "channel"), [("ben", "general"), ("lin", "dm")])
async def test_everybody_looks_at_presets_and_draws_with_one(
    visitor: Visitor, user: str, channel: str
) -> None:
    somebody = visitor.at(user=user, channel=channel)
    message = await asked(somebody, "presets")
    while "Ink drawing" not in text_of(message):
        await somebody.press(message["id"], [*parts(message, BUTTON)][-1]["custom_id"])
        message = await somebody.message(message["id"])
    (select,) = parts(message, SELECT)
    (value,) = [o["value"] for o in select["options"] if o["label"] == "Ink drawing"]
    await somebody.choose(message["id"], select["custom_id"], value)
    looked_at = await somebody.message(message["id"])
    assert "ink drawing of {prompt}" in text_of(looked_at)
    (draw, _back) = parts(looked_at, BUTTON)
    opened = await somebody.press(message["id"], draw["custom_id"])
    answer = await somebody.submit(opened, {"words": "a man --steps 1"})
    result = await shown(somebody, answer["message"])
    assert "ink drawing of a man" in text_of(result)


async def test_a_result_becomes_a_preset_without_its_seed(visitor: Visitor) -> None:
    result = await drawn(visitor, "a man, saved", steps=1, guidance=1.5, seed=77)
    more = await card(visitor, await visitor.press(result["id"], custom_id(result, "more")))
    opened = await visitor.press(more["id"], custom_id(more, "preset"))
    texts = typed_in(opened)
    assert texts["prompt"] == "a man, saved"
    assert texts["settings"].startswith("--steps 1 --guidance 1.5 --sampler dpmpp_sde --size 64x64")
    assert "seed" not in texts["settings"]
    done = await card(visitor, await visitor.submit(opened, {"name": "Saved"}))
    assert "Made **Saved**." in text_of(done)


async def test_names_of_people_are_no_markdown(visitor: Visitor) -> None:
    message = await made(visitor, name="# **x** <@1>", settings="--steps 1")
    raw = "\n".join(part["content"] for part in parts(message, TEXT))
    assert "### \\# \\*\\*x\\*\\*" in raw
    assert message["mentions"] == []


async def test_a_form_that_is_open_during_a_restart_is_taken_afterwards(
    visitor: Visitor, bot: BotProcess
) -> None:
    refused = await made(visitor, name="Refused", settings="--stpes 4")
    opened = await visitor.command("preset create")
    message = await asked(visitor, "preset show", name="Photo")
    await bot.stop()
    await bot.start()
    done = await card(
        visitor, await visitor.submit(opened, {"name": "Kept", "settings": "--steps 2"})
    )
    assert "Made **Kept**." in text_of(done)
    answer = await visitor.press(refused["id"], pressing(refused, "Try again"))
    assert "This form is too old" in text_of(await card(visitor, answer))
    edit = await visitor.press(message["id"], pressing(message, "Edit"))
    assert typed_in(edit)["name"] == "Photo"
