"""A1111's emphasis and chunks: documented examples, then properties of any text."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypersd_core.prompt import Chunk, Span, chunk_prompt, escape, parse_attention

BOS, EOS, PAD, COMMA = 900, 901, 0, 44
ANY_TEXT = st.text(max_size=500)
# Mostly the characters that mean something, so that short examples reach deep into the grammar.
PROMPT_TEXT = st.text(st.sampled_from("ab ,:.-15()[]\\"), max_size=60) | st.lists(
    st.sampled_from(["BREAK", " ", "a", "(", ")", "[", "]", ":1.3)", "\\", "x,"]), max_size=30
).map("".join)
PLAIN_TEXT = st.text(
    st.characters(exclude_characters="()[]\\", exclude_categories=["Cs"]), max_size=500
).filter(lambda text: "BREAK" not in text)


def tokenize(text: str) -> list[int]:
    """One token per word, its length; commas stand alone."""
    return [COMMA if word == "," else len(word) for word in re.findall(r",|[^\s,]+", text)]


def chunks_of(spans: list[Span], *, pad: int = PAD, max_chunk: int = 75) -> list[Chunk]:
    return chunk_prompt(
        spans,
        tokenize=tokenize,
        bos=BOS,
        eos=EOS,
        pad=pad,
        comma_ids={COMMA},
        max_chunk=max_chunk,
    )


def payload(chunk: Chunk) -> tuple[int, ...]:
    return chunk.token_ids[1 : chunk.token_ids.index(EOS)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("normal text", [("normal text", 1.0)]),
        ("", [("", 1.0)]),
        ("()", [("", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("an [unimportant] word", [("an ", 1.0), ("unimportant", 1 / 1.1), (" word", 1.0)]),
        ("(freckles)", [("freckles", 1.1)]),
        ("(x:1.3)", [("x", 1.3)]),
        ("(x:.5)", [("x", 0.5)]),
        ("(x:2.)", [("x", 2.0)]),
        ("(x:+2)", [("x", 2.0)]),
        ("(x:-1)", [("x", -1.0)]),
        ("(x:0)", [("x", 0.0)]),
        ("(x : 1.3 )", [("x ", 1.3)]),
        ("(a (b:1.3))", [("a ", 1.1), ("b", 1.43)]),
        ("((a):1.5)", [("a", 1.65)]),
        ("((x))", [("x", 1.21)]),
        ("[[x]]", [("x", 1 / 1.21)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        ("a [b (c", [("a ", 1.0), ("b ", 1 / 1.1), ("c", 1.0)]),
        ("a) b] c", [("a) b] c", 1.0)]),
        ("x:1.3) y", [("x:1.3) y", 1.0)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        ("(a:1.3, b)", [("a:1.3, b", 1.1)]),
        ("(x:1.2.3)", [("x:1.2.3", 1.1)]),
        ("(x:)", [("x:", 1.1)]),
        ("(x:1e3)", [("x:1e3", 1.1)]),
        ("[a:0.5]", [("a:0.5", 1 / 1.1)]),
        ("(a [b) c]", [("a ", 1.1), ("b", 1.0), (" c", 1 / 1.1)]),
        (r"\(literal\]", [("(literal]", 1.0)]),
        (r"(a \(b\))", [("a (b)", 1.1)]),
        (r"a\\(b)", [("a\\", 1.0), ("b", 1.1)]),
        (r"a\b", [("ab", 1.0)]),
        ("a\\", [("a", 1.0)]),
        ("ratio 3:2", [("ratio 3:2", 1.0)]),
        ("a BREAK b", [("a", 1.0), ("BREAK", -1.0), ("b", 1.0)]),
        ("a\nBREAK\nb", [("a", 1.0), ("BREAK", -1.0), ("b", 1.0)]),
        (
            " BREAK  BREAK ",
            [("", 1.0), ("BREAK", -1.0), ("", 1.0), ("BREAK", -1.0), ("", 1.0)],
        ),
        (" " * 6000, [(" " * 6000, 1.0)]),
        ("BREAKFAST, break", [("BREAKFAST, break", 1.0)]),
        ("(a BREAK b)", [("a", 1.1), ("BREAK", -1.0), ("b", 1.1)]),
        ("(a BREAK b:-1)", [("a", -1.0), ("BREAK", -1.0), ("b", -1.0)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                ("a ", 1.0),
                ("house", 1.573),
                (" ", 1.1),
                ("on", 1.0),
                (" a ", 1.1),
                ("hill", 0.55),
                (", sun, ", 1.1),
                ("sky", 1.4641),
                (".", 1.1),
            ],
        ),
    ],
)
def test_spans(text: str, expected: list[Span]) -> None:
    spans = parse_attention(text)
    assert [text for text, _ in spans] == [text for text, _ in expected]
    assert [weight for _, weight in spans] == pytest.approx([weight for _, weight in expected])


@settings(deadline=None)
@given(ANY_TEXT | PROMPT_TEXT)
def test_any_text_parses_into_merged_spans(text: str) -> None:
    spans = parse_attention(text)
    assert spans
    for (_, weight), (_, following) in pairwise(spans):
        assert weight != following or weight == -1.0


@settings(deadline=None)
@given(PLAIN_TEXT)
def test_plain_text_is_one_span(text: str) -> None:
    assert parse_attention(text) == [(text, 1.0)]


@settings(deadline=None)
@given((ANY_TEXT | PROMPT_TEXT).filter(lambda text: "BREAK" not in text))
def test_escaped_text_is_read_as_it_stands(text: str) -> None:
    assert parse_attention(escape(text)) == [(text, 1.0)]


@settings(deadline=None)
@given(PLAIN_TEXT.filter(bool), st.integers(0, 8), st.integers(0, 8))
def test_nested_weights_multiply(text: str, rounds: int, squares: int) -> None:
    nested = "(" * rounds + "[" * squares + escape(text) + "]" * squares + ")" * rounds
    ((parsed, weight),) = parse_attention(nested)
    assert parsed == text
    assert weight == pytest.approx(1.1 ** (rounds - squares))


@settings(deadline=None)
@given(st.floats(-9, 9).map(lambda weight: round(weight, 3)), st.integers(0, 4))
def test_a_written_weight_replaces_the_default_of_its_bracket(weight: float, outer: int) -> None:
    text = "(" * outer + f"(x:{weight:.3f})" + ")" * outer
    ((parsed, found),) = parse_attention(text)
    assert parsed == "x"
    assert found == pytest.approx(weight * 1.1**outer)


def test_an_empty_prompt_is_one_chunk_of_padding() -> None:
    (chunk,) = chunks_of(parse_attention(""))
    assert chunk.token_ids == (BOS, EOS, *[PAD] * 75)
    assert chunk.weights == (1.0,) * 77


def test_no_spans_are_one_chunk_too() -> None:
    assert chunks_of([]) == chunks_of([("", 1.0)])


def test_weights_follow_their_tokens() -> None:
    (chunk,) = chunks_of(parse_attention("one (three words here:1.5) end"))
    assert chunk.token_ids == (BOS, 3, 5, 5, 4, 3, EOS, *[PAD] * 70)
    assert chunk.weights == (1.0, 1.0, 1.5, 1.5, 1.5, 1.0, *[1.0] * 71)


def test_the_first_encoder_pads_with_eos() -> None:
    (chunk,) = chunks_of([("one", 1.0)], pad=EOS)
    assert chunk.token_ids == (BOS, 3, *[EOS] * 75)


@pytest.mark.parametrize(
    ("words", "sizes"), [(74, [74]), (75, [75]), (76, [75, 1]), (151, [75, 75, 1])]
)
def test_long_prompts_fill_chunks_of_75(words: int, sizes: list[int]) -> None:
    chunks = chunks_of([("word " * words, 1.0)])
    assert [len(payload(chunk)) for chunk in chunks] == sizes


@pytest.mark.parametrize(
    ("before", "sizes"),
    [
        (54, [75, 21]),  # the comma is the 55th token, 20 others follow: too far back
        (55, [56, 40]),  # the comma is one of the last 20 tokens: cut behind it
        (74, [75, 21]),  # the comma is the very last token
    ],
)
def test_an_overflowing_chunk_is_cut_behind_a_near_comma(before: int, sizes: list[int]) -> None:
    text = "word " * before + "," + " tail" * (95 - before)
    chunks = chunks_of([(text, 1.0)])
    assert [len(payload(chunk)) for chunk in chunks] == sizes


def test_a_comma_that_overflows_does_not_cut() -> None:
    text = "word " * 60 + "," + " tail" * 14 + ", end"
    assert [len(payload(chunk)) for chunk in chunks_of([(text, 1.0)])] == [75, 2]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("one BREAK one two", [1, 2]),
        ("one BREAK", [1]),
        ("BREAK one", [0, 1]),
        ("BREAK", [0]),
        ("one BREAK BREAK two", [1, 0, 1]),
        ("(one BREAK two:1.3)", [1, 1]),
        ("word " * 75 + "BREAK one", [75, 1]),
    ],
)
def test_break_starts_a_chunk(text: str, sizes: list[int]) -> None:
    chunks = chunks_of(parse_attention(text))
    assert [len(payload(chunk)) for chunk in chunks] == sizes


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(" ,ab", max_size=200), st.floats(0.1, 2)), max_size=6))
def test_no_token_is_lost_or_moved(spans: list[Span]) -> None:
    chunks = chunks_of(spans)
    expected = [(token, weight) for text, weight in spans for token in tokenize(text)]
    found = [
        pair
        for chunk in chunks
        for pair in zip(payload(chunk), chunk.weights[1 : 1 + len(payload(chunk))], strict=True)
    ]
    assert found == expected
    for chunk in chunks:
        assert len(chunk.token_ids) == len(chunk.weights) == 77
        assert chunk.token_ids[0] == BOS
        assert len(payload(chunk)) <= 75
        assert set(chunk.token_ids[len(payload(chunk)) + 2 :]) <= {PAD}


@settings(deadline=None)
@given(ANY_TEXT | PROMPT_TEXT)
def test_any_text_becomes_whole_chunks(text: str) -> None:
    chunks = chunks_of(parse_attention(text))
    assert chunks
    assert all(len(chunk.token_ids) == len(chunk.weights) == 77 for chunk in chunks)
