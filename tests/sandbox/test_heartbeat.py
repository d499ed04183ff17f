"""A heartbeat is answered as a network would: not before its sender has noted when it was sent."""

import time

import aiohttp

from sandbox import Sandbox
from sandbox.gateway import HEARTBEAT_ACK_AFTER_S, Op


async def test_an_acknowledgement_never_overtakes_the_note_of_its_heartbeat() -> None:
    async with (
        Sandbox(port=0) as sandbox,
        aiohttp.ClientSession() as session,
        session.ws_connect(sandbox.gateway_url) as socket,
    ):
        assert (await socket.receive_json())["op"] == Op.HELLO
        sent_s = time.perf_counter()
        await socket.send_json({"op": Op.HEARTBEAT, "d": None})
        assert (await socket.receive_json(timeout=5))["op"] == Op.HEARTBEAT_ACK
    assert time.perf_counter() - sent_s >= 0.9 * HEARTBEAT_ACK_AFTER_S
