"""The question before several jobs: is that what was meant?"""

from collections.abc import Sequence

from discord import ui

from cogs.cards import ACCENT, Item, card, plain, rows, small, text
from hypersd_core.front_desk import Plan
from hypersd_core.i18n import say_many

_MAX_SHOWN = 12


def confirmation(plan: Plan, buttons: Sequence[Item]) -> ui.LayoutView:
    """All prompts that would be drawn, and how many pictures they come to."""
    prompts = [request.prompt for request in plan.requests]
    lines = [f"{i}. {plain(prompt, 150)}" for i, prompt in enumerate(prompts[:_MAX_SHOWN], 1)]
    if len(prompts) > _MAX_SHOWN:
        lines.append(say_many("… and {n} more", "… and {n} more", len(prompts) - _MAX_SHOWN))
    count = sum(request.count for request in plan.requests)
    return card(
        ACCENT,
        text(
            say_many(
                "**This is {n} job. Draw it?**",
                "**These are {n} jobs. Draw them all?**",
                len(prompts),
            )
        ),
        text("\n".join(lines)),
        small(say_many("{n} picture", "{n} pictures", count)),
        *rows(buttons),
    )
