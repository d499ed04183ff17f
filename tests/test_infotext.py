"""The parameters text: what is written, what A1111 reads in it, and what we read in anybody's."""

import contextlib
import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypersd_core.errors import InvalidRequest
from hypersd_core.infotext import MAX_INFOTEXT_CHARS, infotext, lora_tag, read_infotext
from hypersd_core.prompt import LoraTag, split_loras
from hypersd_core.request import Emphasis, GenerationRequest, Hires, Source, Variation
from hypersd_core.sampling import SAMPLING_METHODS
from tests.any_request import REQUESTS, make_request

MODEL_SHA256 = "0123456789abcdef" * 4
LORA_SHA256 = "fedcba9876543210" * 4


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (
            make_request(negative="hat"),
            "a lady, (freckles)\n"
            "Negative prompt: hat\n"
            "Steps: 4, Sampler: DPM++ SDE, Schedule type: Karras, CFG scale: 2, Seed: 123, "
            "Size: 64x72, Model: tiny, Eta: 1, Version: hypersd-bot",
        ),
        (
            make_request(sampler="tcd", guidance=1.5, eta=0.3),
            "a lady, (freckles)\n"
            "Steps: 4, Sampler: TCD, CFG scale: 1.5, Seed: 123, Size: 64x72, Model: tiny, "
            "Eta: 0.3, Version: hypersd-bot",
        ),
        (
            make_request(enlarge=4, model='a, "b": c', steps=1),
            "a lady, (freckles)\n"
            "Steps: 1, Sampler: DPM++ SDE, Schedule type: Karras, CFG scale: 2, Seed: 123, "
            'Size: 64x72, Model: "a, \\"b\\": c", Eta: 1, '
            "Enlarged: 4x Lanczos, Version: hypersd-bot",
        ),
        (
            make_request(
                sampler="tcd",
                steps=2,
                timesteps=(800, 400),
                loras=(LoraTag(name="freckles", weight=0.8, text_weight=0.8),),
                vae="sharp",
                emphasis=Emphasis.NO_NORM,
                clip_skip=2,
                tiling=True,
                variation=Variation(seed=9, strength=0.25),
                hires=Hires(scale=2, strength=0.5, steps=3, upscaler="lanczos"),
            ),
            "a lady, (freckles) <lora:freckles:0.8>\n"
            "Steps: 2, Sampler: TCD, CFG scale: 2, Seed: 123, Size: 64x72, "
            "Model hash: 0123456789, Model: tiny, VAE: sharp, "
            "Variation seed: 9, Variation seed strength: 0.25, Denoising strength: 0.5, "
            "Clip skip: 2, Tiling: True, Eta: 1, Timesteps: 800 400, "
            'Lora hashes: "freckles: fedcba9876", Emphasis: No norm, '
            "Hires upscale: 2, Hires steps: 3, Hires upscaler: Lanczos, Version: hypersd-bot",
        ),
        (
            make_request(
                sampler="tcd",
                source=Source(picture="a.png", strength=0.6, mask="b.png", upscaler="4x-sharp"),
                hires=Hires(scale=1.5, strength=0.3),
            ),
            "a lady, (freckles)\n"
            "Steps: 4, Sampler: TCD, CFG scale: 2, Seed: 123, Size: 64x72, "
            "Model hash: 0123456789, Model: tiny, Denoising strength: 0.6, Eta: 1, "
            "Inpaint area: Whole picture, Upscaler for img2img: 4x-sharp, "
            "Hires upscale: 1.5, Hires upscaler: Latent, Hires denoising strength: 0.3, "
            "Version: hypersd-bot",
        ),
    ],
)
def test_the_infotext_is_a1111s(request_: GenerationRequest, expected: str) -> None:
    known = {"tiny": MODEL_SHA256, "freckles": LORA_SHA256}
    hashes = known if "Model hash" in expected else {}
    assert infotext(request_, 0, hashes=hashes) == expected


def test_each_picture_of_a_request_tells_its_own_seeds() -> None:
    request = make_request(seed=2**32 - 1, count=2, variation=Variation(seed=7, strength=1))
    assert "Seed: 4294967295, " in infotext(request, 0)
    assert "Seed: 0, " in infotext(request, 1)
    assert "Variation seed: 7, " in infotext(request, 0)
    assert "Variation seed: 8, " in infotext(request, 1)


def test_an_eta_that_does_nothing_is_not_told() -> None:
    assert "Eta" not in read_infotext(infotext(make_request(sampler="lcm"), 0)).parameters


