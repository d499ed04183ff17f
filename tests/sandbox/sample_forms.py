"""Modals and a layout with every kind of component, for the sample bot and for tests."""

from typing import Any

import discord

OPTIONS = ("Oil", "Ink", "Photo")


class Everything(discord.ui.Modal, title="Everything"):
    """Texts, choices, flags and files."""

    note = discord.ui.Label[Any](
        text="Note", component=discord.ui.TextInput(max_length=20, required=False)
    )
    style = discord.ui.Label[Any](
        text="Style",
        component=discord.ui.RadioGroup(
            options=[discord.RadioGroupOption(label=name) for name in OPTIONS]
        ),
    )
    extras = discord.ui.Label[Any](
        text="Extras",
        component=discord.ui.CheckboxGroup(
            options=[discord.CheckboxGroupOption(label=name) for name in OPTIONS], required=False
        ),
    )
    ping = discord.ui.Label[Any](text="Ping me", component=discord.ui.Checkbox())
    files = discord.ui.Label[Any](
        text="Pictures", component=discord.ui.FileUpload(max_values=2, required=False)
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        fields: list[Any] = [self.style, self.extras, self.ping, self.files]
        style, extras, ping, files = (field.component for field in fields)
        names = " ".join(file.filename for file in files.values)
        text = f"{style.value}, {' '.join(extras.values)}, {ping.value}, {names}"
        await interaction.response.send_message(text)


class Pickers(discord.ui.Modal, title="Pickers"):
    """Selects of every kind below a text."""

    explained = discord.ui.TextDisplay[Any]("Choose **well**.")
    who = discord.ui.Label[Any](text="Who", component=discord.ui.UserSelect(max_values=2))
    role = discord.ui.Label[Any](text="Role", component=discord.ui.RoleSelect())
    where = discord.ui.Label[Any](
        text="Where",
        component=discord.ui.ChannelSelect(channel_types=[discord.ChannelType.text]),
    )
    style = discord.ui.Label[Any](
        text="Styles",
        component=discord.ui.Select(
            max_values=2, options=[discord.SelectOption(label=name) for name in OPTIONS]
        ),
    )


class Showroom(discord.ui.LayoutView):
    """The parts of a layout that ``sample_bot.Gallery`` does not have."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        again = discord.ui.Button[Any](label="Again", custom_id="again")
        hidden = discord.MediaGalleryItem("attachment://gold.png", spoiler=True)
        shown = discord.MediaGalleryItem("attachment://tomato.png")
        self.add_item(discord.ui.Section("### Parts\nA button beside text.", accessory=again))
        self.add_item(discord.ui.Separator(spacing=discord.SeparatorSpacing.large))
        self.add_item(discord.ui.MediaGallery(hidden, shown))
        self.add_item(discord.ui.File("attachment://notes.txt"))
        self.add_item(discord.ui.Container(discord.ui.TextDisplay("a secret"), spoiler=True))
        row = discord.ui.ActionRow[Any]()
        row.add_item(discord.ui.UserSelect(custom_id="who", placeholder="Choose a person"))
        self.add_item(row)
