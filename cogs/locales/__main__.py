"""Bring ``data/locales`` up to date: add new texts, drop those that are gone, list what lacks.

``python -m cogs.locales`` for every language there is, ``python -m cogs.locales de`` to begin one.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from cogs.locales.extraction import template
from hypersd_core.i18n import FOLDER

_WIDTH = 100


def main() -> int:
    """Update every file; returns 1 if something lacks a translation."""
    args = _arguments()
    new = [FOLDER / f"{tag}.po" for tag in args.language]
    texts = template()
    lacking = 0
    for path in sorted({*FOLDER.glob("*.po"), *new}):
        missing = untranslated(update(path, texts))
        lacking += len(missing)
        print(f"{path.name}: {len(texts)} texts, {len(missing)} without translation")
        for message in missing:
            context = f" ({message.context})" if message.context else ""
            print(f"  {message.id}{context}")
    return 1 if lacking else 0


def update(path: Path, texts: Catalog) -> Catalog:
    """Make the file at ``path`` have exactly ``texts``; translations that fit are kept."""
    catalog = _read(path)
    begun = catalog.creation_date
    catalog.update(texts, no_fuzzy_matching=True, update_header_comment=False)
    catalog.obsolete.clear()
    catalog.creation_date = begun  # else every run changes the file
    FOLDER.mkdir(exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=_WIDTH, sort_by_file=True, include_lineno=False)
    return catalog


def untranslated(catalog: Catalog) -> list[Message]:
    """The entries without text in the language."""
    return [entry for entry in catalog if entry.id and not all(_forms(entry))]


def _forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))


def _read(path: Path) -> Catalog:
    if not path.exists():
        return Catalog(
            locale=path.stem.replace("-", "_"),
            project="hypersd-bot",
            version="1",
            header_comment=f"# hypersd-bot in {path.stem}; see python -m cogs.locales",
            msgid_bugs_address="README.md",
            last_translator="hypersd-bot",
            language_team=path.stem,
            revision_date=datetime.now(UTC),
            charset="utf-8",
            fuzzy=False,
        )
    with path.open("rb") as file:
        return read_po(file)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cogs.locales", description=__doc__)
    parser.add_argument("language", nargs="*", help="a language to begin, such as de or pt-BR")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