@pytest.mark.parametrize(
    ("lora", "tag"),
    [
        (LoraTag(name="a"), "<lora:a:1>"),
        (LoraTag(name="a", weight=0.8, text_weight=0.8), "<lora:a:0.8>"),
        (LoraTag(name="a", weight=0.8, text_weight=0), "<lora:a:0:0.8>"),
        (LoraTag(name="a b", weight=-1e-7, text_weight=-1e-7), "<lora:a b:-0.0000001>"),
    ],
)
def test_a_lora_tag_is_read_back_by_the_prompt(lora: LoraTag, tag: str) -> None:
    assert lora_tag(lora) == tag
    assert split_loras(f"a lady {tag}") == ("a lady", (lora,))


# The rule by which A1111 reads the text back (its infotext_utils.parse_generation_parameters).
_PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def read_as_a1111(text: str) -> tuple[str, str, dict[str, str]]:
    """Prompt, negative prompt, and the parameters of the last line."""
    *lines, last = text.strip().split("\n")
    parameters = dict(_PAIR.findall(last))
    assert len(parameters) >= 3, "with fewer pairs A1111 takes the last line for a prompt"
    prompt: list[str] = []
    negative: list[str] = []
    for line in lines:
        if line.startswith("Negative prompt: "):
            negative.append(line.removeprefix("Negative prompt: "))
        else:
            (negative or prompt).append(line)
    return "\n".join(prompt), "\n".join(negative), parameters


def unquoted(value: str) -> str:
    return str(json.loads(value)) if value.startswith('"') else value


@pytest.mark.parametrize(
    "model", ["tiny", "a, b", "x: y", 'quoted "name", twice', "狐, v2", '"all"', "{a}", " a "]
)
@pytest.mark.parametrize(
    ("prompt", "negative"),
    [
        ("a lady", ""),
        ("a lady, Steps: 4, hat", "glasses, Seed: 3"),
        ("one\ntwo: 2", "three\nfour, five"),
        ("雀斑", "帽子"),
    ],
)
def test_a1111_reads_back_what_was_asked(model: str, prompt: str, negative: str) -> None:
    request = make_request(prompt=prompt, negative=negative, model=model, seed=7, count=2)
    text = infotext(request, 1)
    read_prompt, read_negative, parameters = read_as_a1111(text)
    assert (read_prompt, read_negative) == (prompt, negative)
    assert unquoted(parameters["Model"]) == model
    assert parameters["Steps"] == "4"
    assert parameters["Sampler"] == "DPM++ SDE"
    assert parameters["Schedule type"] == "Karras"
    assert parameters["CFG scale"] == "2"
    assert parameters["Seed"] == "8"
    assert parameters["Size"] == "64x72"
    ours = read_infotext(text)
    assert (ours.prompt, ours.negative) == (prompt, negative)
    assert ours.parameters == {key: unquoted(value) for key, value in parameters.items()}


def says_negative(text: str) -> bool:
    return re.search(r"^\s*Negative prompt:", text, re.MULTILINE) is not None


@given(REQUESTS.filter(lambda request: not says_negative(request.prompt)))
def test_any_request_is_read_back(request_: GenerationRequest) -> None:
    info = read_infotext(infotext(request_, 0))
    tags = [lora_tag(lora) for lora in request_.loras]
    whole = " ".join([request_.prompt, *tags]).replace("\r\n", "\n").strip()
    assert info.prompt == whole
    assert info.negative == request_.negative.replace("\r\n", "\n").strip()
    assert info.parameters["Model"] == request_.model
    assert info.parameters.get("VAE", "") == request_.vae
    assert int(info.parameters["Seed"]) == request_.seed
    assert float(info.parameters["CFG scale"]) == request_.guidance
    if SAMPLING_METHODS[request_.sampler].uses_eta:
        assert float(info.parameters["Eta"]) == request_.eta


FOREIGN = (
    "a lady,\nbrown eyes <lora:freckles:0.8>\n"
    "Negative prompt: hat,\nglasses\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 512x768, "
    "Model hash: 2d5af23726, Model: v1-5, Clip skip: 2, Version: v1.10.1"
)


def test_a_text_of_a1111_is_taken_apart() -> None:
    info = read_infotext(FOREIGN)
    assert info.prompt == "a lady,\nbrown eyes <lora:freckles:0.8>"
    assert info.negative == "hat,\nglasses"
    assert info.parameters["Size"] == "512x768"
    assert list(info.parameters)[-1] == "Version"


