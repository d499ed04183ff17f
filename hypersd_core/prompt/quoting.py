"""How an error or a note quotes a prompt: on one line, and not the whole of it."""


def shorten(text: str, most: int = 60) -> str:
    """Return ``text`` on one line, its end replaced by … from ``most`` characters on."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
