"""Permutations, wildcards and seeds: which texts a typed text stands for."""

import math
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypersd_core.errors import InvalidRequest
from hypersd_core.expansion import (
    count_permutations,
    escape,
    expand,
    permutations,
    pick,
    repeat_seeds,
)
from hypersd_core.flags import split_flags
from hypersd_core.permutations import place_in
from hypersd_core.picks import rename_in, wildcards_in
from hypersd_core.request import MAX_SEED

LISTS = {
    "animal": ("fox", "hare", "owl", "toad"),
    "colour": ("red", "green", "blue"),
    "动物": ("狐狸", "猫"),
    "scene": ("a __animal__ in __colour__ light", "two __animal__"),
    "loop": ("a __pool__",),
    "pool": ("a __loop__",),
    "lost": ("__nothing__",),
    "empty": (),
}
TRICKY = st.lists(
    st.sampled_from([*"{},\\()[]_ab", "__", "__animal__", "\\__", "--seed 7 ", "\u0301", "动"]),
    max_size=30,
).map("".join)


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("a fox", ["a fox"]),
        ("{red,green} car", ["red car", "green car"]),
        ("{red, green } car", ["red car", "green car"]),
        ("{a,b} {c,d}", ["a c", "a d", "b c", "b d"]),
        ("{a {b,c},d}", ["a b", "a c", "d"]),
        ("{{a,b},{c,d}}", ["a", "b", "c", "d"]),
        ("{very,}big", ["verybig", "big"]),
        ("{prompt}, photo", ["{prompt}, photo"]),
        ("{{mask}}", ["{{mask}}"]),
        ("{x {a,b}}", ["{x a}", "{x b}"]),
        (r"\{a,b\}", ["{a,b}"]),
        (r"{a\,b,c}", ["a,b", "c"]),
        (r"\(a\) {\(b\, c,d}", [r"\(a\) \(b, c", r"\(a\) d"]),
        ("{(x, y:1.2), z}", ["(x, y:1.2)", "z"]),
        ("({x, z}:1.2)", ["(x:1.2)", "(z:1.2)"]),
        ("{[a, b:0.5], :)}", ["[a, b:0.5]", ":)"]),
        ('{"a, b"}', ['"a', 'b"']),
        ("a fox --steps {1,4}", ["a fox --steps 1", "a fox --steps 4"]),
        ("a fox --ar {3:2,2:3}", ["a fox --ar 3:2", "a fox --ar 2:3"]),
        ("a{ --private,}", ["a--private", "a"]),
        ("{红,绿}车", ["红车", "绿车"]),
    ],
)
def test_groups_become_every_combination_in_order(text: str, texts: list[str]) -> None:
    assert list(permutations(text, most=10)) == texts
    assert count_permutations(text) == len(texts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a {b, c", r"The { at character 3 of the prompt is never closed: write \{"),
        ("a} b", r"The } at character 2 of the prompt closes nothing: write \}"),
        ("{a,{b}", "The { at character 1"),
        ("\U0001f469\u200d\U0001f9b0\U0001f44d\U0001f3fde\u0301{", "The { at character 4"),
        ("{" * 9, "The braces at character 9 of the prompt are nested deeper than 8."),
        ("{a,b}{a,b}{a,b,c}", "The braces make 12 prompts; at most 10 are allowed."),
        ("{a,b}" * 40, "The braces make more than 1,000,000,000 prompts; at most 10"),
        ("{a,b}" * 20_000, "The braces make more than"),
        ("{" * 50_000, "The braces at character 9 of the prompt are nested deeper"),
    ],
)
def test_what_cannot_be_expanded_is_refused_with_place_or_number(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        permutations(text, most=10)
    assert str(refused.value).startswith(message)


WORD = st.text("abc é", min_size=1, max_size=3)
GROUPS = st.lists(st.lists(WORD, min_size=2, max_size=4), max_size=4)


@settings(deadline=None)
@given(GROUPS)
def test_the_count_is_the_product_of_the_sizes_of_the_groups(groups: list[list[str]]) -> None:
    text = " and ".join("{" + ",".join(options) + "}" for options in groups)
    wanted = math.prod(map(len, groups))
    texts = permutations(text, most=1000)
    assert len(texts) == count_permutations(text) == wanted
    first = " and ".join(options[0].strip() for options in groups)
    last = " and ".join(options[-1].strip() for options in groups)
    assert (texts[0], texts[-1]) == (first, last)


@settings(deadline=None)
@given(TRICKY | st.text(st.characters(codec="utf-8"), max_size=200))
def test_an_escaped_text_stands_for_itself_alone(text: str) -> None:
    assert expand(escape(text), LISTS, seed=1, most=1).texts == (text,)


@settings(deadline=None)
@given(TRICKY)
def test_any_text_is_expanded_or_refused_in_words(text: str) -> None:
    try:
        expansion = expand(text, LISTS, seed=3, most=100)
    except InvalidRequest:
        return
    assert len(expansion.texts) == len(expansion.seeds) == count_permutations(text)


# Published numbers: a picture that was drawn with a seed must have the same words forever.
@pytest.mark.parametrize(
    ("seed", "text"),
    [
        (0, "owl toad blue 猫 two hare"),
        (1, "fox owl blue 狐狸 two fox"),
        (4_294_967_295, "owl fox blue 狐狸 two owl"),
    ],
)
def test_the_same_seed_picks_the_same_entries_on_every_machine(seed: int, text: str) -> None:
    typed = "__animal__ __animal__ __colour__ __动物__ __scene__"
    assert pick(typed, LISTS, seed=seed).text == text


def test_each_occurrence_picks_for_itself_and_all_entries_come_up() -> None:
    texts = {pick("__animal__ __animal__", LISTS, seed=seed).text for seed in range(400)}
    assert texts == {f"{a} {b}" for a in LISTS["animal"] for b in LISTS["animal"]}


def test_a_wildcard_in_front_does_not_change_what_others_of_other_places_pick() -> None:
    one = pick("__colour__ __animal__", LISTS, seed=5).text.split()
    other = pick("__动物__ __animal__", LISTS, seed=5).text.split()
    assert one[1] == other[1]


@pytest.mark.parametrize(
    "text",
    [
        "snake__case__word",
        "a____b",
        "___animal___",
        "a __ animal __ b",
        "__animal",
        "__、__",
        "naïve__animal__",
        "__{animal}__",
    ],
)
def test_ordinary_underscores_are_text(text: str) -> None:
    assert pick(text, LISTS, seed=1) == pick(text, {}, seed=1)
    assert pick(text, {}, seed=1).text == text
    assert wildcards_in(text) == ()


@pytest.mark.parametrize(
    ("text", "picked"),
    [
        ("__one__", "1"),
        ("__ONE__", "1"),
        ("__one__s, (__one__:1.2)", "1s, (1:1.2)"),
        ("__one____one__", "11"),
        ("一只__one__在雪中", "一只1在雪中"),
        ("--steps __one__", "--steps 1"),
        (r"\__one__ __one__", "__one__ 1"),
        ("[__one__|__a/b-c_d__]", "[1|2]"),
        ("__" + unicodedata.normalize("NFD", "É") + "__", "3"),
        ("__हिन्दी__", "4"),
    ],
)
def test_wildcards_are_filled_in(text: str, picked: str) -> None:
    lists = {"One": ("1",), "a/b-c_d": ("2",), "é": ("3",), "हिन्दी": ("4",)}
    assert pick(text, lists, seed=9).text == picked


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a __anima__",
            "There is no wildcard list anima here (character 3): did you mean animal? "
            r"/wildcard create makes a new one; \__anima__ are the words themselves.",
        ),
        (
            "__hair__",
            "There is no wildcard list hair here (character 1): make it with /wildcard create, or "
            r"write \__hair__ for the words themselves.",
        ),
        ("__loop__", "The wildcard list loop picks from itself: loop > pool > loop."),
        (
            "__lost__",
            "The wildcard list lost picks from nothing, and there is no such list: make it, or "
            "edit lost.",
        ),
        ("__empty__", "The wildcard list empty is empty."),
        ("__animal__ " * 201, "The wildcards pick more than 200 entries: use fewer."),
    ],
)
def test_a_wildcard_that_picks_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        pick(text, LISTS, seed=1)
    assert str(refused.value) == message


