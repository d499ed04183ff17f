"""Words of people on cards: what they would do in Discord's markdown, they do not."""

import pytest

from cogs.cards import code, plain, refused


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("a (lady:1.2), 4k", "a (lady:1.2), 4k"),
        ("**fat** _lean_", r"\*\*fat\*\* \_lean\_"),
        ("@everyone <@12> <@&3>", r"\@everyone \<\@12> \<\@&3>"),
        ("[x](https://y.z)", r"\[x](https\://y.z)"),
        ("# title\n> quote", r"\# title > quote"),
        ("1. one", r"1\. one"),
        ("12. twelve", r"12\. twelve"),
        ("-# small", r"\-# small"),
        ("a\u202egnp.exe\u202c b", "agnp.exe b"),
        ("مرحبا", "مرحبا"),
        ("x" * 400, "x" * 299 + "…"),
    ],
)
def test_words_stay_words(words: str, shown: str) -> None:
    assert plain(words) == shown


def test_a_block_of_code_ends_only_where_it_should() -> None:
    assert code("``` \u202ea```").count("```") == 2


def test_an_error_may_name_channels_roles_and_times_but_words_in_it_stay_words() -> None:
    sentence = "Draw in <#12> with <@&3> until <t:9:f>, not <@4> or *here*."
    shown = r"Draw in <#12> with <@&3> until <t:9:f>, not \<\@4> or \*here\*."
    assert refused(sentence) == shown
