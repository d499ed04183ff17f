"""The real bot as its own process, which a test may kill."""

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READY = "Ready to draw."
START_WITHIN_S = 60
END_WITHIN_S = 40


class BotProcess:
    """``python bot.py`` with its own data folder, aimed at a sandbox that runs already."""

    def __init__(self, sandbox_url: str, local_dir: Path, **settings: str) -> None:
        self._environment = {
            **bot_environment(local_dir),
            "HYPERSD_SANDBOX_URL": sandbox_url,
            **settings,
        }
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self.output: list[str] = []

    async def start(self, **settings: str) -> None:
        """Start it, with other ``settings`` this time, and wait until it is ready to draw."""
        self._ready.clear()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "bot.py",
            cwd=ROOT,
            env=self._environment | settings,
            stdout=PIPE,
            stderr=STDOUT,
        )
        self._reader = asyncio.create_task(self._read(self._process))
        ready = asyncio.create_task(self._ready.wait())
        async with asyncio.timeout(START_WITHIN_S):
            await asyncio.wait({self._reader, ready}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        assert self._ready.is_set(), "the bot ended before it was ready:\n" + "".join(self.output)

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    def send(self, how: signal.Signals) -> None:
        """Send a signal and do not wait."""
        assert self._process is not None
        self._process.send_signal(how)

    async def kill(self) -> None:
        """Kill it as the kernel would: no time to tidy up."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Stop it as a service manager would; returns the exit status."""
        return await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        assert self._reader is not None
        if self._process.returncode is None:
            self._process.send_signal(how)
        async with asyncio.timeout(END_WITHIN_S):
            status = await self._process.wait()
            await self._reader
        return status

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.output.append(line.decode())
            if line.decode().startswith(READY):
                self._ready.set()


def run_bot(
    sandbox_url: str, local_dir: Path, *arguments: str, **settings: str
) -> subprocess.CompletedProcess[str]:
    """``python bot.py`` with ``arguments``, which must end by itself."""
    return subprocess.run(
        [sys.executable, "bot.py", *arguments],
        cwd=ROOT,
        env=bot_environment(local_dir) | {"HYPERSD_SANDBOX_URL": sandbox_url} | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def bot_environment(local_dir: Path) -> dict[str, str]:
    """An operator's environment without any of the settings of the machine's user."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HYPERSD_", "DISCORD_TOKEN"))}
    return kept | {
        "HYPERSD_LOCAL_DIR": str(local_dir),
        "HYPERSD_DRAIN_S": "0",  # tests that drain say so
        "OMP_NUM_THREADS": "1",
    }
