"""The parameters text of A1111, which travels inside every picture: written and read.

::

    a lady, (freckles) <lora:freckles:0.8>
    Negative prompt: hat
    Steps: 4, Sampler: DPM++ SDE, Schedule type: Karras, CFG scale: 2, Seed: 123, Size: 64x72, ...

What a text that was read asks to draw is told by ``hypersd_core.redraw``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from hypersd_core.errors import InvalidRequest
from hypersd_core.i18n import say
from hypersd_core.prompt import LoraTag
from hypersd_core.request import LANCZOS, LATENT, MAX_SEED, Emphasis, GenerationRequest
from hypersd_core.sampling import SAMPLING_METHODS

UPSCALER_LABELS = {LATENT: "Latent", LANCZOS: "Lanczos"}
EMPHASIS_LABELS = {Emphasis.ORIGINAL: "Original", Emphasis.NO_NORM: "No norm"}
MAX_INFOTEXT_CHARS = 100_000
_NEGATIVE = "Negative prompt:"
_LEAST_PAIRS = 3
_HASH_DIGITS = 10  # of SHA-256; what A1111 and Civitai show
# A1111's rule, in linear time: a key starts only where a run of its characters does. It knows JSON
# values too, which Civitai appends and A1111 takes for more keys.
_PAIR = re.compile(
    r"""
    (?<! [\w \-/] ) [ ]*+ (?P<key> \w [\w \-/]++ ) : \s*+
    (?P<value> " (?: \\. | [^\\"] )++ " | \{ [^{}]*+ \} | \[ [^\[\]]*+ \] | [^,]*+ )
    \s*+ (?: , | $ )
    """,
    re.VERBOSE,
)
_MUST_QUOTE = re.compile(r'[,:\n\r"\\{}\[\]]|^\s|\s$|^$')
_NEGATIVE_LINE = re.compile(rf"^[^\S\n]*{_NEGATIVE}", re.MULTILINE)
_STEPS = re.compile(r"(?<!\w)Steps:\s*\d+\s*,")
_FENCED = re.compile(r"```(?:[\w-]*\n)?(.*?)```", re.DOTALL)
_QUOTES = ('""', "\u201c\u201d", "''", "\u2018\u2019", "``")


@dataclass(frozen=True, slots=True, kw_only=True)
class Infotext:
    """A parameters text, taken apart: ``parameters`` are its keys and values in their order."""

    prompt: str
    negative: str
    parameters: Mapping[str, str]


def infotext(request: GenerationRequest, index: int, *, hashes: Mapping[str, str] = {}) -> str:
    """How picture ``index`` of ``request`` was made, in A1111's words and order of keys.

    ``hashes``: the SHA-256 in hex of model, VAE and LoRA files, by name, as far as it is known.
    """
    lines = [" ".join([request.prompt, *map(lora_tag, request.loras)])]
    if request.negative:
        lines.append(f"{_NEGATIVE} {request.negative}")
    parameters = _sampling(request, index) | _files(request, hashes) | _changes(request, index)
    parameters |= _extras(request, hashes) | {"Version": "hypersd-bot"}
    pairs = (f"{key}: {_quote(value)}" for key, value in parameters.items() if value is not None)
    return "\n".join([*lines, ", ".join(pairs)])


def lora_tag(lora: LoraTag) -> str:
    """``lora`` as it stands in a prompt: ``<lora:name:weight>``, or A1111's text weight first."""
    weights = dict.fromkeys((_number(lora.text_weight), _number(lora.weight)))
    return f"<lora:{':'.join([lora.name, *weights])}>"


def read_infotext(text: str) -> Infotext:
    """Take a parameters text apart, as it stands in a file or was pasted into a chat.

    The parameters are the last line that holds ``Steps`` and two more pairs. Code fences, quotes
    and lost line breaks are undone only where the text is not one as it stands. Raises
    InvalidRequest if it is none at all.
    """
    if len(text) > MAX_INFOTEXT_CHARS:
        raise InvalidRequest(
            say(
                "The text has {chars:,} characters; at most {most:,} can be read.",
                chars=len(text),
                most=MAX_INFOTEXT_CHARS,
            )
        )
    for candidate in _unwrapped(text.replace("\r\n", "\n").strip()):
        *lines, last = candidate.split("\n")
        if parameters := _parameters(last):
            return _with_prompts("\n".join(lines), parameters)
    return _inside(text.replace("\r\n", "\n"))


def _sampling(request: GenerationRequest, index: int) -> dict[str, object]:
    method = SAMPLING_METHODS[request.sampler]
    return {
        "Steps": request.steps,
        "Sampler": method.label,
        "Schedule type": method.schedule_label or None,
        "CFG scale": _number(request.guidance),
        "Seed": request.seeds[index],
        "Size": f"{request.width}x{request.height}",
    }


def _files(request: GenerationRequest, hashes: Mapping[str, str]) -> dict[str, object]:
    return {
        "Model hash": _short_hash(hashes, request.model),
        "Model": request.model,
        "VAE hash": _short_hash(hashes, request.vae),
        "VAE": request.vae or None,
    }


