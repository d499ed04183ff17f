import ast
import asyncio
import socket
import sys
from pathlib import Path

import aiohttp
import pytest

from sandbox import Sandbox

SOURCES = Path(__file__).parents[2] / "sandbox"


async def run(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sandbox",
        *arguments,
        stderr=asyncio.subprocess.PIPE,
        cwd=SOURCES.parent,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 10)
    return process.returncode, errors.decode()


async def test_a_busy_port_is_one_sentence_and_status_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, errors = await run("--port", str(port))
    assert status == 2
    assert errors == f"Cannot listen on 127.0.0.1:{port}: Address already in use.\n"


async def test_an_address_that_others_can_reach_needs_a_flag() -> None:
    status, errors = await run("--host", "0.0.0.0")
    assert status == 2
    assert "0.0.0.0 is not a loopback address; --public allows it" in errors


async def test_it_stops_while_pages_and_bots_are_connected() -> None:
    sandbox = Sandbox(port=0)
    await sandbox.start()
    async with aiohttp.ClientSession() as session:
        page = await session.ws_connect(f"{sandbox.url}/sandbox/live?user=ada")
        bot = await session.ws_connect(sandbox.gateway_url)
        await bot.send_json({"op": 2, "d": {"token": "any", "intents": 1}})
        await asyncio.sleep(0.05)
        await asyncio.wait_for(sandbox.stop(), 3)
        await page.close()
        await bot.close()


async def test_unknown_paths_and_missing_tokens_are_refused(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{sandbox.api_url}/guilds/1/emojis") as response:
            assert (response.status, await response.json()) == (
                404,
                {"message": "404: Not Found", "code": 0},
            )
        async with session.get(f"{sandbox.api_url}/users/@me") as response:
            assert (response.status, (await response.json())["code"]) == (401, 0)
            assert response.headers["Content-Type"] == "application/json"
        async with session.get(f"{sandbox.api_url}/gateway") as response:
            assert await response.json() == {"url": sandbox.gateway_url}
        headers = {"Authorization": "Bot any"}
        async with session.get(f"{sandbox.api_url}/gateway/bot", headers=headers) as response:
            assert (await response.json())["shards"] == 1


async def test_other_sites_in_the_same_browser_are_refused(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession(sandbox.url) as session:
        for origin, status in [("http://example.com", 403), (sandbox.url, 200)]:
            async with session.get("/sandbox/state", headers={"Origin": origin}) as response:
                assert response.status == status


async def test_the_page_is_told_when_something_makes_no_sense(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession(sandbox.url) as session:
        for body, sentence in [
            ("nonsense", "the body must be JSON"),
            ("[]", "the body must be a JSON object"),
            ('{"kind": "dance"}', "kind must be one of"),
            (
                '{"kind": "command", "user": "eve"}',
                "there is no user 'eve'; there are ada, ben, lin, mia",
            ),
            (
                '{"kind": "command", "user": "ada", "channel": "x"}',
                "there is no channel 'x'; there are general, pictures,",
            ),
        ]:
            async with session.post("/sandbox/interact", data=body) as response:
                assert response.status == 400
                assert sentence in (await response.json())["error"]


@pytest.mark.parametrize("path", sorted(SOURCES.glob("*.py")), ids=lambda path: path.name)
def test_the_sandbox_knows_neither_the_bot_nor_its_library(path: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
    assert imported <= {"sandbox", "aiohttp", "PIL"} | sys.stdlib_module_names
