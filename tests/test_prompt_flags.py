"""Inline flags: what is one, what is prose, and what the errors say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypersd_core.errors import InvalidFlag
from hypersd_core.flags import PromptFlags, said_seed, split_flags

FLAG_TEXT = st.lists(
    st.sampled_from(
        [
            "--",
            "—",
            "\u2013",
            "-",
            " ",
            "=",
            ",",
            '"',
            "'",
            "steps",
            "no",
            "private",
            "ar",
            "n",
            "3",
            "3:2",
        ]
    ),
    max_size=30,
).map("".join)
DASHES = "-\u2013\u2014\u2015\u2212"


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("--steps 2", PromptFlags(steps=2)),
        ("--steps=2", PromptFlags(steps=2)),
        ("--steps = 2", PromptFlags(steps=2)),
        ("--steps\n2", PromptFlags(steps=2)),
        ('--steps "2"', PromptFlags(steps=2)),
        ("--Steps 2,", PromptFlags(steps=2)),
        ("--cfg 2", PromptFlags(guidance=2.0)),
        ("--guidance 1.5", PromptFlags(guidance=1.5)),
        ("--sampler tcd", PromptFlags(sampler="tcd")),
        ('--sampler "DPM++ SDE"', PromptFlags(sampler="DPM++ SDE")),
        ("--size 512x768", PromptFlags(size="512x768")),
        ("--size 512X768", PromptFlags(size="512x768")),
        ("--size 512\u00d7768", PromptFlags(size="512x768")),
        ("--ar 3:2", PromptFlags(size="3:2")),
        ("--aspect 16/9", PromptFlags(size="16:9")),
        ("--seed 4294967295", PromptFlags(seed=2**32 - 1)),
        ("--seed -1", PromptFlags(seed=-1)),
        ("--count 2", PromptFlags(count=2)),
        ("--n 2", PromptFlags(count=2)),
        ("--eta .3", PromptFlags(eta=0.3)),
        ("--private", PromptFlags(private=True)),
        ("--model portrait-64", PromptFlags(model="portrait-64")),
        ('--model "my model"', PromptFlags(model="my model")),
        ("--recipe hyper-sdxl-merged", PromptFlags(recipe="hyper-sdxl-merged")),
        ("--vae fix", PromptFlags(vae="fix")),
        ("--strength 0.4", PromptFlags(strength=0.4)),
        ("--denoise .4", PromptFlags(strength=0.4)),
        ("--variation-seed 7", PromptFlags(variation_seed=7)),
        ("--variation-strength .2", PromptFlags(variation_strength=0.2)),
        ("--hires 1.5", PromptFlags(hires=1.5)),
        (
            "--hires 2 --hires-strength .5 --hires-steps 3 --upscaler lanczos",
            PromptFlags(hires=2.0, hires_strength=0.5, hires_steps=3, upscaler="lanczos"),
        ),
        ("--tile", PromptFlags(tiling=True)),
        ("\u2014tiling", PromptFlags(tiling=True)),
        ("\u2014hires-steps 3", PromptFlags(hires_steps=3)),
        ("--clip-skip 2", PromptFlags(clip_skip=2)),
        ("--emphasis no_norm", PromptFlags(emphasis="no_norm")),
        ("--speed draft", PromptFlags(speed="draft")),
        ("--preset portrait", PromptFlags(preset="portrait")),
        ('--style "my own"', PromptFlags(preset="my own")),
        ("--repeat 3", PromptFlags(repeat=3)),
        ("\u2014r 3", PromptFlags(repeat=3)),
        ("--spoiler", PromptFlags(spoiler=True)),
        ("--no hat", PromptFlags(negative="hat")),
        ("--no hat, big  glasses,", PromptFlags(negative="hat, big  glasses")),
        ("--negative don't, 'x'", PromptFlags(negative="don't, 'x'")),
        ('--no ""', PromptFlags(negative="")),
        ('--no "hat --steps 9"', PromptFlags(negative="hat --steps 9")),
        ("--no \u201chat, scarf\u201d", PromptFlags(negative="hat, scarf")),
        ("--no 'the dog's hat'", PromptFlags(negative="'the dog's hat'")),
        ('--no "a"b', PromptFlags(negative='"a"b')),
        ("--no hat — tall", PromptFlags(negative="hat — tall")),
        ("--no hat --steps 2 --private", PromptFlags(negative="hat", steps=2, private=True)),
        (
            "--steps 2 --ar 3:2 --seed 7 --no hat --cfg 2 --sampler tcd --n 2 --eta .3",
            PromptFlags(
                steps=2,
                size="3:2",
                seed=7,
                negative="hat",
                guidance=2.0,
                sampler="tcd",
                count=2,
                eta=0.3,
            ),
        ),
    ],
)
def test_flags_are_read(text: str, flags: PromptFlags) -> None:
    assert split_flags(text) == ("", flags)
    assert split_flags(f"a red fox {text}") == ("a red fox", flags)


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("--steps 2 a fox", "a fox"),
        ("  a fox --steps 2  in snow ", "a fox in snow"),
        ("a fox, --steps 2, in snow", "a fox, in snow"),
        ("a fox --private --steps 2", "a fox"),
        ('--no "hat, scarf" a fox --steps 2', "a fox"),
        ("--private, --steps 2 a fox", "a fox"),
    ],
)
def test_flags_may_stand_anywhere(text: str, prompt: str) -> None:
    assert split_flags(text)[0] == prompt


@pytest.mark.parametrize(
    "dashes", ["\u2014", "\u2013", "\u2015", "\u2212", "\u2013\u2013", "\u2014-", "---"]
)
def test_typographic_dashes_start_a_flag(dashes: str) -> None:
    text = f"a fox {dashes}ar 3:2 {dashes}Private"
    assert split_flags(text) == ("a fox", PromptFlags(size="3:2", private=True))


@pytest.mark.parametrize(
    "text",
    [
        "a fox — red and quick",
        "a fox—red",
        "a fox —red",
        "a fox —stepson",
        "walk—steps to a door",
        "well--known, 3--4",
        "a -- b --- c --",
        "-steps 2",
        "--5 degrees",
        "no hat, 4 steps",
        "(fox:1.3), [snow] <lora:x:1>",
    ],
)
def test_prose_is_left_alone(text: str) -> None:
    assert split_flags(text) == (text, PromptFlags())


@pytest.mark.parametrize(
    ("text", "flag", "position", "message"),
    [
        (
            "a fox --stpes 2",
            "--stpes",
            6,
            "--stpes (character 7) is unknown: did you mean --steps?",
        ),
        ("——cgf 2", "——cgf", 0, "——cgf (character 1) is unknown: did you mean --cfg?"),
        (
            "--steps four",
            "--steps",
            0,
            '--steps (character 1) needs a whole number, not "four"',
        ),
        ("--steps 2.5", "--steps", 0, '--steps (character 1) needs a whole number, not "2.5"'),
        (
            "--steps \u0662",
            "--steps",
            0,
            '--steps (character 1) needs a whole number, not "\u0662"',
        ),
        ("--cfg high", "--cfg", 0, '--cfg (character 1) needs a number, not "high"'),
        ("--cfg nan", "--cfg", 0, '--cfg (character 1) needs a number, not "nan"'),
        (
            "--size 512",
            "--size",
            0,
            '--size (character 1) needs a size such as 768x1152, not "512"',
        ),
        ("--ar 3:0", "--ar", 0, '--ar (character 1) needs a ratio such as 3:2, not "3:0"'),
        (
            "--sampler ''",
            "--sampler",
            0,
            '--sampler (character 1) needs the name of a sampler, not ""',
        ),
        ("a --steps", "--steps", 2, "--steps (character 3) needs a value: a whole number"),
        (
            "--steps --seed 4",
            "--steps",
            0,
            "--steps (character 1) needs a value: a whole number",
        ),
        ("--no --seed 4", "--no", 0, "--no (character 1) needs a value: the things to leave out"),
        ("--private=yes", "--private", 0, "--private (character 1) takes no value"),
        (
            "--cfg 2 —guidance 3",
            "—guidance",
            8,
            "—guidance (character 9) is given twice (--guidance, --cfg)",
        ),
    ],
)
def test_mistakes_are_named(text: str, flag: str, position: int, message: str) -> None:
    with pytest.raises(InvalidFlag) as caught:
        split_flags(text)
    assert str(caught.value) == message
    assert caught.value.flag == flag
    assert caught.value.position == position


def test_an_unknown_flag_like_no_other_lists_them_all() -> None:
    with pytest.raises(
        InvalidFlag, match=r"--qqq .* known are --steps, --guidance, --cfg, .*--private"
    ):
        split_flags("a fox --qqq")


@pytest.mark.parametrize(
    ("text", "seed"),
    [
        ("a fox", None),
        ("a fox --seed 7 --steps __n__", 7),
        ("a fox \u2014Seed=7, red", 7),
        ("--seed __n__ --seed 4", None),
        ("--seed", None),
        ("--seed --steps 4", None),
        ("--unknown --seed -1", -1),
    ],
)
def test_the_seed_can_be_read_before_all_else(text: str, seed: int | None) -> None:
    assert said_seed(text) == seed


def test_a_number_too_long_for_python_is_a_bad_value() -> None:
    with pytest.raises(InvalidFlag, match="needs a whole number"):
        split_flags("--seed " + "9" * 5000)


@settings(deadline=None)
@given(st.text(max_size=500) | FLAG_TEXT)
def test_what_is_left_over_holds_no_flags(text: str) -> None:
    try:
        prompt, _ = split_flags(text)
    except InvalidFlag:
        return
    assert split_flags(prompt) == (prompt, PromptFlags())


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters=DASHES, exclude_categories=["Cs"]), max_size=500))
def test_text_without_dashes_is_only_stripped(text: str) -> None:
    assert split_flags(text) == (text.strip(), PromptFlags())


@settings(deadline=None)
@given(
    st.text("ab ,.", max_size=20),
    st.text("ab ,.", max_size=20),
    st.integers(-(2**40), 2**40),
    st.integers(1, 99),
)
def test_flags_do_not_disturb_each_other_or_the_prompt(
    before: str, after: str, seed: int, width: int
) -> None:
    prompt, flags = split_flags(f"{before} --seed {seed} --ar {width}:2 --private {after}")
    assert prompt == " ".join(filter(None, [before.strip(), after.strip()]))
    assert flags == PromptFlags(seed=seed, size=f"{width}:2", private=True)
