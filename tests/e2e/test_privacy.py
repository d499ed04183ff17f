"""/privacy: everybody gets a copy of their own data, and its end."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.e2e.cards import BUTTON, custom_id, parts, text_of
from tests.e2e.database import rows, until_rows
from tests.e2e.visitor import SLOW, Visitor
from tests.sandbox.page_client import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("bot")]

EPHEMERAL = 1 << 6
FILE = 13
USAGE = "SELECT count(*) FROM usage"


async def drawn(visitor: Visitor, prompt: str, local_dir: Path) -> None:
    before = rows(local_dir, USAGE)[0][0]
    await visitor.until_drawn(await visitor.imagine(prompt, steps=1))
    await until_rows(local_dir, USAGE, expected=[(before + 1,)])


async def exported(visitor: Visitor, **options: object) -> tuple[zipfile.ZipFile, Json]:
    answer = await visitor.command("privacy export", **options)
    message = await visitor.until(lambda m: m["id"] == answer["message"] and parts(m, FILE) != [])
    (file,) = parts(message, FILE)
    _, data = await visitor.download(file["file"]["url"])
    return zipfile.ZipFile(io.BytesIO(data)), message


def prompts(archive: zipfile.ZipFile) -> list[str]:
    names = [name for name in archive.namelist() if name.endswith("job.json")]
    return [json.loads(archive.read(name))["request"]["prompt"] for name in names]


async def test_a_copy_holds_my_words_and_pictures_and_nobody_elses(
    visitor: Visitor, local_dir: Path
) -> None:
    await drawn(visitor, "a secret fox", local_dir)
    await drawn(visitor.at(user="ben"), "an owl of ben", local_dir)
    archive, message = await exported(visitor)
    assert message["flags"] & EPHEMERAL
    assert prompts(archive) == ["a secret fox"]
    (picture,) = [name for name in archive.namelist() if not name.endswith(".json")]
    job_id = picture.split("/")[1]
    on_disk = next((local_dir / "pictures" / job_id).iterdir())
    assert archive.read(picture) == on_disk.read_bytes()
    assert "1 job · 1 picture" in text_of(message).replace("*", "")
    assert "token" not in archive.read(f"jobs/{job_id}/job.json").decode()


async def test_a_copy_that_is_too_large_says_how_to_get_the_rest(
    visitor: Visitor, local_dir: Path
) -> None:
    await drawn(visitor, "a second fox", local_dir)
    first, _ = await exported(visitor)
    size = sum(info.compress_size for info in first.infolist())
    await visitor.limit_files(size - 2_000)
    newest, message = await exported(visitor)
    assert prompts(newest) == ["a second fox"]
    assert "The file is full: 1 older job is left" in text_of(message)
    before = int(text_of(message).split("before:")[1].split("`")[0])
    rest, _ = await exported(visitor, before=before)
    assert prompts(rest) == ["a secret fox"]
    await visitor.limit_files(10 * 2**20)


async def test_deleting_asks_first_and_then_leaves_nothing_of_me(
    visitor: Visitor, local_dir: Path
) -> None:
    waiting = await visitor.imagine("an open fox", **SLOW)
    answer = await visitor.command("privacy delete")
    question = await visitor.message(answer["message"])
    assert question["flags"] & EPHEMERAL
    assert "Delete all that the bot stores about you?" in text_of(question)
    words = "SELECT count(*) FROM jobs WHERE request LIKE '%fox%'"
    assert rows(local_dir, words) == [(3,)]
    await visitor.press(question["id"], custom_id(question, "erase"))
    done = await visitor.until(lambda m: m["id"] == question["id"] and "Deleted" in text_of(m))
    assert "Deleted: 3 jobs" in text_of(done)
    assert parts(done, BUTTON) == []
    assert rows(local_dir, words) == [(0,)]
    ada = int(await visitor.id_of("ada"))
    for table in ("jobs", "usage"):
        assert rows(local_dir, f"SELECT count(*) FROM {table} WHERE user_id = ?", ada) == [(0,)]
    assert rows(local_dir, USAGE) == [(4,)]
    kept = {path.name for path in (local_dir / "pictures").iterdir()}
    ((ben,),) = rows(local_dir, "SELECT id FROM jobs WHERE user_id != 0")
    assert kept == {str(ben)}
    assert waiting is not None


async def test_an_erased_person_can_go_on_and_their_quota_remembers(
    visitor: Visitor, local_dir: Path
) -> None:
    ada = int(await visitor.id_of("ada"))
    assert rows(local_dir, "SELECT pictures FROM spent WHERE user_id = ?", ada) == [(2,)]
    archive, _ = await exported(visitor)
    assert prompts(archive) == []
    await drawn(visitor, "a new fox", local_dir)


async def test_the_jobs_of_an_erased_person_are_nobodys(visitor: Visitor, local_dir: Path) -> None:
    ((job_id,),) = rows(local_dir, "SELECT min(id) FROM jobs WHERE NOT kept")
    for user in ("ada", "ben"):
        answer = await visitor.at(user=user).command("show", job=job_id)
        refusal = await visitor.at(user=user).message(answer["message"])
        assert f"The words and pictures of job {job_id} are no longer kept." in text_of(refusal)


async def test_the_commands_are_wherever_the_bot_is(visitor: Visitor) -> None:
    for channel in ("general", "dm", "cafe"):
        offered = await visitor.at(channel=channel).offered()
        assert {"privacy", "usage"} <= set(offered)
