import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hypersd_core.engine.catalog import Catalogue, inspect
from hypersd_core.errors import ModelError, ModelNotFound
from hypersd_core.models import Family, Kind
from tests.engine import real_layouts as real
from tests.engine.header_files import write_header_only

LORA = {
    "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (
        4,
        2048,
    )
}
VAE = {"encoder.conv_in.weight": (128, 3, 3, 3), "decoder.conv_in.weight": (512, 4, 3, 3)}
ESRGAN = {"body.0.rdb1.conv1.weight": (32, 64, 3, 3)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def lora(path: Path, rank: int = 4, **metadata: str) -> Path:
    shapes = dict.fromkeys(LORA, (rank, 2048))
    return write_header_only(path, shapes, metadata=metadata)


def scanned(folder: Path) -> Catalogue:
    catalogue = Catalogue(folder)
    catalogue.scan()
    return catalogue


def names(catalogue: Catalogue) -> list[str]:
    return [file.name for file in catalogue.files()]


def refusal(catalogue: Catalogue, name: str, *kinds: Kind) -> str:
    with pytest.raises(ModelNotFound) as refused:
        catalogue.find(name, *kinds)
    return str(refused.value)


def write_folder(folder: Path, pipeline: str = "StableDiffusionXLPipeline", **unet: Any) -> Path:
    """A folder in diffusers' layout whose weights are empty files."""
    texts = {
        "model_index.json": {"_class_name": pipeline},
        "unet/config.json": {"in_channels": 4, "cross_attention_dim": 2048} | unet,
        "scheduler/scheduler_config.json": {"prediction_type": "epsilon"},
    }
    for name, values in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(values), "utf-8")
    for part in ("text_encoder", "text_encoder_2", "unet", "vae"):
        (folder / part).mkdir(exist_ok=True)
        (folder / part / "model.safetensors").write_bytes(b"12345")
    return folder


