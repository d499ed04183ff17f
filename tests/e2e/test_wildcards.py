"""/wildcard: lists of a server, written in a form or brought as a file, and drawn from."""

import pytest

from tests.e2e.bot_process import BotProcess
from tests.e2e.cards import parts, text_of
from tests.e2e.drawing import drawn
from tests.e2e.visitor import Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

FILE = 13


async def create(visitor: Visitor, name: str, entries: str) -> Json:
    form = await visitor.command("wildcard create", name=name)
    answer = await visitor.submit(form, {"entries": entries})
    return await visitor.message(answer["message"])


async def file_in(visitor: Visitor, message: Json) -> bytes:
    (file,) = parts(message, FILE)
    return (await visitor.download(file["file"]["url"]))[1]


async def test_a_list_is_written_in_a_form_and_picked_from(visitor: Visitor) -> None:
    card = await create(visitor, "hair", "blue hair\n# natural\nred hair\n")
    assert "Saved. **__hair__** · 2 entries" in text_of(card)
    text = text_of(await drawn(visitor.at(user="ben"), "a man, __hair__", steps=1))
    assert "blue hair" in text or "red hair" in text


async def test_everybody_sees_the_lists(visitor: Visitor) -> None:
    await create(visitor, "hats", "top hat")
    text = text_of(await visitor.at(user="ben").answered("wildcards"))
    assert "`__hats__` 1 entry" in text
    assert text_of(await visitor.answered("wildcard list")) == text


async def test_changing_them_is_offered_to_who_manages_the_server(visitor: Visitor) -> None:
    assert {"wildcards", "wildcard"} <= set(await visitor.offered())
    offered = await visitor.at(user="ben").offered()
    assert "wildcards" in offered
    assert "wildcard" not in offered
    assert "wildcards" not in await visitor.at(channel="dm").offered()


async def test_the_form_shows_the_entries_to_edit(visitor: Visitor) -> None:
    await create(visitor, "shoes", "boots\nsandals")
    form = await visitor.command("wildcard edit", name="shoes")
    assert "'boots\\nsandals\\n'" in str(form["modal"])
    await visitor.submit(form, {"entries": "boots\nclogs"})
    assert "boots\nclogs" in text_of(await visitor.answered("wildcard show", name="shoes"))


async def test_what_somebody_else_wrote_meanwhile_is_not_lost(visitor: Visitor) -> None:
    await create(visitor, "birds", "owl")
    forms = [await visitor.command("wildcard edit", name="birds") for _ in range(2)]
    await visitor.submit(forms[0], {"entries": "owl\nraven"})
    answer = await visitor.submit(forms[1], {"entries": "owl\ngull"})
    text = text_of(await visitor.message(answer["message"]))
    assert "Somebody else changed the list birds meanwhile" in text
    assert "owl\ngull" in text
    assert "raven" in text_of(await visitor.answered("wildcard show", name="birds"))


async def test_a_list_that_is_too_long_for_a_form_is_edited_in_parts(visitor: Visitor) -> None:
    data = "".join(f"colour number {n}\n" for n in range(900)).encode()
    message = await visitor.answered("wildcard import", file=("colours.txt", data))
    assert "Imported. **__colours__** · 900 entries" in text_of(message)
    assert "… and " in text_of(message)
    form = await visitor.command("wildcard edit", name="colours")
    answer = await visitor.submit(form, {"add": "pink", "remove": "colour number 0"})
    assert "900 entries" in text_of(await visitor.message(answer["message"]))
    exported = await file_in(visitor, await visitor.answered("wildcard export", name="colours"))
    assert exported == data.split(b"\n", 1)[1] + b"pink\n"


async def test_what_is_wrong_is_named_and_given_back(visitor: Visitor) -> None:
    text = text_of(await create(visitor, "bad name", "one\ntwo"))
    assert "A wildcard list cannot be called 'bad name'" in text
    assert "one\ntwo" in text


async def test_a_taken_name_is_refused(visitor: Visitor) -> None:
    await create(visitor, "taken", "one")
    assert "There is a wildcard list taken already." in text_of(
        await create(visitor, "Taken", "two")
    )
    replaced = await visitor.answered(
        "wildcard import", file=("x.txt", b"three"), name="taken", replace=True
    )
    assert "three" in text_of(replaced)


async def test_a_renamed_list_is_known_to_those_that_pick_from_it(visitor: Visitor) -> None:
    await create(visitor, "inner", "oak")
    await create(visitor, "outer", "__inner__ tree")
    assert "Renamed." in text_of(
        await visitor.answered("wildcard rename", name="inner", new_name="wood")
    )
    assert "__wood__ tree" in text_of(await visitor.answered("wildcard show", name="outer"))


async def test_what_is_deleted_comes_back_as_a_file(visitor: Visitor) -> None:
    await create(visitor, "gone", "one\ntwo")
    message = await visitor.answered("wildcard delete", name="gone")
    assert await file_in(visitor, message) == b"one\ntwo\n"
    assert "There is no wildcard list gone here" in text_of(
        await visitor.answered("wildcard show", name="gone")
    )


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("list.txt", b"\xff\xfe\x00", "The file is not text in UTF-8"),
        ("list.txt", b"\n# nothing\n", "needs at least one entry"),
    ],
)
async def test_files_that_cannot_be_read_are_refused(
    visitor: Visitor, name: str, data: bytes, sentence: str
) -> None:
    assert sentence in text_of(await visitor.answered("wildcard import", file=(name, data)))


async def test_names_are_completed(visitor: Visitor) -> None:
    await create(visitor, "weather/storms", "hail")
    assert await visitor.complete("wildcard show", "name", name="sto") == [
        {"name": "weather/storms", "value": "weather/storms"}
    ]


async def test_open_forms_outlive_a_killed_bot(visitor: Visitor, bot: BotProcess) -> None:
    form = await visitor.command("wildcard create", name="late")
    await bot.kill()
    await bot.start()
    answer = await visitor.submit(form, {"entries": "dusk"})
    assert "**__late__** · 1 entry" in text_of(await visitor.message(answer["message"]))
