"""The Discord client: which cogs, buttons and commands there are."""

import aiohttp
import discord
from discord.ext import commands

from cogs import preset_buttons, queue_buttons, results
from cogs.admin import Admin
from cogs.answers import report
from cogs.batch_buttons import CancelBatch, ConfirmDraft
from cogs.defaults import DefaultsCommands, DefaultsItem
from cogs.delivery import Delivery
from cogs.describe import DescribeCommand, DescribedButton
from cogs.imagine import Imagine
from cogs.moderation import ModerationCommands
from cogs.moderation_buttons import BlockedButton, LogButton, ReportButton
from cogs.preset_browser import PresetBrowser
from cogs.presets import Presets
from cogs.privacy import EraseButton, PrivacyCommands
from cogs.progress import Progress
from cogs.queue import Queue
from cogs.quota import Quota
from cogs.remix import Remix
from cogs.reports import Reports
from cogs.requests import Requests
from cogs.result_actions import ResultActions
from cogs.result_menus import ResultMenus
from cogs.result_messages import ResultMessages
from cogs.result_sharing import Sharing
from cogs.settings import SettingsCommand, SettingsItem
from cogs.translator import CatalogueTranslator, speak_with_users
from cogs.usage import Usage, UsageButton
from cogs.wildcards import Wildcards
from hypersd_core.doors import Doors
from hypersd_core.metrics import Metrics
from hypersd_core.picture_changes import PictureChanges


class Bot(commands.AutoShardedBot):
    """The Discord client. It asks for no privileged intent and never pings anybody by accident."""

    def __init__(self, doors: Doors, metrics: Metrics) -> None:
        # The bot has no voice, so that its libraries are missing is no news.
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        super().__init__(
            command_prefix=commands.when_mentioned,
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            help_command=None,
            chunk_guilds_at_startup=False,
            http_trace=self._tracing(metrics),
        )
        self._doors = doors
        self._metrics = metrics
        self._progress = Progress(self, doors.service)
        self._messages = ResultMessages(doors.rules.settings)
        self.delivery = Delivery(self, doors.service, self._messages, self._progress, metrics)
        self.tree.error(report)
        speak_with_users(self)

    async def setup_hook(self) -> None:
        """Register cogs, buttons and commands, before the gateway is connected."""
        await self.tree.set_translator(CatalogueTranslator())
        doors = self._doors
        requests = Requests(doors.desk, self.delivery, doors.workshop.inputs)
        await self.add_cog(self._progress)
        await self.add_cog(self.delivery)
        await self.add_cog(Imagine(requests, doors.service, doors.workshop.library, doors.desk))
        await self._add_results(requests)
        await self.add_cog(Queue(doors.service, self._messages, self._metrics))
        await self.add_cog(Admin(self, doors.service, doors.operations))
        await self.add_cog(Usage(doors.usage))
        browser = PresetBrowser(doors.rules.presets, doors.desk, requests)
        await self.add_cog(browser)
        await self.add_cog(Presets(doors.rules, doors.workshop.library, browser))
        await self.add_cog(SettingsCommand(doors.rules.settings))
        await self.add_cog(Quota(doors.rules.settings, doors.rules.quotas))
        await self.add_cog(Wildcards(doors.rules.wildcards))
        await self.add_cog(
            DefaultsCommands(
                doors.rules.people, doors.desk, doors.rules.presets, doors.workshop.library
            )
        )
        await self.add_cog(DescribeCommand(requests, doors.desk, doors.workshop.library))
        await self.add_cog(PrivacyCommands(doors.privacy, doors.service))
        moderation, settings = doors.rules.moderation, doors.rules.settings
        reports = Reports(self, doors.service, moderation, settings)
        await self.add_cog(ModerationCommands(self, reports, moderation, doors.service))
        self.add_dynamic_items(results.JobButton, ConfirmDraft, CancelBatch)
        self.add_dynamic_items(*preset_buttons.ITEMS, *queue_buttons.ITEMS)
        self.add_dynamic_items(UsageButton, EraseButton)
        self.add_dynamic_items(ReportButton, LogButton, BlockedButton)
        self.add_dynamic_items(SettingsItem, DefaultsItem, DescribedButton)

    async def _add_results(self, requests: Requests) -> None:
        """What can be done with results."""
        service, desk, rules = self._doors.service, self._doors.desk, self._doors.rules
        library, inputs = self._doors.workshop.library, self._doors.workshop.inputs
        changes = PictureChanges(library, inputs)
        sharing = Sharing(service, rules, self._messages)
        await self.add_cog(
            ResultActions(
                requests, service, desk, library, changes, rules.settings, sharing, self._messages
            )
        )
        await self.add_cog(Remix(requests, desk, service))
        await self.add_cog(ResultMenus(self, service, desk, library, inputs))

    def _tracing(self, metrics: Metrics) -> aiohttp.TraceConfig:
        """Tell of every answer of Discord, those that discord.py tries again too."""

        async def on_request_end(
            _session: aiohttp.ClientSession, _context: object, end: aiohttp.TraceRequestEndParams
        ) -> None:
            metrics.discord_answered(end.response.status)
            self._progress.answered(end.url.path, end.response.status)

        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(on_request_end)
        return trace
