"""Words in file names: where one starts and ends, and what a set of them fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypersd_core.file_names import NamePattern, spaced_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Hyper-SDXL-4steps-lora", "hyper sdxl 4 steps lora"),
        ("juggernautXL_v9Rdphoto2Lightning", "juggernaut xl v 9 rdphoto 2 lightning"),
        ("dreamshaperXL_lightningDPMSDE", "dreamshaper xl lightning dpmsde"),
        ("sd_xl_turbo_1.0_fp16", "sd xl turbo 1 0 fp 16"),
        ("v51HyperVAE", "v 51 hyper vae"),
        ("万享XL_超写实V8.4", "xl v 8 4"),
        ("", ""),
    ],
)
def test_words_change_at_separators_case_and_digits(name: str, words: str) -> None:
    assert spaced_words(name).strip() == words


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("hyper", "Juggernaut_X_Hyper", True),
        ("hyper", "v51HyperVAE", True),
        ("hyper", "hyperdetailed", False),
        ("hyper", "xlhyper", False),
        ("hyper", "hyper2", True),
        ("hyper -hyperreal*", "HyperRealismXL", False),
        ("hyper -hyperreal*", "hyper_real", False),
        ("sdxlturbo", "sd_xl_turbo_1.0", True),
        ("sdxlturbo", "sdxlUnstable_turbo", False),
        ("4step*", "4steps", True),
        ("4step*", "4-step", True),
        ("4step*", "14steps", False),
        ("4step*", "Lightning46Step", False),
        ("4step*", "v4step", True),
        ("1step*", "11step", False),
        ("dmd2", "dmd2_sdxl", True),
        ("dmd2", "dmd_2", True),
        ("juggernaut* lightning", "juggernautxl_lightning", True),
        ("juggernaut* lightning", "juggernautXL_hyper", False),
    ],
)
def test_a_pattern_fits_a_name_that_has_all_its_words(pattern: str, name: str, fits: bool) -> None:
    assert NamePattern.of(pattern).fits(spaced_words(name)) is fits


def test_the_length_of_a_pattern_is_that_of_what_must_be_there() -> None:
    assert NamePattern.of("hyper 4step* -cfg").length == len("hyper4step")


@given(st.text(st.characters(codec="ascii"), max_size=40), st.sampled_from("-_ ."))
def test_separators_are_all_alike(name: str, separator: str) -> None:
    assert spaced_words(name) == spaced_words(f"{separator}{name}{separator}")
    assert spaced_words(name.replace("_", separator)) == spaced_words(name)
