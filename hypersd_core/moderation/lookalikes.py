# ruff: noqa: RUF001 - look-alikes are what this file is about
"""Letters that look like other letters: what people write to slip past a word rule.

Unicode's own list (UTS 39, confusables) is the source, of it the letters of scripts that fonts on
phones have. They are small letters, as folding leaves no others. Pairs such as rn and m are left
out, as they are in ordinary words. The tests compare the tables with Unicode's list.
"""

_LATIN = {
    "a": "ɑᴀ",
    "b": "ƅꞵʙƀɓ",
    "c": "ᴄƈȼ",
    "d": "ᴅđɗɖ",
    "e": "ꬲᴇɇ",
    "f": "ꬵꞙẝꜰƒ",
    "g": "ɡᶃƍɢǥɠ",
    "h": "ʜħɦ",
    "i": "ıɪɩɨ",
    "j": "ʝᴊɉ",
    "k": "ᴋƙ",
    "l": "ǀʟłɫƚ",
    "m": "ᴍɱ",
    "n": "ɴŋɲƞ",
    "o": "ᴏᴑꬽøɵ",
    "p": "ᴘƥ",
    "q": "ɋ",
    "r": "ꭇꭈʀɍɽ",
    "s": "ꜱƽʂ",
    "t": "ᴛŧƭʈ",
    "u": "ꞟᴜꭎꭒʋʉ",
    "v": "ᴠ",
    "w": "ɯᴡ",
    "x": "ꭓ",
    "y": "ɣᶌʏỿꭚɏƴ",
    "z": "ᴢƶʐ",
}
_OTHER_SCRIPTS = {  # Greek, Cyrillic, Armenian, Georgian, Cherokee, Coptic, Lisu, Canadian
    "a": "αаᎪᗅꓮ",
    "b": "ьвβᏏᏴᑲᖯᗷꓐ",
    "c": "сⲥᏟꓚ",
    "d": "ԁᏧᎠᑯᗞᗪꓒꓓ",
    "e": "еҽεᎬꓰ",
    "f": "քϝᖴꓝ",
    "g": "ցԍᏀᏳꓖ",
    "h": "һհнᏂᎻⲏᕼꓧ",
    "i": "ιіꙇӏᎥ",
    "j": "јϳᎫᒍꓙ",
    "k": "кκⲕᏦꓗ",
    "l": "ⲓꓲⳑᏞᒪꓡ",
    "m": "мμϻⲙᎷᗰꓟ",
    "n": "пηոռⲛꓠ",
    "o": "оοσօⲟჿꓳ",
    "p": "рρⲣᏢᑭꓑ",
    "q": "ԛգզ",
    "r": "гᴦⲅᎱᎡᏒᖇꓣ",
    "s": "ѕտᏚᏕꓢ",
    "t": "тτⲧᎢꓔ",
    "u": "υսиᑌꓴ",
    "v": "νѵᏙᐯꓦ",
    "w": "ѡԝաшωᎳᏔꓪ",
    "x": "хχᕁᕽⲭꓫ",
    "y": "уγүყⲩᎩᎽꓬ",
    "z": "ζᏃꓜ",
}
# Letters in black circles and squares, and those of flags: unlike other letters in shapes, they
# have no compatibility decomposition. Each block runs from A to Z.
_BLOCKS = (0x1F150, 0x1F170, 0x1F1E6)


def _inverted(table: dict[str, str]) -> dict[int, str]:
    return {ord(twin): letter for letter, twins in table.items() for twin in twins}


LATIN_TWINS = _inverted(_LATIN) | {
    block + index: chr(ord("a") + index) for block in _BLOCKS for index in range(26)
}
"""Code point to a-z: letters that stand for nothing else, or that readers take for a-z."""

SCRIPT_TWINS = _inverted(_OTHER_SCRIPTS)
"""Code point to a-z: letters of other scripts, which mean themselves in their own languages."""

CAPITAL_TWINS = SCRIPT_TWINS | _inverted({"h": "η", "n": "ν", "y": "υ"})
"""The same for letters whose capitals look like other letters than they do: Ν is not like v."""
