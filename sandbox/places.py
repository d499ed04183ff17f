"""What exists from the start: people, the bot, three guilds and their channels.

The ids are the same at every start, so what a bot remembers about a guild stays true.

===========  ==================================================================================
Ada          owns the application and two guilds, and has installed the application for herself
Ben          a Regular of the Studio
Lin (林)     an ordinary member who speaks Chinese; owns Elsewhere
Mia          a Moderator of the Studio: she manages messages, not the guild
Studio       general, pictures with the thread sketches, after-dark (age-restricted),
             reports (for moderators), and the forum showcase with the post first-light
Atelier      drawings; its language is German
Elsewhere    cafe, and quiet-room without external apps; the bot is no member of it
===========  ==================================================================================
"""

from sandbox.model import Channel, ChannelKind, Guild, Role, User
from sandbox.permissions import BOT, NONE, Permission
from sandbox.snowflake import from_ms

FIRST_ID = from_ms(1_704_067_200_000)  # 2024-01-01, UTC

ADA = User(id=FIRST_ID + 1, name="ada", display_name="Ada")
BEN = User(id=FIRST_ID + 2, name="ben", display_name="Ben", locale="de")
BOT_USER = User(id=FIRST_ID + 3, name="hypersd", display_name="Hyper-SD", is_bot=True)
LIN = User(id=FIRST_ID + 4, name="lin", display_name="林", locale="zh-CN")
MIA = User(id=FIRST_ID + 5, name="mia", display_name="Mia")
PEOPLE = (ADA, BEN, LIN, MIA)
INSTALLERS = frozenset({ADA})
"""Who has installed the application for themselves."""

REGULARS = Role(id=FIRST_ID + 12, name="Regulars", holders=frozenset({BEN}), colour=0x3BA55D)
MODERATORS = Role(
    id=FIRST_ID + 13,
    name="Moderators",
    holders=frozenset({MIA}),
    permissions=Permission.MANAGE_MESSAGES,
    colour=0x5B8DEF,
)
STUDIO = Guild(id=FIRST_ID + 10, name="Studio", owner=ADA, roles=(REGULARS, MODERATORS))
ATELIER = Guild(id=FIRST_ID + 20, name="Atelier", owner=ADA, locale="de")
ELSEWHERE = Guild(id=FIRST_ID + 30, name="Elsewhere", owner=LIN, has_bot=False)
GUILDS = (STUDIO, ATELIER, ELSEWHERE)


def channels() -> tuple[Channel, ...]:
    """Return every channel, those of guilds first."""
    return (*_studio_channels(), *_other_channels(), *_conversations())


def _studio_channels() -> tuple[Channel, ...]:
    text, thread = ChannelKind.TEXT, ChannelKind.THREAD
    return (
        _channel(100, "general", STUDIO, topic="Anything goes"),
        _channel(101, "pictures", STUDIO, topic="Prompts and results"),
        _channel(103, "sketches", STUDIO, kind=thread, parent=101),
        _channel(104, "after-dark", STUDIO, topic="For adults", is_age_restricted=True),
        _channel(
            105,
            "reports",
            STUDIO,
            kind=text,
            topic="For moderators",
            denied=Permission.VIEW_CHANNEL,
            exempt_role_id=MODERATORS.id,
        ),
        _channel(106, "showcase", STUDIO, kind=ChannelKind.FORUM, topic="One post, one picture"),
        _channel(107, "first-light", STUDIO, kind=thread, parent=106),
    )


def _other_channels() -> tuple[Channel, ...]:
    no_apps = Permission.USE_EXTERNAL_APPS
    return (
        _channel(102, "drawings", ATELIER, topic="Work in progress"),
        _channel(110, "cafe", ELSEWHERE, topic="The bot is not here, but apps are welcome"),
        _channel(111, "quiet-room", ELSEWHERE, topic="No external apps", denied=no_apps),
    )


def _conversations() -> tuple[Channel, ...]:
    direct = [
        Channel(
            id=FIRST_ID + 200 + position,
            kind=ChannelKind.DM,
            name="dm",
            recipients=(user,),
            bot_permissions=BOT,
        )
        for position, user in enumerate(PEOPLE)
    ]
    group = Channel(
        id=FIRST_ID + 300,
        kind=ChannelKind.GROUP_DM,
        name="weekend",
        recipients=(ADA, BEN),
        bot_permissions=NONE,
    )
    return (*direct, group)


def _channel(
    number: int,
    name: str,
    guild: Guild,
    *,
    kind: ChannelKind = ChannelKind.TEXT,
    parent: int | None = None,
    **fields: object,
) -> Channel:
    return Channel(
        id=FIRST_ID + number,
        kind=kind,
        name=name,
        guild_id=guild.id,
        parent_id=None if parent is None else FIRST_ID + parent,
        position=number - 100,
        bot_permissions=BOT if guild.has_bot else NONE,
        **fields,  # type: ignore[arg-type]  # checked by the class itself
    )
