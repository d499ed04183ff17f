"""Reads components V2 messages as a person would."""

from tests.sandbox.page_client import Json

BUTTON, TEXT, GALLERY = 2, 10, 12


def parts(message: Json, kind: int) -> list[Json]:
    """Every component of one type, however deep."""
    found: list[Json] = []

    def walk(components: list[Json]) -> None:
        for component in components:
            if component["type"] == kind:
                found.append(component)
            walk(component.get("components", []))

    walk(message["components"])
    return found


def text_of(message: Json) -> str:
    """All its text, without the backslashes that keep markdown from happening."""
    return "\n".join(part["content"] for part in parts(message, TEXT)).replace("\\", "")


def picture_urls(message: Json) -> list[str]:
    """Where the pictures of its galleries are."""
    return [i["media"]["url"] for gallery in parts(message, GALLERY) for i in gallery["items"]]


def custom_id(message: Json, verb: str) -> str:
    """The custom id of the button that does ``verb``."""
    ids = [str(part["custom_id"]) for part in parts(message, BUTTON)]
    return next(i for i in ids if i.startswith(f"{verb}:"))
