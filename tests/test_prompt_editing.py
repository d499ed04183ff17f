"""Prompt editing and alternation: A1111's examples, trees whose meaning is known, any text."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypersd_core.errors import InvalidRequest
from hypersd_core.prompt import (
    check_brackets,
    escape,
    parse_attention,
    prompt_notes,
    texts_by_step,
)

ANY_TEXT = st.text(max_size=300)
# Mostly the characters that mean something, so that short examples reach deep into the grammar.
PROMPT_TEXT = st.text(st.sampled_from("ab :|.-125()[]\\"), max_size=60) | st.lists(
    st.sampled_from(["[", "]", "[a:b:", "|", ":2]", ":0.5]", "(", ")", ":1.3)", "\\", "a", " "]),
    max_size=30,
).map("".join)
STEPS = st.integers(1, 50)


def runs(text: str, steps: int = 10) -> list[tuple[str, int]]:
    """The texts in turn, each with the last step (from 1) that reads it."""
    found, last = [], 0
    for words, group in groupby(texts_by_step(text, steps)):
        last += len(list(group))
        found.append((words, last))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("test", [("test", 10)]),
        ("", [("", 10)]),
        ("a [b:3]", [("a ", 3), ("a b", 10)]),
        ("a [b: 3]", [("a ", 3), ("a b", 10)]),
        ("a [b:3 ]", [("a ", 3), ("a b", 10)]),
        ("a [[[b]]:2]", [("a ", 2), ("a [[b]]", 10)]),
        ("[(a:2):3]", [("", 3), ("(a:2)", 10)]),
        ("a [b : c : 1] d", [("a b  d", 1), ("a  c  d", 10)]),
        ("a[b:[c:d:2]:1]e", [("abe", 1), ("ace", 2), ("ade", 10)]),
        ("a [b:.5] c", [("a  c", 5), ("a b c", 10)]),
        ("[dog::3] in snow", [("dog in snow", 3), (" in snow", 10)]),
        ("[:dog:3]", [("", 3), ("dog", 10)]),
        ("[::3]x", [("x", 10)]),
        ("[:3]x", [("x", 10)]),
        ("[3:3]", [("", 3), ("3", 10)]),
        ("((a][:b:c [d:3]", [("((a][:b:c ", 3), ("((a][:b:c d", 10)]),
        ("a [unbalanced [b:3]", [("a [unbalanced ", 3), ("a [unbalanced b", 10)]),
        ("[a (b:1.2) [c]:d:3]", [("a (b:1.2) [c]", 3), ("d", 10)]),
        ("([a:b:3]:1.3)", [("(a:1.3)", 3), ("(b:1.3)", 10)]),
        ("(x:[1.3:0.7:3])", [("(x:1.3)", 3), ("(x:0.7)", 10)]),
        ("[a BREAK b:c:3]", [("a BREAK b", 3), ("c", 10)]),
        ("[a\nb:c:3]", [("a\nb", 3), ("c", 10)]),
    ],
)
def test_prompt_editing(text: str, expected: list[tuple[str, int]]) -> None:
    assert runs(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a|b]", ["a", "b", "a", "b"]),
        ("[a|b|c]", ["a", "b", "c", "a"]),
        ("[fe|]male", ["female", "male", "female", "male"]),
        ("[fe|||]male", ["female", "male", "male", "male"]),
        ("[|a]", ["", "a", "", "a"]),
        ("[a|(b:1.1)]", ["a", "(b:1.1)", "a", "(b:1.1)"]),
        ("[a|[b|c]]", ["a", "c", "a", "c"]),
        ("[[a|b|c]|d]", ["a", "d", "c", "d"]),
        ("[[a|b]:c:2]", ["a", "b", "c", "c"]),
        ("[[a:b:2]|c]", ["a", "c", "b", "c"]),
        ("[a|b] and [c|d|e]", ["a and c", "b and d", "a and e", "b and c"]),
    ],
)
def test_alternation(text: str, expected: list[str]) -> None:
    assert texts_by_step(text, 4) == tuple(expected)


@pytest.mark.parametrize(
    ("when", "steps", "before"),
    [
        ("0.5", 4, 2),
        ("0.5", 1, 0),  # half a step, rounded down: b from the first on
        ("0.5", 2, 1),
        ("0.5", 3, 1),
        ("0.99", 1, 0),
        ("0.25", 8, 2),
        (".25", 4, 1),
        ("0", 4, 0),
        ("0.0", 4, 0),
        ("1", 4, 1),
        ("1", 1, 1),
        ("1.0", 4, 4),  # with a point it is a share, and this is all of them
        ("1.", 4, 4),
        ("1.5", 4, 4),
        ("3", 4, 3),
        ("4", 4, 4),
        ("6", 4, 4),
        ("+2", 4, 2),
        ("-1", 4, 0),
        ("-0.5", 4, 0),
        ("9" * 400, 4, 4),
        ("-" + "9" * 400, 4, 0),
    ],
)
def test_a_number_with_a_point_is_a_share_of_the_steps_and_one_without_a_count(
    when: str, steps: int, before: int
) -> None:
    expected = ["a"] * before + ["b"] * (steps - before)
    assert texts_by_step(f"[a:b:{when}]", steps) == tuple(expected)


@pytest.mark.parametrize(
    "text",
    [
        "[x]",
        "[]",
        "[:]",
        "[a:b]",
        "[a:b:c]",
        "[a:b:c:3]",
        "[a:1e1]",
        "[a:1.2.3]",
        "[a:(3)]",
        "[a:b|c:3]",
        "[a|b:3]",
        "(a:b:3)",
        "(a|b)",
        "a|b:3",
        "[a:b:3",
        "a:b:3]",
        "[a (:b:3]",
        "[a):b:3]",
        "[a (b] c:d:3)",
        r"\[a:b:3]",
        r"[a:b:3\]",
        r"[a\|b]",
        r"[a:b\:3]",
        "\\",
        "[a:b:٣]",
    ],
)
def test_what_is_none_of_the_forms_stands_as_it_is(text: str) -> None:
    assert texts_by_step(text, 10) == (text,) * 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a:b:c [d:e:2]]", [("[a:b:c d]", 2), ("[a:b:c e]", 10)]),
        ("[a (] [b:c:2]", [("[a (] b", 2), ("[a (] c", 10)]),
        ("[a|b:c] | [b:c:2]", [("[a|b:c] | b", 2), ("[a|b:c] | c", 10)]),
        (r"[10\:30:noon\|:2]", [(r"10\:30", 2), (r"noon\|", 10)]),
    ],
)
def test_a_malformed_bracket_spoils_none_within_or_beside_it(
    text: str, expected: list[tuple[str, int]]
) -> None:
    assert runs(text) == expected


def test_an_escaped_separator_is_read_as_itself() -> None:
    (text, _) = texts_by_step(r"[at 10\:30:3\|4:1]", 2)
    assert parse_attention(text) == [("at 10:30", 1.0)]


def test_what_is_shown_makes_no_new_editing() -> None:
    assert texts_by_step("[x:[a:3:0]]", 2) == ("[x:3]",) * 2


@pytest.mark.parametrize(("opener", "closer"), [("[", ":1]"), ("[", "|b]"), ("[b:", ":0.1]")])
def test_brackets_may_nest_as_deep_as_the_longest_prompt(opener: str, closer: str) -> None:
    depth = 2_000 // len(opener + closer)
    first, *_ = texts_by_step(opener * depth + "a" + closer * depth, 50)
    assert first in {"a", "b", ""}
    assert len(prompt_notes(opener * depth + "a" + closer * depth, 4)) <= 5


# A tree and its text; what a step reads of it is told by the tree, not by the text.
@dataclass(frozen=True)
class Edit:
    before: "Tree"
    after: "Tree"
    when: int

    def __str__(self) -> str:
        return f"[{written(self.before)}:{written(self.after)}:{self.when}]"


@dataclass(frozen=True)
class Turns:
    options: list["Tree"]

    def __str__(self) -> str:
        return f"[{'|'.join(map(written, self.options))}]"


@dataclass(frozen=True)
class Weighted:
    opener: str
    inner: "Tree"
    closer: str

    def __str__(self) -> str:
        return f"{self.opener}{written(self.inner)}{self.closer}"


Tree = list[str | Edit | Turns | Weighted]


def written(tree: Tree) -> str:
    return "".join(map(str, tree))


def read(tree: Tree, step: int) -> Iterator[str]:
    """``step`` is from 1."""
    for part in tree:
        match part:
            case Edit(before, after, when):
                yield from read(after if step > when else before, step)
            case Turns(options):
                yield from read(options[(step - 1) % len(options)], step)
            case Weighted(opener, inner, closer):
                yield from (opener, *read(inner, step), closer)
            case _:
                yield part


def grown(trees: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    brackets = st.sampled_from([("(", ")"), ("(", ":1.3)"), ("[", "]")])
    return st.lists(
        PLAIN
        | st.builds(Edit, trees, trees, st.integers(0, 60))
        | st.builds(Turns, st.lists(trees, min_size=2, max_size=4))
        | st.builds(lambda pair, inner: Weighted(pair[0], inner, pair[1]), brackets, trees),
        max_size=3,
    )


PLAIN = st.text("ab, ", max_size=4) | st.sampled_from([r"\[", r"\)", r"\:", r"\|", r"\\", "BREAK"])
TREES: st.SearchStrategy[Tree] = st.recursive(st.lists(PLAIN, max_size=2), grown, max_leaves=12)


@settings(deadline=None)
@given(TREES, STEPS)
def test_nested_forms_mean_what_their_tree_means(tree: Tree, steps: int) -> None:
    expected = ("".join(read(tree, step)) for step in range(1, steps + 1))
    assert texts_by_step(written(tree), steps) == tuple(expected)


@settings(deadline=None)
@given(ANY_TEXT | PROMPT_TEXT, STEPS)
def test_any_text_gives_every_step_a_text_no_longer_than_itself(text: str, steps: int) -> None:
    texts = texts_by_step(text, steps)
    assert len(texts) == steps
    assert all(len(words) <= len(text) for words in texts)


@settings(deadline=None)
@given((ANY_TEXT | PROMPT_TEXT).map(lambda text: text.replace("[", "")), STEPS)
def test_without_an_opening_square_bracket_the_text_stays(text: str, steps: int) -> None:
    assert texts_by_step(text, steps) == (text,) * steps


@settings(deadline=None)
@given((ANY_TEXT | PROMPT_TEXT).map(escape), STEPS)
def test_escaped_text_is_never_edited(text: str, steps: int) -> None:
    assert texts_by_step(text, steps) == (text,) * steps
    assert prompt_notes(text, steps) == ()


@settings(deadline=None)
@given(PROMPT_TEXT | TREES.map(written), STEPS)
def test_brackets_that_are_balanced_are_so_in_every_step(text: str, steps: int) -> None:
    try:
        check_brackets(text, name="prompt")
    except InvalidRequest:
        return
    for words in texts_by_step(text, steps):
        check_brackets(words, name="prompt")


@pytest.mark.parametrize("text", ["[a:b:0.5]", "[a|b|]", "[(a:1.2):[b]:3]", "[::1]", r"[\]:a:1]"])
def test_editing_and_alternation_are_balanced(text: str) -> None:
    check_brackets(text, name="prompt")


@pytest.mark.parametrize(
    ("text", "place"),
    [("[a:b:0.5", 1), ("[a (b:0.5]", 4), ("[a|b) c]", 5), ("[a:b:1.3)]", 9), ("[a:b:3]]", 8)],
)
def test_a_bracket_without_partner_is_found_in_and_around_the_forms(text: str, place: int) -> None:
    with pytest.raises(InvalidRequest, match=f"at character {place} of the prompt"):
        check_brackets(text, name="prompt")


@pytest.mark.parametrize(
    ("text", "steps", "notes"),
    [
        ("a fox", 4, []),
        ("[dog:cat:0.5] [a|b] [x]", 4, []),
        ("[dog:cat:6]", 4, ['[dog:cat:6] never shows "cat" in 4 steps.']),
        ("a [big hat:4]", 4, ['[big hat:4] never shows "big hat" in 4 steps.']),
        ("[dog:cat:1.0]", 4, ['[dog:cat:1.0] never shows "cat" in 4 steps.']),
        ("[dog:cat:0.5]", 1, ['[dog:cat:0.5] never shows "dog" in 1 step.']),
        ("[dog::0.1]", 4, ['[dog::0.1] never shows "dog" in 4 steps.']),
        ("[a|b|c]", 2, ['[a|b|c] never shows "c" in 2 steps.']),
        ("[a|b|c| d ]", 2, ['[a|b|c| d ] never shows "c", "d" in 2 steps.']),
        ("[a|b|a|]", 2, []),  # no word is lost
        ("[fe|]male", 1, []),
        ("[::9]", 4, []),
        # of what is lost as a whole, the inside is not told again
        ("[a:[b:c:8]:9]", 4, ['[a:[b:c:8]:9] never shows "[b:c:8]" in 4 steps.']),
        # c would come in step 3, but d replaces it in step 2
        ("[[b:c:2]:d:1]", 4, ['[b:c:2] never shows "c" in 4 steps.']),
        ("[a|b|c] [a|b|c]", 2, ['[a|b|c] never shows "c" in 2 steps.']),
        ("[a\n b:9]", 4, ['[a b:9] never shows "a b" in 4 steps.']),
    ],
)
def test_notes_name_the_words_that_no_step_reads(text: str, steps: int, notes: list[str]) -> None:
    assert prompt_notes(text, steps) == tuple(notes)


def test_many_notes_are_counted() -> None:
    *told, last = prompt_notes(" ".join(f"[w{i}:9]" for i in range(10)), 4)
    assert told == [f'[w{i}:9] never shows "w{i}" in 4 steps.' for i in range(4)]
    assert last == "6 other brackets show only a part of the words in 4 steps."


def test_long_notes_are_shortened() -> None:
    (note,) = prompt_notes("[" + "word " * 390 + ":9]", 4)
    assert note.startswith("[word word ")
    assert len(note) < 300


@settings(deadline=None)
@given(ANY_TEXT | PROMPT_TEXT | TREES.map(written), STEPS)
def test_any_text_has_few_and_short_notes(text: str, steps: int) -> None:
    notes = prompt_notes(text, steps)
    assert len(notes) <= 5
    assert all(len(note) < 300 for note in notes)


@settings(deadline=None)
@given(st.lists(st.integers(0, 99), unique=True, min_size=2, max_size=9), st.integers(1, 9))
def test_the_options_behind_the_last_step_are_lost(numbers: list[int], steps: int) -> None:
    words = [f"w{number}" for number in numbers]
    lost = ", ".join(f'"{word}"' for word in words[steps:])
    notes = prompt_notes(f"[{'|'.join(words)}]", steps)
    assert [lost in note for note in notes] == [True] * bool(lost)