def edit_json(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def test_the_shipped_model_is_one_entry() -> None:
    (file,) = scanned(Path(__file__).parents[2] / "data" / "models").files()
    assert (file.name, file.kind, file.family) == ("portrait-64", Kind.CHECKPOINT, Family.SDXL)
    assert (file.layout, file.prediction, file.obstacle) == ("diffusers", "epsilon", "")
    assert file.bytes > 30_000_000


def test_files_are_found_in_all_folders_and_sorted_by_name(folder: Path) -> None:
    write_header_only(folder / "checkpoints" / "xl" / "Zebra.safetensors", real.sdxl_checkpoint())
    lora(folder / "loras" / "ant.safetensors")
    write_header_only(folder / "bee.SAFETENSORS", VAE)
    write_header_only(folder / "Cat.sft", ESRGAN)
    found = [(file.name, file.kind) for file in scanned(folder).files()]
    assert found == [
        ("ant", Kind.LORA),
        ("bee", Kind.VAE),
        ("Cat", Kind.UPSCALER),
        ("Zebra", Kind.CHECKPOINT),
    ]


def test_an_entry_says_what_its_header_says(folder: Path) -> None:
    path = lora(folder / "fast.safetensors", rank=8, ss_output_name="Fast!")
    (file,) = scanned(folder).files()
    assert (file.path, file.bytes) == (path, path.stat().st_size)
    assert (file.family, file.layout, file.lora_rank) == (Family.SDXL, "kohya", 8)
    assert (file.alias, file.obstacle) == ("Fast!", "")


def test_unfinished_hidden_and_other_files_are_left_out(folder: Path) -> None:
    for name in (
        "a.safetensors.partial", "b.partial", ".c.safetensors", "d.txt", "e.safetensors.part",
        "f.toml", "g.png", "h.safetensors.crdownload", ".cache/i.safetensors",
    ):  # fmt: skip
        lora(folder / name)
    assert scanned(folder).files() == ()


def test_a_missing_folder_is_empty(folder: Path) -> None:
    assert scanned(folder / "nothing").files() == ()


def test_nothing_is_listed_before_the_first_scan(folder: Path) -> None:
    lora(folder / "a.safetensors")
    assert Catalogue(folder).files() == ()


# what cannot be used is listed, too: its name, bytes, and what is said
UNUSABLE = {
    "old.ckpt": (b"\x80\x02}q\x00", "old.ckpt is a pickle, which can run any code when it is"),
    "new.pt": (b"PK\x03\x04", "new.pt is a pickle, which can run any code when it is loaded"),
    "odd.bin": (b"\xff\xfe\xfd", "odd.bin is a pickle, which can run any code when it is loaded"),
    "page.pth": (b"<html>", "page.pth is a web page that was saved in place of the file"),
    "small.gguf": (b"GGUF\x03\x00\x00\x00", "small.gguf is a GGUF file: only safetensors files"),
    "fake.gguf": (b"\xff\xfe\xfd", "fake.gguf is no safetensors file: only those are read."),
    "half": (b"\xff\x00\x00\x00\x00\x00\x00\x00{", "half.safetensors is cut off in its header"),
    "net": (b"", "net.safetensors is empty: download it again."),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_file_that_cannot_be_used_is_listed_with_the_reason(name: str, folder: Path) -> None:
    content, says = UNUSABLE[name]
    (folder / (name if "." in name else f"{name}.safetensors")).write_bytes(content)
    (file,) = scanned(folder).files()
    assert (file.name, file.kind, file.bytes) == (name, Kind.OTHER, len(content))
    assert file.obstacle.startswith(says)
    assert file.obstacle.endswith(".")


def test_one_wrong_file_does_not_hide_the_others(folder: Path) -> None:
    (folder / "a.safetensors").write_bytes(b"Not Found")
    lora(folder / "b.safetensors")
    assert [bool(file.obstacle) for file in scanned(folder).files()] == [True, False]


def test_a_link_to_nothing_is_listed_with_the_reason(folder: Path) -> None:
    (folder / "gone.safetensors").symlink_to(folder / "nowhere.safetensors")
    (folder / "self.safetensors").symlink_to(folder / "self.safetensors")
    gone, own = scanned(folder).files()
    assert gone.obstacle == "gone.safetensors cannot be read: No such file or directory."
    assert own.obstacle.startswith("self.safetensors cannot be read: Too many levels of")


def test_a_pipe_is_listed_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.safetensors")
    os.mkfifo(folder / "pipe.ckpt")
    assert [file.obstacle for file in scanned(folder).files()] == [
        "pipe.safetensors is not a file.",
        "pipe.ckpt is not a file.",
    ]


def test_links_to_files_and_folders_are_followed(folder: Path, tmp_path: Path) -> None:
    lora(tmp_path / "elsewhere" / "far.safetensors")
    (folder / "near.safetensors").symlink_to(tmp_path / "elsewhere" / "far.safetensors")
    (folder / "more").symlink_to(tmp_path / "elsewhere")
    assert names(scanned(folder)) == ["far", "near"]


def test_a_loop_of_links_ends(folder: Path) -> None:
    lora(folder / "real" / "a.safetensors")
    (folder / "real" / "up").symlink_to(folder)
    (folder / "again").symlink_to(folder / "real")
    (file,) = scanned(folder).files()
    assert file.path == folder / "real" / "a.safetensors"


def test_folders_may_nest_deeper_than_python_calls(folder: Path) -> None:
    deep = folder
    for _ in range(sys.getrecursionlimit() // 10):
        deep /= "d"
    lora(deep / "bottom.safetensors")
    assert names(scanned(folder)) == ["bottom"]


def test_a_closed_folder_is_listed_with_the_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as root, whom no folder is closed to."""
    lora(folder / "closed" / "a.safetensors")
    lora(folder / "open" / "b.safetensors")
    scandir = os.scandir

    def refuse(path: Path) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert [(file.name, file.obstacle) for file in scanned(folder).files()] == [
        ("b", ""),
        ("closed", "closed cannot be read: Permission denied."),
    ]


def test_files_that_are_called_alike_have_their_folders_in_front(folder: Path) -> None:
    lora(folder / "detail.safetensors")
    lora(folder / "xl" / "Detail.safetensors")
    lora(folder / "xl" / "new" / "detail.safetensors")
    lora(folder / "xl" / "other.safetensors")
    assert names(scanned(folder)) == ["detail", "other", "xl/Detail", "xl/new/detail"]


def test_a_file_and_a_folder_that_are_called_alike_keep_the_suffix(folder: Path) -> None:
    lora(folder / "dream.safetensors")
    lora(folder / "dream.sft")
    write_folder(folder / "dream")
    assert names(scanned(folder)) == ["dream", "dream.safetensors", "dream.sft"]


def test_a_pickle_does_not_take_the_name_of_a_model(folder: Path) -> None:
    lora(folder / "dream.safetensors")
    (folder / "dream.ckpt").write_bytes(b"\x80\x02")
    assert names(scanned(folder)) == ["dream", "dream.ckpt"]


def test_names_that_cannot_be_shown_are_made_so(folder: Path) -> None:
    lora(folder / "line\nbreak.safetensors")
    (folder / os.fsdecode(b"latin\xe9.safetensors")).write_bytes(b"")
    assert names(scanned(folder)) == ["latin\ufffd", "line\ufffdbreak"]
    for file in scanned(folder).files():
        assert file.path.exists()


def test_new_changed_and_deleted_files_are_seen_by_the_next_scan(folder: Path) -> None:
    catalogue = scanned(folder)
    path = lora(folder / "a.safetensors", rank=4)
    assert catalogue.files() == ()
    catalogue.scan()
    assert [file.lora_rank for file in catalogue.files()] == [4]
    lora(path, rank=8)
    catalogue.scan()
    assert [file.lora_rank for file in catalogue.files()] == [8]
    path.unlink()
    catalogue.scan()
    assert catalogue.files() == ()


def test_a_file_that_is_swapped_for_one_of_the_same_size_and_time_is_seen(folder: Path) -> None:
    path = lora(folder / "a.safetensors", rank=4)
    other = lora(folder / "new", rank=4)
    other.write_bytes(other.read_bytes().replace(b"[4,2048]", b"[2048,4]"))
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    catalogue = scanned(folder)
    other.replace(path)
    catalogue.scan()
    assert [file.lora_rank for file in catalogue.files()] == [2048]


def test_a_download_that_ends_loses_its_obstacle(folder: Path) -> None:
    whole = lora(folder / "whole").read_bytes()
    path = folder / "a.safetensors"
    path.write_bytes(whole[:-100])
    catalogue = scanned(folder)
    assert "is cut off" in catalogue.files()[0].obstacle
    with path.open("ab") as file:
        file.write(whole[-100:])
    catalogue.scan()
    assert catalogue.files()[0].obstacle == ""


def test_an_unchanged_folder_is_not_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lora(folder / "a.safetensors")
    write_folder(folder / "b")
    (folder / "c.ckpt").write_bytes(b"PK\x03\x04")
    catalogue = scanned(folder)
    before = catalogue.files()
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("a file was opened"))
    catalogue.scan()
    assert catalogue.files() is before


def test_a_snapshot_is_whole_while_others_scan(folder: Path) -> None:
    for index in range(20):
        lora(folder / f"{index}.safetensors")
    catalogue = scanned(folder)
    sizes: set[int] = set()
    threads = [threading.Thread(target=catalogue.scan) for _ in range(4)]
    for number, thread in enumerate(threads):
        lora(folder / f"new{number}.safetensors")
        thread.start()
        sizes.add(len(catalogue.files()))
    for thread in threads:
        thread.join()
    catalogue.scan()
    assert min(sizes) >= 20
    assert len(catalogue.files()) == 24


@pytest.fixture
def shelf(folder: Path) -> Catalogue:
    """A bit of everything."""
    write_header_only(folder / "Dream XL v1.0.safetensors", real.sdxl_checkpoint())
    lora(folder / "loras" / "Detail.safetensors", ss_output_name="add_detail")
    lora(folder / "loras" / "style" / "ink.safetensors", ss_output_name="twice")
    lora(folder / "loras" / "wash" / "ink.safetensors", ss_output_name="twice")
    write_header_only(folder / "vae" / "Detail.safetensors", VAE)
    write_header_only(folder / "control.safetensors", {"controlnet_down_blocks.0.bias": (320,)})
    (folder / "old.ckpt").write_bytes(b"\x80\x02")
    return scanned(folder)


@pytest.mark.parametrize(
    ("called", "kinds", "name"),
    [
        ("Dream XL v1.0", (Kind.CHECKPOINT, Kind.UNET), "Dream XL v1.0"),
        ("Dream XL v1.0", (), "Dream XL v1.0"),
        ("  dream xl V1.0 ", (Kind.CHECKPOINT,), "Dream XL v1.0"),
        ("Dream XL v1.0.safetensors", (Kind.CHECKPOINT,), "Dream XL v1.0"),
        ("dream xl v1.0.SAFETENSORS", (Kind.CHECKPOINT,), "Dream XL v1.0"),
        ("loras/Detail", (Kind.LORA,), "loras/Detail"),
        ("Detail", (Kind.LORA,), "loras/Detail"),
        ("detail.safetensors", (Kind.LORA,), "loras/Detail"),
        ("Detail", (Kind.VAE,), "vae/Detail"),
        ("ADD_Detail", (Kind.LORA,), "loras/Detail"),
        ("loras/wash/ink", (Kind.LORA,), "loras/wash/ink"),
        ("old", (), "old.ckpt"),
        ("control", (Kind.OTHER,), "control"),
    ],
)
def test_a_model_is_found_by_what_people_call_it(
    shelf: Catalogue, called: str, kinds: tuple[Kind, ...], name: str
) -> None:
    assert shelf.find(called, *kinds).name == name


@pytest.mark.parametrize(
    ("called", "kinds", "sentence"),
    [
        (
            "Dream XL v2.0",
            (Kind.CHECKPOINT,),
            "There is no model 'Dream XL v2.0'; closest to it: Dream XL v1.0.",
        ),
        (
            "nothing like it",
            (Kind.LORA,),
            "There is no LoRA 'nothing like it'; "
            "there are loras/Detail, loras/style/ink, loras/wash/ink.",
        ),
        ("ink", (Kind.LORA,), "there are loras/Detail, loras/style/ink, loras/wash/ink."),
        ("twice", (Kind.LORA,), "There is no LoRA 'twice'"),
        ("", (Kind.LORA,), "There is no LoRA ''"),
        ("x", (Kind.UPSCALER,), "There is no upscaler 'x': the models folder has none yet."),
        ("loras/detail", (Kind.VAE,), "loras/Detail is a LoRA, not a VAE."),
        ("dream xl v1.0", (Kind.LORA,), "Dream XL v1.0 is a model, not a LoRA."),
        ("control", (Kind.CHECKPOINT,), "control.safetensors is a ControlNet, which is not used"),
        ("old", (Kind.CHECKPOINT,), "old.ckpt is a pickle, which can run any code"),
        ("a\nb" * 99, (Kind.VAE,), "There is no VAE 'a\ufffdba"),
    ],
)
def test_a_name_that_means_nothing_gets_the_closest(
    shelf: Catalogue, called: str, kinds: tuple[Kind, ...], sentence: str
) -> None:
    message = refusal(shelf, called, *kinds)
    assert sentence in message
    assert len(message) < 300


def test_of_many_names_a_few_are_shown(folder: Path) -> None:
    for index in range(9):
        lora(folder / f"style{index}.safetensors")
    message = refusal(scanned(folder), "xyz", Kind.LORA)
    assert message == (
        "There is no LoRA 'xyz'; there are style0, style1, style2, style3, style4 and 4 more."
    )


@pytest.mark.parametrize("escape", ["../secret", "/etc/passwd", "loras/../../secret", "."])
def test_names_cannot_leave_the_folder(shelf: Catalogue, folder: Path, escape: str) -> None:
    lora(folder.parent / "secret.safetensors")
    assert "There is no LoRA" in refusal(shelf, escape, Kind.LORA)


def test_a_model_with_an_obstacle_is_found(folder: Path) -> None:
    write_header_only(folder / "flux1-dev.safetensors", real.flux())
    file = scanned(folder).find("flux1-dev", Kind.CHECKPOINT, Kind.UNET)
    assert file.family is Family.FLUX
    assert file.obstacle == (
        "flux1-dev.safetensors belongs to the family FLUX: only SDXL and SD1.5 can be drawn with."
    )


def test_a_folder_in_diffusers_layout_is_one_entry(folder: Path) -> None:
    write_folder(folder / "deep" / "dream")
    (file,) = scanned(folder).files()
    assert (file.name, file.kind, file.family) == ("dream", Kind.CHECKPOINT, Family.SDXL)
    assert (file.layout, file.obstacle) == ("diffusers", "")
    files = [path for path in file.path.rglob("*") if path.is_file()]
    assert file.bytes == sum(path.stat().st_size for path in files)


def test_a_change_in_a_folder_is_seen(folder: Path) -> None:
    dream = write_folder(folder / "dream")
    catalogue = scanned(folder)
    edit_json(
        dream / "scheduler" / "scheduler_config.json",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
    )
    catalogue.scan()
    (file,) = catalogue.files()
    assert (file.prediction, file.zero_terminal_snr) == ("v_prediction", True)


FOLDERS: dict[str, tuple[str, dict[str, Any], Family | None, str]] = {
    "SDXL": ("StableDiffusionXLPipeline", {}, Family.SDXL, ""),
    "SD1.5": ("StableDiffusionPipeline", {"cross_attention_dim": 768}, Family.SD15, ""),
    "SD2": (
        "StableDiffusionPipeline",
        {"cross_attention_dim": 1024},
        Family.SD2,
        "dream belongs to the family SD2",
    ),
    "the refiner": (
        "StableDiffusionXLImg2ImgPipeline",
        {},
        Family.SDXL_REFINER,
        "dream belongs to the family SDXL refiner",
    ),
    "SD3": ("StableDiffusion3Pipeline", {}, Family.SD3, "dream belongs to the family SD3"),
    "FLUX": ("FluxPipeline", {}, Family.FLUX, "dream belongs to the family FLUX"),
    "another": (
        "PixArtSigmaPipeline",
        {},
        None,
        "dream is of the kind PixArtSigmaPipeline: only StableDiffusionXLPipeline and Stable",
    ),
    "inpainting": (
        "StableDiffusionXLPipeline",
        {"in_channels": 9},
        Family.SDXL,
        "dream is an inpainting model (9 input channels)",
    ),
    "LCM's own": (
        "StableDiffusionPipeline",
        {"time_cond_proj_dim": 256},
        Family.SD15,
        "dream needs the guidance as an input",
    ),
    "odd channels": (
        "StableDiffusionPipeline",
        {"in_channels": "four"},
        Family.SD15,
        "dream has 0 input channels",
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_is_recognised_by_its_pipeline(name: str, folder: Path) -> None:
    pipeline, unet, family, says = FOLDERS[name]
    file = inspect(write_folder(folder / "dream", pipeline, **unet))
    assert (file.kind, file.family, file.layout) == (Kind.CHECKPOINT, family, "diffusers")
    assert file.obstacle.startswith(says)
    assert bool(file.obstacle) == bool(says)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no UNet": (lambda f: shutil.rmtree(f / "unet"), "unet/config.json is missing"),
    "no scheduler": (
        lambda f: shutil.rmtree(f / "scheduler"),
        "scheduler/scheduler_config.json is missing",
    ),
    "no weights": (
        lambda f: (f / "vae" / "model.safetensors").unlink(),
        "is incomplete: its vae has no .safetensors file",
    ),
    "pickles": (
        lambda f: (f / "unet" / "model.safetensors").rename(f / "unet" / "model.bin"),
        "keeps its unet as a pickle, which can run any code",
    ),
    "no JSON": (
        lambda f: (f / "model_index.json").write_text("{"),
        "model_index.json is not readable JSON",
    ),
    "a list": (
        lambda f: (f / "unet" / "config.json").write_text("[]"),
        "unet/config.json does not hold a JSON object",
    ),
    "nested JSON": (
        lambda f: (f / "unet" / "config.json").write_text("[" * 100_000),
        "unet/config.json is not readable JSON",
    ),
    "huge JSON": (
        lambda f: (f / "unet" / "config.json").write_text(" " * 2_000_000),
        "unet/config.json does not hold a JSON object",
    ),
    "no pipeline": (
        lambda f: (f / "model_index.json").write_text("{}"),
        "dream is of the kind None: only",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_folder_says_what_is_wrong(name: str, folder: Path) -> None:
    damage, says = DAMAGES[name]
    damage(write_folder(folder / "dream"))
    (file,) = scanned(folder).files()
    assert file.kind is Kind.CHECKPOINT
    assert file.obstacle.startswith(("dream ", "dream/"))
    assert says in file.obstacle
    assert file.obstacle.endswith(".")


def test_a_file_anywhere_can_be_inspected(tmp_path: Path) -> None:
    file = inspect(lora(tmp_path / "fast.safetensors"))
    assert (file.name, file.kind, file.family) == ("fast", Kind.LORA, Family.SDXL)
    with pytest.raises(ModelError, match=r"^gone\.safetensors cannot be read: No such file"):
        inspect(tmp_path / "gone.safetensors")


def test_a_file_of_any_name_can_be_inspected(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Buy milk.")
    assert inspect(tmp_path / "notes.txt").obstacle.startswith("notes.txt is a text file, not a")
    assert inspect(lora(tmp_path / "fast")).kind is Kind.LORA
    assert inspect(tmp_path).obstacle == f"{tmp_path.name}/model_index.json is missing."


def test_the_folder_one_stands_in_has_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write_folder(folder / "dream"))
    assert inspect(Path()).name == "dream"


def test_the_catalogue_needs_no_torch() -> None:
    program = (
        "import sys, hypersd_core.engine.catalog, hypersd_core.engine.hashes;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'diffusers', 'transformers')))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
