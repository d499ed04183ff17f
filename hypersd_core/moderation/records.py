"""Blocking people, reporting pictures, strikes, and the log of all of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypersd_core.errors import InvalidRequest, UserBlocked, WordBlocked
from hypersd_core.i18n import say
from hypersd_core.moderation.entries import (
    BOT,
    EVERYWHERE,
    AuditAction,
    AuditEntry,
    Block,
    MessagePlace,
)
from hypersd_core.moderation.policy import ModerationPolicy
from hypersd_core.policy import Change
from hypersd_core.request import Job
from hypersd_core.store import Store

MAX_REASON_CHARS = 500
STRIKES_WITHIN = timedelta(hours=24)
STRIKES_BLOCK_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Entries, the newest first. ``before`` continues with the next page; None after the last."""

    entries: tuple[AuditEntry, ...]
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """How many strikes the user has now, and how many block; ``blocked_until`` if they just did.

    ``most`` is 0 where nobody counts.
    """

    n: int
    most: int
    blocked_until: datetime | None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Moderation:
    """What moderators do, and what the bot does for them. A guild of None is direct messages."""

    def __init__(self, store: Store, now: Callable[[], datetime] = _utc_now) -> None:
        self._blocks = store.blocks
        self._audit = store.audit
        self._now = now

    async def check_user(self, guild_id: int | None, user_id: int) -> None:
        """Raise UserBlocked if the user may draw nothing here."""
        place = EVERYWHERE if guild_id is None else guild_id
        block = await self._blocks.of_user(place, user_id, self._now())
        if block is not None:
            raise UserBlocked(_sentence(block), reason=reason_of(block), until=block.until)

    async def block(
        self,
        guild_id: int,
        user_id: int,
        *,
        by_user_id: int,
        reason: str = "",
        until: datetime | None = None,
        job_id: int | None = None,
    ) -> Block:
        """Let the user draw nothing in the guild, or ``EVERYWHERE``, until then or for good.

        Takes the place of an earlier block. ``job_id`` is what made somebody do so. Raises
        InvalidRequest for a time that has passed.
        """
        _check_reason(reason)
        at = self._now()
        if until is not None and until <= at:
            raise InvalidRequest(
                say("A block must end in the future, got {until}.", until=_shown(until))
            )
        block = Block(
            guild_id=guild_id,
            user_id=user_id,
            reason=reason,
            by_user_id=by_user_id,
            at=at,
            until=until,
        )
        await self._blocks.put(block)
        await self.record(
            guild_id,
            by_user_id,
            AuditAction.USER_BLOCKED,
            user_id=user_id,
            job_id=job_id,
            detail={"reason": reason, "until": until and until.isoformat()},
        )
        return block

    async def unblock(self, guild_id: int, user_id: int, *, by_user_id: int) -> bool:
        """Let the user draw again, with all strikes forgiven. False if nothing was blocked."""
        removed = await self._blocks.remove(guild_id, user_id, self._now())
        if removed:
            await self.record(guild_id, by_user_id, AuditAction.USER_UNBLOCKED, user_id=user_id)
        return removed

    async def blocked(self, guild_id: int) -> tuple[Block, ...]:
        """Who may draw nothing in the guild, or ``EVERYWHERE``, the newest first."""
        return await self._blocks.of_guild(guild_id, self._now())

    async def report(
        self,
        job: Job,
        guild_id: int | None,
        *,
        by_user_id: int,
        reason: str,
        message: MessagePlace | None = None,
    ) -> AuditEntry | None:
        """Report a job to the moderators of the guild where somebody saw it, in ``message``.

        None if this user has reported it before.
        """
        _check_reason(reason)
        return await self.record(
            guild_id,
            by_user_id,
            AuditAction.JOB_REPORTED,
            user_id=job.origin.user_id,
            job_id=job.id,
            detail={"reason": reason, "message": message and list(message)},
        )

    async def about_job(self, guild_id: int | None, job_id: int) -> tuple[AuditEntry, ...]:
        """All that happened to the job in the guild, the first first: reports and what followed."""
        return await self._audit.about_job(guild_id, job_id)

    async def report_card(self, guild_id: int, job_id: int) -> MessagePlace | None:
        """The message that shows moderators the reports of the job."""
        return await self._audit.report_card(guild_id, job_id)

    async def report_posted(self, guild_id: int, job_id: int, message: MessagePlace) -> None:
        """Remember the message that shows moderators the reports of the job."""
        await self._audit.put_report_card(guild_id, job_id, message)

    async def report_dismissed(self, job: Job, guild_id: int, *, by_user_id: int) -> None:
        """Record that a moderator found nothing wrong with the job."""
        await self.record(
            guild_id,
            by_user_id,
            AuditAction.REPORT_DISMISSED,
            user_id=job.origin.user_id,
            job_id=job.id,
        )

    async def prompt_blocked(
        self, guild_id: int | None, user_id: int, error: WordBlocked, policy: ModerationPolicy
    ) -> Strike:
        """A strike for a prompt that a word rule forbade."""
        await self.record(
            guild_id,
            user_id,
            AuditAction.PROMPT_BLOCKED,
            user_id=user_id,
            detail={"word": error.word, "rule": error.rule},
        )
        return await self._strike(guild_id, user_id, policy)

    async def picture_blocked(self, job: Job, policy: ModerationPolicy) -> Strike:
        """A strike for a job of which at least one picture was blocked."""
        origin = job.origin
        await self.record(
            origin.guild_id,
            origin.user_id,
            AuditAction.PICTURE_BLOCKED,
            user_id=origin.user_id,
            job_id=job.id,
        )
        return await self._strike(origin.guild_id, origin.user_id, policy)

    async def pictures_removed(
        self, job: Job, *, by_user_id: int, guild_id: int | None = None
    ) -> None:
        """Record that a moderator took somebody's pictures away, in another guild than the job's.

        Without ``guild_id`` it is the job's own.
        """
        await self.record(
            job.origin.guild_id if guild_id is None else guild_id,
            by_user_id,
            AuditAction.PICTURES_REMOVED,
            user_id=job.origin.user_id,
            job_id=job.id,
        )

    async def settings_changed(
        self, guild_id: int, by_user_id: int, changed: Sequence[Change]
    ) -> None:
        """Record what somebody changed of the guild's policy."""
        detail = {"changes": [asdict(change) for change in changed]}
        await self.record(guild_id, by_user_id, AuditAction.SETTINGS_CHANGED, detail=detail)

    async def record(
        self,
        guild_id: int | None,
        actor_id: int,
        action: AuditAction,
        *,
        user_id: int | None = None,
        job_id: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> AuditEntry | None:
        """Append to the log. None for a second report of a job by the same user."""
        return await self._audit.add(
            guild_id=guild_id,
            actor_id=actor_id,
            action=action,
            user_id=user_id,
            job_id=job_id,
            detail=detail or {},
            at=self._now(),
        )

    async def log(
        self,
        guild_id: int | None,
        *,
        before: int | None = None,
        action: AuditAction | None = None,
        user_id: int | None = None,
        most: int = 10,
    ) -> AuditPage:
        """A page of the guild's log; ``user_id`` is who did it, or whom it is about."""
        entries = await self._audit.page(
            guild_id, before=before, action=action, user_id=user_id, most=most + 1
        )
        is_last = len(entries) <= most
        return AuditPage(entries=entries[:most], before=None if is_last else entries[most - 1].id)

    async def _strike(self, guild_id: int | None, user_id: int, policy: ModerationPolicy) -> Strike:
        """Count, and block who has too many. Nobody is blocked in direct messages."""
        if guild_id is None or policy.strikes == 0:
            return Strike(n=0, most=0, blocked_until=None)
        at = self._now()
        n = await self._audit.strikes(guild_id, user_id, at - STRIKES_WITHIN)
        already = await self._blocks.of_user(guild_id, user_id, at)
        if n < policy.strikes or already is not None:  # a moderator's block may be longer
            return Strike(n=n, most=policy.strikes, blocked_until=None)
        until = at + STRIKES_BLOCK_FOR
        await self.block(guild_id, user_id, by_user_id=BOT, until=until)
        return Strike(n=n, most=policy.strikes, blocked_until=until)


def reason_of(block: Block) -> str:
    """Why somebody is blocked, in the language spoken now; empty if nobody said why."""
    if block.by_user_id == BOT:
        return say("Too many blocked prompts or pictures within 24 hours.")
    return block.reason


def _sentence(block: Block) -> str:
    if block.until is None:
        sentence = say("You are blocked from drawing here.")
    else:
        sentence = say(
            "You are blocked from drawing here until {until}.", until=_shown(block.until)
        )
    reason = reason_of(block)
    if not reason:
        return sentence
    return say("{sentence} Reason: {reason}", sentence=sentence, reason=reason)


def _shown(time: datetime) -> str:
    """``time`` as Discord shows it in everybody's own zone."""
    return f"<t:{time.timestamp():.0f}:f>"


def _check_reason(reason: str) -> None:
    if len(reason) > MAX_REASON_CHARS:
        raise InvalidRequest(
            say(
                "The reason has {n} characters; at most {most} are allowed.",
                n=len(reason),
                most=MAX_REASON_CHARS,
            )
        )
