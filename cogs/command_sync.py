"""Commands go to Discord only when they changed there or here, and then all in one request.

Discord lets an application create 200 commands a day and takes a while to show new ones, so a
restart must not send what it has already. What was sent last is remembered, as a hash, in a small
file of the data folder, for each application.
"""

import asyncio
import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from discord import app_commands

from hypersd_core.whole_file import write_whole

log = logging.getLogger(__name__)

FILE_NAME = "commands.json"

Tree = app_commands.CommandTree[Any]
Name = tuple[int, str]
"""What tells commands apart: Discord's number for the kind, and the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What an application's commands were when they were last sent."""

    sha256: str
    names: frozenset[Name]


class CommandSync:
    """Sends the commands of a logged-in client's tree. ``folder``: the data folder."""

    def __init__(self, tree: Tree, folder: Path) -> None:
        self._tree = tree
        self._file = folder / FILE_NAME

    async def if_changed(self) -> bool:
        """Send the commands unless Discord has these already; whether they were sent."""
        commands = await self._commands()
        sent = await asyncio.to_thread(read_sent, self._file, self._application_id)
        if sent is not None and sent == commands and await self._there() == commands.names:
            log.info("%d commands are as Discord has them", len(commands.names))
            return False
        await self.send()
        return True

    async def send(self) -> int:
        """Replace all commands at Discord by these; returns how many there are."""
        commands = await self._commands()
        await self._tree.sync()
        await asyncio.to_thread(self._remember, commands)
        log.info("%d commands sent to Discord", len(commands.names))
        return len(commands.names)

    async def clear(self) -> None:
        """Take all commands away from Discord; the next start sends them again."""
        self._tree.clear_commands(guild=None)
        await self.send()

    async def _commands(self) -> Sent:
        """These commands, as ``CommandTree.sync`` would send them."""
        commands = self._tree.get_commands()
        translator = self._tree.translator
        payload = [
            await command.get_translated_payload(self._tree, translator)
            if translator
            else command.to_dict(self._tree)
            for command in commands
        ]
        text = json.dumps(payload, sort_keys=True)
        return Sent(
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            names=frozenset((int(body.get("type", 1)), body["name"]) for body in payload),
        )

    async def _there(self) -> frozenset[Name]:
        """What Discord has: another program, or somebody's script, may have taken some away."""
        return frozenset((c.type.value, c.name) for c in await self._tree.fetch_commands())

    @property
    def _application_id(self) -> int:
        application_id: int | None = self._tree.client.application_id
        assert application_id is not None, "not logged in"
        return application_id

    def _remember(self, commands: Sent) -> None:
        known = _read(self._file)
        known[str(self._application_id)] = {
            "sha256": commands.sha256,
            "names": sorted(commands.names),
        }
        write_whole(self._file, json.dumps(known, indent=1).encode())


def read_sent(file: Path, application_id: int) -> Sent | None:
    """What was last sent for this application; None if nothing is known. Blocks."""
    try:
        entry = _read(file)[str(application_id)]
        return Sent(
            sha256=entry["sha256"],
            names=frozenset((int(kind), str(name)) for kind, name in entry["names"]),
        )
    except (KeyError, TypeError, ValueError):
        return None  # never sent, or written by another version: sending again mends it


def _read(file: Path) -> dict[str, Any]:
    try:
        known = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
