"""The library: what is offered, what each name means, and what is refused with which words."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from hypersd_core.engine.catalog import Catalogue
from hypersd_core.engine.hashes import FileHashes
from hypersd_core.errors import InvalidRequest, ModelError, ModelNotFound, RecipeUnknown
from hypersd_core.library import Library
from hypersd_core.models import Family, Kind, ModelSpec
from hypersd_core.recipe_book import RecipeBook
from hypersd_core.recipes import Release
from tests.model_shelf import RECIPES_FILE, SHIPPED, Shelf, make_library, make_recipe, model_file

BASE = model_file("sd_xl_base_1.0")
UNET = model_file("sdxl_lightning_4step_unet", Kind.UNET)
UNKNOWN = model_file("juggernautXL_v8Rundiffusion")


def write_lora(path: Path) -> None:
    module = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = {
        f"{module}.lora_down.weight": np.zeros((1, 2048), np.float16),
        f"{module}.lora_up.weight": np.zeros((640, 1), np.float16),
        f"{module}.alpha": np.ones((), np.float16),
    }
    save_file(tensors, path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def on_disk(folder: Path, tmp_path: Path) -> Library:
    """A library of real files in ``folder``."""
    hashes = FileHashes(tmp_path / "hashes.json")
    return Library(Catalogue(folder), SHIPPED, default="none", sha256=hashes.sha256)


def test_the_embedded_model_is_offered_with_its_own_recipe() -> None:
    def never(path: Path) -> str:
        raise AssertionError(path)

    models = Catalogue(RECIPES_FILE.parent / "models")
    library = Library(models, SHIPPED, default="portrait-64", sha256=never)
    library.refresh()
    assert [choice.file.name for choice in library.models()] == ["portrait-64"]
    model = library.model()
    assert model.recipe is not None
    assert model.recipe.title == "Portrait 64"
    assert model.spec == ModelSpec(file=model.file)


def test_files_that_come_and_go_are_seen_after_a_refresh_and_not_before(
    on_disk: Library, folder: Path
) -> None:
    on_disk.refresh()
    write_lora(folder / "Hyper-SDXL-4steps-lora.safetensors")
    assert on_disk.loras() == ()
    on_disk.refresh()
    [lora] = on_disk.loras()
    assert lora.recipe is SHIPPED.named("hyper-sdxl-4")
    (folder / "Hyper-SDXL-4steps-lora.safetensors").unlink()
    assert on_disk.lora("Hyper-SDXL-4steps-lora") == lora
    on_disk.refresh()
    with pytest.raises(ModelNotFound, match="Hyper-SDXL-4steps-lora"):
        on_disk.lora("Hyper-SDXL-4steps-lora")


def test_a_sidecar_is_read_anew_at_each_refresh(on_disk: Library, folder: Path) -> None:
    write_lora(folder / "mine.safetensors")
    on_disk.refresh()
    assert on_disk.lora("mine").recipe is None
    (folder / "mine.toml").write_text('recipe = "hyper-sdxl-8"\nlora_scale = 0.75\n', "utf-8")
    on_disk.refresh()
    recipe = on_disk.lora("mine").recipe
    assert recipe is not None
    assert (recipe.steps, recipe.lora_scale) == (8, 0.75)


def test_a_file_without_a_telling_name_is_known_by_its_hash(folder: Path, tmp_path: Path) -> None:
    path = folder / "pytorch_lora_weights.safetensors"
    write_lora(path)
    release = Release(
        name="x",
        bytes=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    recipe = make_recipe(kinds=(Kind.LORA,), names=(), files=(release,))
    hashes = FileHashes(tmp_path / "hashes.json")
    book = RecipeBook({"x": recipe}, {})
    library = Library(Catalogue(folder), book, default="none", sha256=hashes.sha256)
    library.refresh()
    assert library.lora("pytorch_lora_weights").recipe is recipe


def test_a_wrong_sidecar_spoils_its_own_file_alone(on_disk: Library, folder: Path) -> None:
    for name in ("good", "bad"):
        write_lora(folder / f"{name}.safetensors")
    (folder / "bad.toml").write_text("steps = many", "utf-8")
    on_disk.refresh()
    assert [choice.file.name for choice in on_disk.loras()] == ["good"]
    assert [choice.file.name for choice in on_disk.entries()] == ["bad", "good"]
    with pytest.raises(ModelError, match=r"^The recipe bad\.toml is no TOML at line 1, "):
        on_disk.lora("bad")


def test_a_problem_is_logged_once(
    on_disk: Library, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_lora(folder / "bad.safetensors")
    (folder / "bad.toml").write_text("steps = many", "utf-8")
    for _ in range(3):
        on_disk.refresh()
    [line] = [r.message for r in caplog.records if r.name == "hypersd_core.library"]
    assert line == (
        "bad cannot be used: The recipe bad.toml is no TOML at line 1, column 9. "
        f"({folder / 'bad.safetensors'}, TOMLDecodeError('Invalid value (at line 1, column 9)'))"
    )


def test_a_file_that_came_after_the_last_refresh_is_said_to_be_looked_at(
    folder: Path, tmp_path: Path
) -> None:
    hashes = FileHashes(tmp_path / "hashes.json")
    files = Catalogue(folder)
    library = Library(files, SHIPPED, default="none", sha256=hashes.sha256)
    library.refresh()
    write_lora(folder / "Hyper-SDXL-4steps-lora.safetensors")
    files.scan()
    with pytest.raises(ModelError) as refused:
        library.lora("Hyper-SDXL-4steps-lora")
    assert str(refused.value) == (
        "Hyper-SDXL-4steps-lora has just arrived and is being looked at: try again in a moment."
    )
    library.refresh()
    assert library.lora("Hyper-SDXL-4steps-lora").recipe is SHIPPED.named("hyper-sdxl-4")
    save_file({"x": np.zeros(1, np.float16)}, folder / "Hyper-SDXL-4steps-lora.safetensors")
    write_lora(folder / "Hyper-SDXL-4steps-lora.safetensors")
    files.scan()
    with pytest.raises(ModelError, match="has just arrived"):  # another file of the same name
        library.lora("Hyper-SDXL-4steps-lora")


def test_others_can_be_drawn_with_while_a_file_is_read() -> None:
    large = model_file("pytorch_lora_weights", Kind.LORA, bytes=787359648)
    style = model_file("style", Kind.LORA)
    seen: list[tuple[str, ...]] = []

    def slow(path: Path) -> str:
        assert path == large.path
        assert library.model().recipe is SHIPPED.named("sdxl-base")
        assert library.lora("style").recipe is None
        seen.append(tuple(choice.file.name for choice in library.entries()))
        return "ca689190e8c46038550384b5675488526cfe5a40d35f82b27acb75c100f417c1"

    library = Library(Shelf(large, style, BASE), SHIPPED, default=BASE.name, sha256=slow)
    library.refresh()
    assert library.lora(large.name).recipe is SHIPPED.named("hyper-sdxl-8")
    library.refresh()
    assert seen == [("style", BASE.name), (large.name, "style", BASE.name)]


def test_a_file_that_vanishes_while_it_is_looked_at_spoils_itself_alone() -> None:
    def vanished(path: Path) -> str:
        raise FileNotFoundError(2, "No such file", str(path))

    gone = model_file("gone", Kind.LORA, bytes=787359648)
    library = Library(Shelf(gone, BASE), SHIPPED, default=BASE.name, sha256=vanished)
    library.refresh()
    assert [choice.file for choice in library.models()] == [BASE]
    with pytest.raises(ModelError, match=r"^gone cannot be read"):
        library.lora("gone")


def test_only_what_can_be_used_is_offered() -> None:
    refiner = model_file("refiner", family=Family.SDXL_REFINER, obstacle="refiner cannot.")
    vae, bad_vae = model_file("fix", Kind.VAE), model_file("bad", Kind.VAE, obstacle="bad cannot.")
    upscaler = model_file("4x", Kind.UPSCALER, None)
    other = model_file("net", Kind.OTHER, None, obstacle="net is a ControlNet.")
    flux = model_file("Hyper-FLUX.1-dev-8steps-lora", Kind.LORA, Family.FLUX, obstacle="No.")
    style = model_file("style", Kind.LORA)
    library = make_library(BASE, UNET, refiner, vae, bad_vae, upscaler, other, flux, style)
    assert [choice.file for choice in library.models()] == [BASE, UNET]
    assert [choice.file for choice in library.loras()] == [style]
    assert library.vaes() == (vae,)
    assert library.upscalers() == (upscaler,)
    assert [choice.file for choice in library.entries()] == [BASE, UNET, refiner, flux, style]
    assert len(library.files()) == 9
    assert library.vae("fix") == vae
    assert library.upscaler("4x") == upscaler
    for refused in (library.model, library.vae):
        with pytest.raises(ModelError, match=r"^(refiner|bad) cannot\.$"):
            refused("refiner" if refused == library.model else "bad")


def test_a_few_step_file_for_another_family_is_recognised_and_refused() -> None:
    flux = model_file("Hyper-FLUX.1-dev-8steps-lora", Kind.LORA, Family.FLUX, obstacle="No.")
    with pytest.raises(ModelError) as refused:
        make_library(BASE, flux).lora(flux.name)
    assert str(refused.value) == (
        "Hyper-FLUX.1-dev-8steps-lora is recognised as Hyper-FLUX 8-step LoRA, but: FLUX is a "
        "flow-matching transformer, and only SDXL and SD1.5 can be drawn with."
    )


def test_nobody_names_the_default_model_and_everybody_may_name_another() -> None:
    library = make_library(BASE, UNKNOWN)
    assert library.model().file == library.model(BASE.name).file == BASE
    assert library.model(UNKNOWN.name).file == UNKNOWN
    with pytest.raises(ModelNotFound):
        library.model("nowhere")


def test_a_model_of_unknown_recipe_asks_what_to_write_where() -> None:
    library = make_library(UNKNOWN)
    error = library.unknown(library.model())
    assert isinstance(error, RecipeUnknown)
    assert str(error) == (
        "Nothing says how juggernautXL_v8Rundiffusion wants to be drawn with: choose a recipe such "
        "as sdxl-base, juggernaut-xl-lightning, juggernaut-x-hyper, hyper-sdxl-1-unet, or write "
        'recipe = "sdxl-base" into juggernautXL_v8Rundiffusion.toml beside it.'
    )
    folder = model_file("folder", path=Path("/nowhere/folder"))
    words = str(library.unknown(make_library(folder).model()))
    assert words.endswith("into recipe.toml in its folder.")


def test_a_model_for_which_there_is_no_recipe_asks_for_one_of_its_own() -> None:
    library = make_library(model_file("odd", family=None))
    assert str(library.unknown(library.model())) == (
        "Nothing says how odd wants to be drawn with: write a recipe into odd.toml beside it."
    )


def test_a_unet_takes_its_other_parts_from_the_plain_model() -> None:
    model = make_library(UNET, UNKNOWN, BASE).model()
    assert model.base == BASE
    assert model.spec == ModelSpec(file=UNET, base=BASE)


def test_a_unet_takes_its_other_parts_from_the_model_that_its_recipe_names() -> None:
    recipe = make_recipe(
        kinds=(Kind.UNET,), base=UNKNOWN.name, prediction="sample", config=Path("/configs")
    )
    library = make_library(model_file("m", Kind.UNET), BASE, UNKNOWN, recipes=(recipe,))
    assert library.model().spec == ModelSpec(
        file=model_file("m", Kind.UNET),
        base=UNKNOWN,
        config=Path("/configs"),
        prediction="sample",
    )


def test_a_unet_without_a_base_says_what_to_write_where() -> None:
    with pytest.raises(ModelError) as refused:
        make_library(UNET, UNKNOWN).model()
    assert str(refused.value) == (
        'sdxl_lightning_4step_unet is a UNet alone: write base = "NAME" into '
        "sdxl_lightning_4step_unet.toml beside it, with the name of the SDXL checkpoint that lends "
        "it text encoders and VAE; there are juggernautXL_v8Rundiffusion."
    )
    with pytest.raises(ModelError, match="there are none yet"):
        make_library(UNET).model()


def test_a_base_that_is_still_looked_at_is_waited_for() -> None:
    base = model_file("sd_xl_base_1.0", bytes=6938078334)

    def slow(path: Path) -> str:
        with pytest.raises(ModelError, match=r"^sd_xl_base_1\.0 has just arrived and is being"):
            library.model()
        return ""

    library = Library(Shelf(UNET, base), SHIPPED, default=UNET.name, sha256=slow)
    library.refresh()
    assert library.model().base == base


def test_a_base_of_another_family_is_refused() -> None:
    recipe = make_recipe(kinds=(Kind.UNET,), base="v1-5-pruned")
    library = make_library(
        model_file("m", Kind.UNET), model_file("v1-5-pruned", family=Family.SD15), recipes=(recipe,)
    )
    with pytest.raises(ModelError, match=r"^v1-5-pruned cannot lend its parts to m: .* SDXL"):
        library.model()


def test_recipes_are_offered_unless_they_cannot_be_drawn_with() -> None:
    library = make_library(BASE)
    assert {recipe.family for recipe in library.recipes()} == {Family.SDXL, Family.SD15}
    assert library.recipe("hyper-sdxl-4").steps == 4
    with pytest.raises(InvalidRequest, match=r"^The recipe hyper-flux-8 cannot be drawn with: "):
        library.recipe("hyper-flux-8")
