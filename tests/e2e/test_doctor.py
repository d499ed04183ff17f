"""The doctor looks at a Discord over real sockets: one that is well, and one for each complaint."""

import asyncio
import json
from pathlib import Path

import aiohttp
import discord
import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from cogs.command_sync import FILE_NAME
from cogs.doctor import check_commands, check_discord
from cogs.endpoint import Endpoint, sandbox_at
from hypersd_core.doctor.check import Check, Verdict
from sandbox import Sandbox, guild_payloads
from sandbox.permissions import BOT, MEMBER, Permission
from tests.e2e.bot_process import run_bot
from tests.e2e.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="module")

APPLICATION_ID = "1191168914227200003"
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _own_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``sandbox_at`` changes of discord.py is put back."""
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)


async def looked_at(sandbox: Sandbox, folder: Path) -> dict[str, list[Check]]:
    """What the doctor says, by name."""
    found: dict[str, list[Check]] = {}
    async for check in check_discord(await sandbox_at(sandbox.url), folder):
        found.setdefault(check.name, []).append(check)
    return found


def remember_as_sent(folder: Path, *names: str) -> None:
    entry = {"sha256": "0", "names": [[1, name] for name in names]}
    (folder / FILE_NAME).write_text(json.dumps({APPLICATION_ID: entry}), "utf-8")


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def register(sandbox: Sandbox, *names: str) -> None:
    """Overwrite the application's commands behind the bot's back."""
    commands = [{"name": name, "type": 1, "description": "Somebody's."} for name in names]
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bot x"}) as session,
        session.put(
            f"{sandbox.api_url}/applications/{APPLICATION_ID}/commands", json=commands
        ) as reply,
    ):
        assert reply.status == 200


@pytest.mark.usefixtures("visitor")
async def test_a_discord_that_is_well(sandbox: Sandbox, tmp_path: Path) -> None:
    await register(sandbox, "imagine")
    remember_as_sent(tmp_path, "imagine")
    found = await looked_at(sandbox, tmp_path)
    assert {check.verdict for checks in found.values() for check in checks} == {Verdict.OK}
    assert list(found) == [
        "clock", "token", "application", "server link", "account link", "intents", "commands",
        "gateway", "permissions",
    ]  # fmt: skip
    assert "of ada" in found["application"][0].sentence
    assert f"client_id={APPLICATION_ID}" in found["server link"][0].sentence


async def test_a_token_that_is_refused_ends_the_visit(
    visitor: Visitor, sandbox: Sandbox, tmp_path: Path
) -> None:
    await visitor.fault("GET /users/@me", status=401, code=0)
    found = await looked_at(sandbox, tmp_path)
    assert list(found) == ["clock", "token"]
    assert found["token"][0].verdict is Verdict.PROBLEM
    assert "Reset Token" in found["token"][0].sentence


async def test_a_channel_that_the_bot_sees_but_cannot_use_is_named_with_what_it_lacks(
    visitor: Visitor, sandbox: Sandbox, tmp_path: Path
) -> None:
    changes = {"general": ["ATTACH_FILES"], "pictures": ["VIEW_CHANNEL"]}
    for channel, names in changes.items():
        await visitor.post("/sandbox/permissions", {"channel": channel, "deny": names})
    wrong, others = (await looked_at(sandbox, tmp_path))["permissions"]
    for channel, names in changes.items():
        await visitor.post("/sandbox/permissions", {"channel": channel, "allow": names})
    assert wrong.verdict is Verdict.WARNING
    assert wrong.sentence == "Studio, #general: no Attach Files."
    assert others.sentence == "all that is needed in 1 server"


async def test_a_server_without_permissions_is_given_the_link_that_grants_them(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, permissions in (("BOT", BOT), ("MEMBER", MEMBER)):
        monkeypatch.setattr(guild_payloads, name, permissions & ~Permission.EMBED_LINKS)
    found = (await looked_at(sandbox, tmp_path))["permissions"]
    assert [check.sentence for check in found] == [
        "Studio: no Embed Links.",
        "Atelier: no Embed Links.",
    ]
    assert "https://discord.com/oauth2/authorize" in found[0].advice


@pytest.mark.parametrize(
    ("there", "sent", "verdict", "words"),
    [
        ((), ("imagine", "show"), Verdict.PROBLEM, "has lost /imagine, /show."),
        (("imagine", "old"), ("imagine",), Verdict.WARNING, "also has /old, not this bot's."),
        (("imagine",), (), Verdict.WARNING, "None were sent from here; Discord has 1."),
    ],
)
@pytest.mark.usefixtures("visitor")
async def test_commands_that_changed_behind_our_back_are_found(
    sandbox: Sandbox,
    tmp_path: Path,
    there: tuple[str, ...],
    sent: tuple[str, ...],
    verdict: Verdict,
    words: str,
) -> None:
    await register(sandbox, *there)
    if sent:
        remember_as_sent(tmp_path, *sent)
    endpoint = await sandbox_at(sandbox.url)
    async with discord.AutoShardedClient(intents=discord.Intents.none()) as client:
        await client.login(endpoint.token)
        check = await check_commands(client, tmp_path)
    assert (check.verdict, words in check.sentence) == (verdict, True), check


async def test_a_gateway_that_does_not_answer_is_told(
    visitor: Visitor, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs.doctor._CONNECTED_WITHIN_S", 0.2)
    await visitor.post("/sandbox/gateway", {"action": "cut", "hold_s": 1})
    found = await looked_at(sandbox, tmp_path)
    assert found["gateway"][0].verdict is Verdict.PROBLEM
    assert "permissions" not in found


async def test_no_network_is_told_from_a_wrong_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Route, "BASE", NOWHERE)
    (check,) = [check async for check in check_discord(Endpoint(token="x"), tmp_path)]
    assert (check.name, check.verdict) == ("network", Verdict.PROBLEM)


async def test_the_program_prints_a_line_each_and_fails_for_a_problem(
    visitor: Visitor, sandbox: Sandbox, tmp_path: Path
) -> None:
    await visitor.fault("GET /users/@me", status=401, code=0)
    run = await asyncio.to_thread(
        run_bot, sandbox.url, tmp_path, "doctor", HYPERSD_MODLE="x", HYPERSD_MODEL="portrait-65"
    )
    assert (run.returncode, run.stderr) == (1, "")
    lines = run.stdout.splitlines()
    assert any(line.startswith("ok       Python") for line in lines)
    assert any(line.startswith("warning  settings") and "MODLE" in line for line in lines)
    assert any(line.startswith("problem  model ") and "portrait-65" in line for line in lines)
    assert any(line.startswith("problem  token") for line in lines)
    assert "\x1b" not in run.stdout
    assert files_in(tmp_path) == []  # it changes nothing


async def test_without_token_and_network_the_rest_is_looked_at(tmp_path: Path) -> None:
    run = await asyncio.to_thread(
        run_bot, "", tmp_path, "doctor", "--json", HYPERSD_SANDBOX_PORT="0"
    )
    assert run.returncode == 0, run.stdout + run.stderr
    checks = [json.loads(line) for line in run.stdout.splitlines()]
    assert (checks[-1]["name"], checks[-1]["verdict"]) == ("Discord", "warning")
    assert "DISCORD_TOKEN is not set" in checks[-1]["sentence"]
