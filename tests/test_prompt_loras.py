"""LoRA tags: what they say, what they leave behind, and what is refused."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypersd_core.errors import InvalidRequest
from hypersd_core.prompt import LoraTag, split_loras

ANY_TEXT = st.text(max_size=300) | st.lists(
    st.sampled_from(
        ["<lora:", "<", ">", "x", ":", "te=", "unet=", "0.5", ",", " ", "(", "<lora:y>"]
    ),
    max_size=20,
).map("".join)


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("<lora:x>", LoraTag(name="x")),
        ("<lora:x:0.8>", LoraTag(name="x", weight=0.8, text_weight=0.8)),
        ("<lora:x:.5>", LoraTag(name="x", weight=0.5, text_weight=0.5)),
        ("<lora:x:-1>", LoraTag(name="x", weight=-1, text_weight=-1)),
        ("<lora:x:0.5:1>", LoraTag(name="x", weight=1, text_weight=0.5)),
        ("<lora:x:te=0.5>", LoraTag(name="x", weight=0.5, text_weight=0.5)),
        ("<lora:x:unet=0.5>", LoraTag(name="x", weight=0.5, text_weight=1)),
        ("<lora:x:te=0.5:unet=0.8>", LoraTag(name="x", weight=0.8, text_weight=0.5)),
        ("<lora:x:unet=0.8:te=0.5>", LoraTag(name="x", weight=0.8, text_weight=0.5)),
        ("<lora:x:0.5:unet=0.8>", LoraTag(name="x", weight=0.8, text_weight=0.5)),
        ("<lora:x:unet=0.8:0.5>", LoraTag(name="x", weight=0.8, text_weight=0.5)),
        (
            "<lora: my file (v2) : 0.8 >",
            LoraTag(name="my file (v2)", weight=0.8, text_weight=0.8),
        ),
        ("<LoRA:x:TE = 0.5>", LoraTag(name="x", weight=0.5, text_weight=0.5)),
        ("<lyco:x:0.8>", LoraTag(name="x", weight=0.8, text_weight=0.8)),
        ("<lora:styles/x-1.5_b:1>", LoraTag(name="styles/x-1.5_b")),
    ],
)
def test_a_tag_says_name_and_weights(tag: str, expected: LoraTag) -> None:
    assert split_loras(f"a fox {tag}") == ("a fox", (expected,))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a, <lora:x>, b", "a, b"),
        ("a <lora:x> b", "a b"),
        ("a,<lora:x>,b", "a, b"),
        ("a <lora:x>, b", "a, b"),
        ("a, <lora:x> b", "a, b"),
        ("a<lora:x>b", "ab"),
        ("<lora:x>, a", "a"),
        ("a, <lora:x>", "a"),
        ("a, <lora:x>,\n", "a"),
        ("<lora:x>", ""),
        ("a <lora:x><lora:y> b", "a b"),
        ("a, <lora:x>, <lora:y>, b", "a, b"),
        ("a <lora:x>, <lora:y> b", "a, b"),
        ("a\n<lora:x>\nb", "a\nb"),
        ("(a, <lora:x>)", "(a)"),
        ("(<lora:x>, a)", "(a)"),
        ("[<lora:x> a:b <lora:y>:0.5]", "[a:b :0.5]"),
        ("a BREAK <lora:x> b", "a BREAK b"),
        ("a,  b ,, c <lora:x>", "a,  b ,, c"),  # nothing else is tidied
    ],
)
def test_a_tag_takes_its_separators_along(text: str, left: str) -> None:
    assert split_loras(text)[0] == left


def test_tags_keep_their_order() -> None:
    _, tags = split_loras("<lora:b:0.5> a fox <lora:a> in snow <lora:c:1>")
    assert [tag.name for tag in tags] == ["b", "a", "c"]


def test_a_tag_without_a_weight_has_the_default_of_its_name() -> None:
    text = "<lora:hyper> <lora:b:0.5> <lora:c:unet=0.5>"
    _, tags = split_loras(text, {"hyper": 0.125, "c": 0.7}.__getitem__)
    assert tags == (
        LoraTag(name="hyper", weight=0.125, text_weight=0.125),
        LoraTag(name="b", weight=0.5, text_weight=0.5),
        LoraTag(name="c", weight=0.5, text_weight=0.7),
    )


@pytest.mark.parametrize("text", ["a <3 b", "a < b > c", "<style:x:1>", "<lorax:1>", "a:b:0.5"])
def test_other_text_is_no_tag(text: str) -> None:
    assert split_loras(text) == (text, ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<lora:>", "The tag <lora:> names no LoRA: write <lora:name>"),
        ("<lora>", "The tag <lora> names no LoRA"),
        ("<lora: :1>", "The tag <lora: :1> names no LoRA"),
        ("<lora x:1>", "The tag <lora x:1> names no LoRA"),
        ("a <lora:x:0.8", "The tag <lora:x:0.8 is never closed"),
        ("<lora:x <lora:y>", "The tag <lora:x is never closed"),
        ("<lora:x:high>", 'The tag <lora:x:high> cannot have "high"'),
        ("<lora:x:>", 'The tag <lora:x:> cannot have ""'),
        ("<lora:x:0,8>", 'The tag <lora:x:0,8> cannot have "0,8"'),
        ("<lora:x:nan>", 'cannot have "nan"'),
        ("<lora:x:1e3>", 'cannot have "1e3"'),
        ("<lora:x:1:2:3>", 'cannot have "3"'),
        ("<lora:x:dyn=4>", 'cannot have "dyn=4"'),
        ("<lora:x:te=1:te=2>", 'cannot have "te=2"'),
        ("<lora:x:te=1:0.5>", 'cannot have "0.5"'),
        ("<lora:x:=1>", 'cannot have "=1"'),
        ("<hypernet:x:1>", "<hypernet:x:1> names a hypernetwork; only LoRAs can be used"),
        ("<lora:x:1> <lora:X:0.5>", "The LoRA x is named twice: write it once, with one weight."),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_text(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(message)):
        split_loras(text)


@settings(deadline=None)
@given(ANY_TEXT)
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        left, tags = split_loras(text)
    except InvalidRequest:
        return
    assert left == text or tags
    assert len(tags) == len(re.findall(r"<lora:", text, re.IGNORECASE))


def test_a_refusal_is_short_however_long_the_tag_is() -> None:
    with pytest.raises(InvalidRequest) as caught:
        split_loras(f"<lora:{'x' * 1_990}")
    assert len(str(caught.value)) < 250


@settings(deadline=None)
@given(st.text("ab ,", max_size=20), st.text("ab ,", max_size=20))
def test_texts_around_a_tag_stay_with_one_separator_between(before: str, after: str) -> None:
    left, _ = split_loras(f"{before}<lora:x:0.5>{after}")
    start, end = before.rstrip(" ,"), after.lstrip(" ,")
    assert left.startswith(start)
    assert left.endswith(end)
    separator = left[len(start) : len(left) - len(end)]
    dropped = before[len(start) :] + after[: len(after) - len(end)]
    if not start or not end:
        assert not separator
    else:
        assert separator == (", " if "," in dropped else " " if dropped else "")