def quoted_in_chat(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


@pytest.mark.parametrize(
    "pasted",
    [
        FOREIGN.replace("\n", "\r\n"),
        f"\n\n  {FOREIGN}\n\n",
        f"```\n{FOREIGN}\n```",
        f"```text\n{FOREIGN}```",
        f"Look at these settings:\n```\n{FOREIGN}\n```\nNice, aren't they?",
        f"`{FOREIGN}`",
        f'"{FOREIGN}"',
        f"\u201c{FOREIGN}\u201d",
        quoted_in_chat(FOREIGN),
        quoted_in_chat(f"```\n{FOREIGN}\n```"),
        f"{FOREIGN}\nTemplate: a {{lady|man}}\nNegative Template: hat",
    ],
)
def test_what_a_chat_adds_is_taken_off(pasted: str) -> None:
    assert read_infotext(pasted) == read_infotext(FOREIGN)


def test_quotes_of_the_text_itself_stay() -> None:
    info = read_infotext('"two" and "three"\nSteps: 4, Sampler: TCD, Model: tiny, Old: "a, b"')
    assert info.prompt == '"two" and "three"'
    assert info.parameters["Old"] == "a, b"


def test_lost_line_breaks_do_no_harm() -> None:
    info = read_infotext(FOREIGN.replace("\n", " "))
    assert info.prompt == "a lady, brown eyes <lora:freckles:0.8>"
    assert info.negative == "hat, glasses"
    assert info.parameters == read_infotext(FOREIGN).parameters


def test_a_prompt_may_speak_of_steps_and_quotes() -> None:
    prompt = '> Steps: 4, Sampler: none, Seed: 1\n```\nSteps: 1, Sampler: x, Seed: 2\n```\n"b"'
    assert read_infotext(infotext(make_request(prompt=prompt), 0)).prompt == prompt


def test_a_text_without_prompt_has_an_empty_one() -> None:
    info = read_infotext("Steps: 4, Sampler: TCD, Seed: 7")
    assert (info.prompt, info.negative) == ("", "")


def test_the_json_that_civitai_appends_is_one_value() -> None:
    info = read_infotext(
        'a\nSteps: 4, Sampler: TCD, Seed: 7, Hashes: {"model": "ab", "lora:x": "cd"}, '
        'Civitai resources: [{"type":"checkpoint","modelVersionId":1},{"type":"lora"}], Version: 1'
    )
    assert info.parameters["Hashes"] == '{"model": "ab", "lora:x": "cd"}'
    assert info.parameters["Civitai resources"].endswith('{"type":"lora"}]')
    assert list(info.parameters)[-1] == "Version"


@pytest.mark.parametrize(
    "text", ["", "a lady", "a lady, Steps: 4, hat", "Steps: 4, Seed: 3", "a: b, c: d, e: f"]
)
def test_a_text_without_parameters_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="holds no parameters"):
        read_infotext(text)


def test_a_workflow_of_comfyui_is_named() -> None:
    with pytest.raises(InvalidRequest, match="ComfyUI"):
        read_infotext(json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 5}}}))


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"100,001 characters"):
        read_infotext("a" * (MAX_INFOTEXT_CHARS + 1))


@pytest.mark.parametrize(
    "unit",
    ["a", " ", "a ", "a:", 'a:"', 'ab: "', "ab: {", "ab: [", "Steps: 4,", "Steps: 4, a\n", "```",
     "```\n", "\n", "> ", "Negative prompt:", "ab: \\", 'ab: "\\', "-", "\t"],
)  # fmt: skip
@pytest.mark.parametrize("end", ["", "\nSteps: 4, Sampler: TCD, Seed: 7", "Steps: 4, "])
def test_a_hostile_text_is_read_in_linear_time(unit: str, end: str) -> None:
    text = (unit * MAX_INFOTEXT_CHARS)[: MAX_INFOTEXT_CHARS - len(end)] + end
    started = time.process_time()
    with contextlib.suppress(InvalidRequest):
        read_infotext(text)
    assert time.process_time() - started < 10  # quadratic time would be minutes


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            ["Steps: 4", "Seed: 1", "Sampler: TCD", ", ", "\n", "```", "> ", '"', "{", "}", "[",
             ":", "Negative prompt:", " ", "\r\n", "a", "\\"]
        ),
        max_size=40,
    ).map("".join)
)  # fmt: skip
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        info = read_infotext(text)
    except InvalidRequest:
        return
    assert info.parameters["Steps"]