def test_lists_pick_from_one_another_to_a_limit() -> None:
    lists = {f"l{i}": (f"__l{i + 1}__",) for i in range(9)}
    with pytest.raises(InvalidRequest, match=r"8 deep, not deeper: l0 > l1 > .* > l8"):
        pick("__l0__", lists, seed=1)
    assert pick("__l2__", {**lists, "l9": ("end",)}, seed=1).text == "end"


def test_permutations_come_first_and_each_text_picks_as_it_would_alone() -> None:
    expansion = expand("{red,green} __animal__ {x,y}", LISTS, seed=11, most=4)
    alone = [expand(f"{c} __animal__ {d}", LISTS, seed=11, most=1) for c in ("red", "green")
             for d in "xy"]  # fmt: skip
    assert expansion.texts == tuple(one.texts[0] for one in alone)
    assert expansion.seeds == (11,) * 4
    assert expansion.used == ("animal",)


def test_a_text_that_says_its_seed_picks_by_that_one() -> None:
    expansion = expand("__animal__ __animal__ --seed {5,6,-1}", LISTS, seed=7, most=3)
    assert expansion.seeds == (5, 6, 7)
    for text, seed in zip(expansion.texts, expansion.seeds, strict=True):
        said = pick("__animal__ __animal__", LISTS, seed=seed).text
        assert split_flags(text)[0] == said


def test_braces_in_an_entry_are_text() -> None:
    assert expand("__x__", {"x": ("{a,b}",)}, seed=1, most=1).texts == ("{a,b}",)


def test_used_lists_are_named_once_in_order_with_those_inside() -> None:
    assert pick("__scene__ __animal__", LISTS, seed=0).used[0] == "scene"
    assert "animal" in pick("__scene__", LISTS, seed=0).used


def test_a_renamed_list_is_picked_from_by_its_new_name() -> None:
    assert (
        rename_in("__a__ \\__a__ x__a__ __A____b__", "a", "z") == "__z__ \\__a__ x__a__ __z____b__"
    )


def test_repeats_have_seeds_of_their_own() -> None:
    assert repeat_seeds(5, count=4, times=3, most=10) == (5, 9, 13)
    assert repeat_seeds(MAX_SEED, count=2, times=2, most=10) == (MAX_SEED, 1)
    for times in (0, -1, 11):
        with pytest.raises(InvalidRequest, match=f"repeat must be from 1 to 10, got {times}"):
            repeat_seeds(5, count=1, times=times, most=10)


@pytest.mark.parametrize(
    ("text", "index", "place"),
    [("abc", 2, 3), ("e\u0301b", 2, 2), ("\U0001f468\u200d\U0001f469x", 3, 2), ("你好", 1, 2)],
)
def test_places_are_counted_as_people_see_characters(text: str, index: int, place: int) -> None:
    assert place_in(text, index) == place