def _changes(request: GenerationRequest, index: int) -> dict[str, object]:
    """What A1111 writes where it is not the usual."""
    variation, redone = request.variation, request.source or request.hires
    return {
        "Variation seed": variation and (variation.seed + index) % (MAX_SEED + 1),
        "Variation seed strength": variation and _number(variation.strength),
        "Denoising strength": redone and _number(redone.strength),
        "Clip skip": request.clip_skip if request.clip_skip > 1 else None,
        "Tiling": True if request.tiling else None,
    }


def _extras(request: GenerationRequest, hashes: Mapping[str, str]) -> dict[str, object]:
    """A1111's further keys, and ours: Timesteps, Hires denoising strength, Enlarged."""
    source, is_usual = request.source, request.emphasis is Emphasis.ORIGINAL
    known = [(lora.name, _short_hash(hashes, lora.name)) for lora in request.loras]
    return {
        "Eta": _number(request.eta) if SAMPLING_METHODS[request.sampler].uses_eta else None,
        "Timesteps": " ".join(map(str, request.timesteps)) or None,
        "Lora hashes": ", ".join(f"{name}: {short}" for name, short in known if short) or None,
        "Emphasis": None if is_usual else EMPHASIS_LABELS[request.emphasis],
        "Inpaint area": "Whole picture" if source and source.mask else None,
        "Upscaler for img2img": source.upscaler if source and source.upscaler != LANCZOS else None,
        **_hires(request),
        "Enlarged": f"{request.enlarge}x Lanczos" if request.enlarge > 1 else None,
    }


def _hires(request: GenerationRequest) -> dict[str, object]:
    hires = request.hires
    if hires is None:
        return {}
    return {
        "Hires upscale": _number(hires.scale),
        "Hires steps": hires.steps or None,
        "Hires upscaler": UPSCALER_LABELS.get(hires.upscaler, hires.upscaler),
        # A1111 has no such key: it draws either from a picture or in two passes.
        "Hires denoising strength": _number(hires.strength) if request.source else None,
    }


def _short_hash(hashes: Mapping[str, str], name: str) -> str | None:
    return hashes[name][:_HASH_DIGITS] if name in hashes else None


def _number(value: float) -> str:
    """All of its digits, without an exponent; whole numbers without a point."""
    return f"{Decimal(repr(value)):f}".removesuffix(".0")


def _quote(value: object) -> str:
    """A value that would not read back as it stands is written as a JSON string."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if _MUST_QUOTE.search(text) else text


def _unquote(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            value = json.loads(text)
        except ValueError:
            return text  # A1111 leaves it, too
        return str(value)
    return text


def _parameters(line: str) -> dict[str, str]:
    """The pairs of a line of parameters; none if it is no such line."""
    pairs = list(_PAIR.finditer(line))
    if len(pairs) < _LEAST_PAIRS or pairs[0].start() or pairs[0]["key"] != "Steps":
        return {}
    return {pair["key"]: _unquote(pair["value"].strip()) for pair in pairs}


def _with_prompts(prompts: str, parameters: Mapping[str, str]) -> Infotext:
    """The negative prompt starts at the first line that says so."""
    prompt, *negative = _NEGATIVE_LINE.split(prompts, maxsplit=1)
    return Infotext(
        prompt=prompt.strip(), negative="".join(negative).strip(), parameters=parameters
    )


def _unwrapped(text: str) -> Iterator[str]:
    """What may be the text itself: without the quote marks around it, else a code block in it."""
    if all(line.startswith(">") for line in text.split("\n")):
        text = "\n".join(line[1:].removeprefix(" ") for line in text.split("\n")).strip()
    if text.endswith("```") and (fenced := _FENCED.fullmatch(text)):
        text = fenced[1].strip()
    elif text[:1] + text[-1:] in _QUOTES and _is_of_the_whole(text):
        text = text[1:-1].strip()
    yield text
    for fenced in _FENCED.finditer(text):
        yield fenced[1].strip()


def _is_of_the_whole(text: str) -> bool:
    """Whether the quote at the end is the partner of that at the beginning, as far as one can see.

    A prompt may begin with a quoted word, and a quoted value may end the parameters.
    """
    last_line = text.rpartition("\n")[2]
    return text.count(text[-1]) <= 2 or last_line.count(text[-1]) % 2 == 1


def _inside(text: str) -> Infotext:
    """The last parameters in ``text``, whatever follows them, or even on the line of the prompt."""
    lines = text.split("\n")
    for number in reversed(range(len(lines))):
        for start in reversed([found.start() for found in _STEPS.finditer(lines[number])]):
            if parameters := _parameters(lines[number][start:]):
                before = "\n".join([*lines[:number], lines[number][:start]])
                return _with_prompts(before.replace(_NEGATIVE, f"\n{_NEGATIVE}"), parameters)
    if text.lstrip().startswith("{") and ('"class_type"' in text or '"nodes"' in text):
        raise InvalidRequest(
            say(
                "This is a workflow of ComfyUI, which cannot be read: paste a text in the form of "
                'A1111, with a line such as "Steps: 4, Sampler: TCD, ...".'
            )
        )
    raise InvalidRequest(
        say(
            "The text holds no parameters: one of its lines must be such as "
            '"Steps: 4, Sampler: TCD, CFG scale: 1, Seed: 7".'
        )
    )
