from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypersd_core.engine.detection.detect import detect
from hypersd_core.engine.detection.probe import Finding
from hypersd_core.engine.header import Header, TensorInfo, read_header
from hypersd_core.models import Family, Kind
from tests import ldm_layout
from tests.engine import real_layouts as real
from tests.engine.header_files import Shape, Shapes, write_header_only

LDM = ldm_layout.UNET


def find(shapes: Shapes, dtype: str = "F16", **metadata: str) -> Finding:
    tensors = {name: TensorInfo(dtype=dtype, shape=shape) for name, shape in shapes.items()}
    return detect(Header(tensors=tensors, metadata=metadata))


def without(shapes: Shapes, *starts: str) -> dict[str, Any]:
    return {name: shape for name, shape in shapes.items() if not name.startswith(starts)}


def test_fixtures_are_the_real_files(tmp_path: Path) -> None:
    """Counts, shapes and sizes that were published, or measured on the released files."""
    sdxl, sd15 = real.sdxl_checkpoint(), real.sd15_checkpoint()
    assert "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias" in sdxl
    assert sdxl[f"{LDM}label_emb.0.0.weight"] == (1280, 2816)
    key = "transformer_blocks.0.attn2.to_k.weight"
    assert sdxl[f"{LDM}input_blocks.4.1.{key}"] == (640, 2048)
    assert sd15[f"{LDM}input_blocks.1.1.{key}"] == (320, 768)
    assert len(real.unet("sdxl")) == 1680
    assert len(real.unet("sd15")) == 686
    assert len(real.adapted(real.unet("sdxl"))) == 788
    assert len(real.adapted(real.unet("sd15"))) == 278
    assert len(real.adapted(real.flux())) == 504
    lora = real.lora(real.adapted(real.unet("sdxl")), layout="kohya")
    path = tmp_path / "Hyper-SDXL-4steps-lora.safetensors"
    write_header_only(path, lora, dtype="F32", metadata={"format": "pt"})
    assert path.stat().st_size == 787_359_648


# what it is: its tensors, and what must be found
MODELS: dict[str, tuple[Callable[[], Shapes], tuple[Kind, Family, str]]] = {
    "SDXL": (real.sdxl_checkpoint, (Kind.CHECKPOINT, Family.SDXL, "ldm")),
    "SD1.5": (real.sd15_checkpoint, (Kind.CHECKPOINT, Family.SD15, "ldm")),
    "SDXL's UNet under diffusers' names": (
        lambda: real.unet("sdxl"),
        (Kind.UNET, Family.SDXL, "diffusers"),
    ),
    "SDXL's UNet": (lambda: real.ldm_unet("sdxl"), (Kind.UNET, Family.SDXL, "ldm")),
    "SDXL's UNet without a prefix": (
        lambda: real.ldm_unet("sdxl", prefix=""),
        (Kind.UNET, Family.SDXL, "ldm"),
    ),
    "SD1.5's UNet under diffusers' names": (
        lambda: real.unet("sd15"),
        (Kind.UNET, Family.SD15, "diffusers"),
    ),
    "SD1.5's UNet": (lambda: real.ldm_unet("sd15"), (Kind.UNET, Family.SD15, "ldm")),
    "SDXL's UNet with a VAE": (
        lambda: without(real.sdxl_checkpoint(), "conditioner."),
        (Kind.UNET, Family.SDXL, "ldm"),
    ),
    "a small SDXL": (
        lambda: real.sdxl_checkpoint(**real.SMALL_SDXL),
        (Kind.CHECKPOINT, Family.SDXL, "ldm"),
    ),
    "a small SDXL's UNet": (
        lambda: real.ldm_unet("sdxl", **real.SMALL_SDXL),
        (Kind.UNET, Family.SDXL, "ldm"),
    ),
    "a small SDXL's UNet under diffusers' names": (
        lambda: real.unet("sdxl", **real.SMALL_SDXL),
        (Kind.UNET, Family.SDXL, "diffusers"),
    ),
    "an SDXL as wide as SD1.5": (
        lambda: real.sdxl_checkpoint(**(real.SMALL_SDXL | {"cross_attention_dim": 768})),
        (Kind.CHECKPOINT, Family.SDXL, "ldm"),
    ),
    "an SDXL as wide as its refiner": (
        lambda: real.sdxl_checkpoint(**(real.SMALL_SDXL | {"cross_attention_dim": 1280})),
        (Kind.CHECKPOINT, Family.SDXL, "ldm"),
    ),
    "a small SD1.5": (
        lambda: real.sd15_checkpoint(**real.SMALL_SD15),
        (Kind.CHECKPOINT, Family.SD15, "ldm"),
    ),
    "a small SD1.5's UNet": (
        lambda: real.unet("sd15", **real.SMALL_SD15),
        (Kind.UNET, Family.SD15, "diffusers"),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_recognised_and_can_be_drawn_with(name: str) -> None:
    shapes, expected = MODELS[name]
    finding = find(shapes())
    assert (finding.kind, finding.family, finding.layout) == expected
    assert finding.problem == ""
    assert (finding.prediction, finding.zero_terminal_snr) == ("epsilon", False)


def test_the_embedded_models_own_unet_is_recognised() -> None:
    folder = Path(__file__).parents[2] / "data" / "models" / "portrait-64"
    unet = detect(read_header(folder / "unet" / "diffusion_pytorch_model.safetensors"))
    assert (unet.kind, unet.family, unet.problem) == (Kind.UNET, Family.SDXL, "")
    vae = detect(read_header(folder / "vae" / "diffusion_pytorch_model.safetensors"))
    assert (vae.kind, vae.layout, vae.problem) == (Kind.VAE, "diffusers", "")
    for part in ("text_encoder", "text_encoder_2"):
        encoder = detect(read_header(folder / part / "model.safetensors"))
        assert "is a text or image encoder alone" in encoder.problem


def test_v_prediction_is_told_by_the_keys_that_trainers_leave() -> None:
    finding = find(real.sdxl_checkpoint() | {"v_pred": (0,), "ztsnr": (0,)})
    assert (finding.prediction, finding.zero_terminal_snr) == ("v_prediction", True)
    finding = find(real.ldm_unet("sdxl") | {"v_pred": (0,)})
    assert (finding.prediction, finding.zero_terminal_snr) == ("v_prediction", False)


@pytest.mark.parametrize(
    ("said", "prediction"),
    [("v", "v_prediction"), ("v_prediction", "v_prediction"), ("epsilon", "epsilon")],
)
def test_v_prediction_is_told_by_the_metadata(said: str, prediction: str) -> None:
    finding = find(real.unet("sdxl"), **{"modelspec.prediction_type": said})
    assert finding.prediction == prediction


UNDRAWABLE: dict[str, tuple[Callable[[], Shapes], Kind, Family | None, str]] = {
    "the refiner": (
        lambda: without(real.sdxl_checkpoint(**real.REFINER), "conditioner.")
        | {"conditioner.embedders.0.model.transformer.resblocks.9.mlp.c_proj.bias": (1280,)},
        Kind.CHECKPOINT,
        Family.SDXL_REFINER,
        "belongs to the family SDXL refiner",
    ),
    "the refiner's UNet": (
        lambda: real.unet("sdxl", **real.REFINER),
        Kind.UNET,
        Family.SDXL_REFINER,
        "belongs to the family SDXL refiner",
    ),
    "SD2": (
        lambda: without(real.sd15_checkpoint(**real.SD2), "cond_stage_model.")
        | {"cond_stage_model.model.ln_final.bias": (1024,)},
        Kind.CHECKPOINT,
        Family.SD2,
        "belongs to the family SD2",
    ),
    "SD2's UNet": (
        lambda: real.unet("sd15", **real.SD2),
        Kind.UNET,
        Family.SD2,
        "belongs to the family SD2",
    ),
    "a small SD2's UNet": (
        lambda: real.unet("sd15", **real.SMALL_SD15, use_linear_projection=True),
        Kind.UNET,
        Family.SD2,
        "belongs to the family SD2",
    ),
    "SD3's transformer": (real.sd3, Kind.UNET, Family.SD3, "belongs to the family SD3"),
    "SD3": (
        lambda: {
            f"{LDM}joint_blocks.0.context_block.adaLN_modulation.1.bias": (9216,),
            "text_encoders.clip_l.transformer.text_model.final_layer_norm.bias": (768,),
            "first_stage_model.decoder.conv_in.weight": (512, 16, 3, 3),
        },
        Kind.CHECKPOINT,
        Family.SD3,
        "belongs to the family SD3",
    ),
    "FLUX's transformer": (real.flux, Kind.UNET, Family.FLUX, "belongs to the family FLUX"),
    "FLUX as released": (
        lambda: {
            "double_blocks.0.img_attn.norm.key_norm.scale": (128,),
            "guidance_in.in_layer.bias": (3072,),
        },
        Kind.UNET,
        Family.FLUX,
        "belongs to the family FLUX",
    ),
    "FLUX with everything": (
        lambda: {
            f"{LDM}double_blocks.0.img_attn.norm.key_norm.scale": (128,),
            "text_encoders.t5xxl.transformer.shared.weight": (32128, 4096),
            "vae.decoder.conv_in.weight": (512, 16, 3, 3),
        },
        Kind.CHECKPOINT,
        Family.FLUX,
        "belongs to the family FLUX",
    ),
    "another transformer": (
        lambda: {"transformer_blocks.0.scale_shift_table": (6, 1152)},
        Kind.OTHER,
        None,
        "is a model of another architecture",
    ),
    "an inpainting SDXL": (
        lambda: real.sdxl_checkpoint(in_channels=9),
        Kind.CHECKPOINT,
        Family.SDXL,
        "is an inpainting model (9 input channels)",
    ),
    "an inpainting SD1.5's UNet": (
        lambda: real.unet("sd15", in_channels=9),
        Kind.UNET,
        Family.SD15,
        "is an inpainting model (9 input channels)",
    ),
    "instruct-pix2pix": (
        lambda: real.sd15_checkpoint(in_channels=8),
        Kind.CHECKPOINT,
        Family.SD15,
        "is an instruct-pix2pix model",
    ),
    "an upscaling UNet": (
        lambda: real.unet("sd15", in_channels=7),
        Kind.UNET,
        Family.SD15,
        "has 7 input channels",
    ),
    "Playground 2.5": (
        lambda: real.sdxl_checkpoint() | {"edm_mean": (1, 4, 1, 1), "edm_std": (1, 4, 1, 1)},
        Kind.CHECKPOINT,
        Family.SDXL,
        "was trained with EDM's noise schedule",
    ),
    "LCM's own UNet": (
        lambda: real.unet("sd15", time_cond_proj_dim=256),
        Kind.UNET,
        Family.SD15,
        "needs the guidance as an input",
    ),
    "Kolors": (
        lambda: real.unet("sdxl", encoder_hid_dim=4096, encoder_hid_dim_type="text_proj"),
        Kind.UNET,
        Family.SDXL,
        "needs another text encoder, as Kolors does",
    ),
    "SDXL in 4 bits": (
        lambda: real.unet("sdxl")
        | {
            f"{block}.attentions.0.transformer_blocks.0.attn2.to_k.weight.absmax": (64,)
            for block in ("down_blocks.1", "down_blocks.2", "mid_block", "up_blocks.0")
        },
        Kind.UNET,
        Family.SDXL,
        "holds quantised weights",
    ),
    "SDXL without a VAE": (
        lambda: without(real.sdxl_checkpoint(), "first_stage_model."),
        Kind.CHECKPOINT,
        Family.SDXL,
        "lacks its VAE",
    ),
    "FLUX's VAE": (
        lambda: {"encoder.conv_in.weight": (128, 3, 3, 3), "decoder.conv_in.weight": (9, 16, 3, 3)},
        Kind.VAE,
        None,
        "is a VAE with 16 latent channels",
    ),
    "half a VAE": (
        lambda: without(real.vae("sdxl", layout="ldm"), "encoder."),
        Kind.VAE,
        None,
        "is a VAE without its encoder",
    ),
    "SwinIR": (
        lambda: {"conv_first.weight": (180, 3, 3, 3), "layers.0.residual_group.conv.bias": (9,)},
        Kind.UPSCALER,
        None,
        "is an upscaler of another architecture",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNDRAWABLE)
def test_what_cannot_be_drawn_with_is_recognised_and_says_why(name: str) -> None:
    shapes, kind, family, says = UNDRAWABLE[name]
    finding = find(shapes())
    assert (finding.kind, finding.family) == (kind, family)
    assert finding.problem.startswith(says)


OTHERS: dict[str, tuple[Shapes, str]] = {
    "A1111's embedding": ({"emb_params": (8, 768)}, "an embedding"),
    "SDXL's embedding": ({"clip_g": (8, 1280), "clip_l": (8, 768)}, "an embedding"),
    "diffusers' embedding": ({"<cat-toy>": (768,)}, "an embedding"),
    "a ControlNet": (
        {"control_model.input_blocks.0.0.weight": (320, 4, 3, 3), f"{LDM}out.0.bias": (320,)},
        "a ControlNet",
    ),
    "diffusers' ControlNet": (
        {"controlnet_cond_embedding.conv_in.weight": (16, 3, 3, 3), "conv_in.bias": (320,)},
        "a ControlNet",
    ),
    "a control LoRA": ({"lora_controlnet": (0,), "input_blocks.1.0.up": (9, 9)}, "a ControlNet"),
    "an IP-adapter": (
        {"image_proj.proj.weight": (3072, 1024), "ip_adapter.1.to_k_ip.weight": (320, 768)},
        "an IP-adapter",
    ),
    "an IP-adapter with a LoRA": (
        {"image_proj.norm.bias": (768,), "ip_adapter.0.to_q_lora.down.weight": (128, 320)},
        "an IP-adapter",
    ),
    "a T2I adapter": ({"adapter.body.0.resnets.0.block1.weight": (9, 9, 3, 3)}, "a T2I adapter"),
    "CLIP": ({"text_model.encoder.layers.0.mlp.fc1.bias": (3072,)}, "a text or image encoder"),
    "OpenCLIP": ({"transformer.resblocks.0.ln_1.bias": (1280,)}, "a text or image encoder alone"),
    "T5": ({"encoder.block.0.layer.0.SelfAttention.q.weight": (9, 9)}, "a text or image encoder"),
    "AnimateDiff": (
        {"down_blocks.0.motion_modules.0.temporal_transformer.norm.bias": (320,)},
        "a video model or a part of one",
    ),
    "AnimateDiff's LoRA": (
        {"down_blocks.0.motion_modules.0.attention.processor.to_q_lora.down.weight": (9, 9)},
        "a video model or a part of one",
    ),
    "TAESD": ({"decoder.1.weight": (64, 4, 3, 3)}, "a small VAE for previews"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_model_says_what_it_is(name: str) -> None:
    shapes, says = OTHERS[name]
    finding = find(shapes)
    assert (finding.kind, finding.family) == (Kind.OTHER, None)
    assert finding.problem.startswith(f"is {says}")
    assert finding.problem.endswith(", which is not used here")


def test_an_unknown_file_names_its_first_tensor() -> None:
    finding = find({"\x1bé" + "x" * 99: (7,)})
    assert finding.kind is Kind.OTHER
    assert finding.problem == (
        r"is no kind of file that is known here: its first tensor is '\x1b\xe9"
        + "x" * 58
        + r"\u2026'"
    )
    assert find({}).problem == "holds no tensors"


@pytest.mark.parametrize("layout", ["ldm", "diffusers"])
@pytest.mark.parametrize("family", ["sdxl", "sd15"])
def test_a_vae_is_recognised_and_belongs_to_both_families(family: str, layout: str) -> None:
    finding = find(real.vae(family, layout=layout))
    assert (finding.kind, finding.family, finding.layout) == (Kind.VAE, None, layout)
    assert finding.problem == ""


def test_a_vae_under_a_checkpoints_names_is_recognised() -> None:
    finding = find(real.vae("sdxl", layout="ldm", prefix=ldm_layout.VAE))
    assert (finding.kind, finding.layout, finding.problem) == (Kind.VAE, "ldm", "")


@pytest.mark.parametrize(
    "name",
    [
        "body.0.rdb1.conv1.weight",
        "RRDB_trunk.0.RDB1.conv1.weight",
        "model.1.sub.0.RDB1.conv1.0.weight",
    ],
)
def test_an_esrgan_is_recognised_under_its_three_namings(name: str) -> None:
    finding = find({"conv_first.weight": (64, 3, 3, 3), name: (32, 64, 3, 3)})
    assert (finding.kind, finding.family, finding.problem) == (Kind.UPSCALER, None, "")


LAYOUTS = {"kohya": "kohya", "diffusers": "diffusers", "processors": "diffusers", "peft": "peft"}
CHANGES: dict[str, tuple[str, Family, dict[str, Any]]] = {
    "SDXL": ("sdxl", Family.SDXL, {}),
    "SD1.5": ("sd15", Family.SD15, {}),
    "a small SDXL": ("sdxl", Family.SDXL, real.SMALL_SDXL),
    "a small SD1.5": ("sd15", Family.SD15, real.SMALL_SD15),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("model", CHANGES)
def test_a_lora_is_recognised_with_its_base_in_every_layout(model: str, layout: str) -> None:
    base, family, changes = CHANGES[model]
    modules = real.adapted(real.unet(base, **changes))
    if layout == "processors":
        modules = real.cross_attention(modules)
    finding = find(real.lora(modules, layout=layout, rank=16))
    assert (finding.kind, finding.family) == (Kind.LORA, family)
    assert (finding.layout, finding.lora_rank) == (LAYOUTS[layout], 16)
    assert finding.problem == ""


@pytest.mark.parametrize(("base", "family"), [("sdxl", Family.SDXL), ("sd15", Family.SD15)])
def test_a_kohya_lora_under_latent_diffusions_names_is_recognised(
    base: str, family: Family
) -> None:
    modules = real.adapted(real.ldm_unet(base, prefix=""))
    finding = find(real.lora(modules, layout="kohya"))
    assert (finding.kind, finding.family, finding.problem) == (Kind.LORA, family, "")


def test_a_peft_lora_without_a_part_in_front_is_recognised() -> None:
    modules = real.adapted(real.unet("sdxl"))
    finding = find(real.lora(modules, layout="peft", part="base_model.model"))
    assert (finding.family, finding.layout, finding.problem) == (Family.SDXL, "peft", "")


# a LoRA for text encoders alone: layout, part, which encoder, and for what
TEXT_LORAS = [
    ("kohya", "te", "text_encoder", Family.SD15),
    ("kohya", "te1", "text_encoder", Family.SDXL),
    ("kohya", "te2", "text_encoder_2", Family.SDXL),
    ("peft", "text_encoder", "text_encoder", Family.SD15),
    ("peft", "text_encoder_2", "text_encoder_2", Family.SDXL),
]


@pytest.mark.parametrize(("layout", "part", "encoder", "family"), TEXT_LORAS)
def test_a_lora_for_text_encoders_alone_is_recognised(
    layout: str, part: str, encoder: str, family: Family
) -> None:
    modules = real.adapted(real.shapes(real.state("sdxl", encoder)))
    finding = find(real.lora(modules, layout=layout, part=part))
    assert (finding.kind, finding.family, finding.problem) == (Kind.LORA, family, "")


def test_a_lora_of_one_block_is_known_by_its_width() -> None:
    modules = real.adapted(real.unet("sdxl"))
    block = {n: s for n, s in modules.items() if n.startswith("up_blocks.0.attentions.1.")}
    assert find(real.lora(block, layout="kohya")).family is Family.SDXL


def test_a_lora_that_could_be_for_any_base_has_none() -> None:
    finding = find(
        {
            "lora_unet_mid_block_resnets_0_conv1.lora_down.weight": (8, 64, 3, 3),
            "lora_unet_mid_block_resnets_0_conv1.lora_up.weight": (64, 8, 1, 1),
        }
    )
    assert (finding.kind, finding.family, finding.problem) == (Kind.LORA, None, "")


@pytest.mark.parametrize(
    ("key", "value", "family"),
    [
        ("modelspec.architecture", "stable-diffusion-xl-v1-base/lora", Family.SDXL),
        ("modelspec.architecture", "stable-diffusion-v1/lora", Family.SD15),
        ("ss_base_model_version", "sdxl_base_v1-0", Family.SDXL),
        ("ss_base_model_version", "sd_v1", Family.SD15),
        ("ss_base_model_version", "something else", None),
    ],
)
def test_what_the_file_claims_counts_last(key: str, value: str, family: Family | None) -> None:
    unclear: Shapes = {"lora_unet_mid_block_resnets_0_conv1.lora_down.weight": (8, 64, 3, 3)}
    assert find(unclear, **{key: value}).family is family
    clear = real.lora(real.adapted(real.unet("sd15")), layout="kohya")
    assert find(clear, **{key: value}).family is Family.SD15


def test_the_trainers_name_for_a_lora_is_kept() -> None:
    lora = real.lora(real.adapted(real.unet("sd15")), layout="kohya")
    assert find(lora, ss_output_name="My Style\x00").alias == "My Style\ufffd"


OTHER_LORAS: dict[str, tuple[Callable[[], Shapes], Family | None, str]] = {
    "FLUX": (
        lambda: real.lora(real.adapted(real.flux()), layout="peft", part="transformer"),
        Family.FLUX,
        "is a LoRA for FLUX",
    ),
    "FLUX by kohya": (
        lambda: {"lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight": (16, 3072)},
        Family.FLUX,
        "is a LoRA for FLUX",
    ),
    "FLUX by XLabs": (
        lambda: {"double_blocks.0.processor.qkv_lora1.down.weight": (16, 3072)},
        Family.FLUX,
        "is a LoRA for FLUX",
    ),
    "SD3": (
        lambda: real.lora(real.adapted(real.sd3()), layout="peft", part="transformer"),
        Family.SD3,
        "is a LoRA for SD3",
    ),
    "SD2": (
        lambda: real.lora(real.adapted(real.unet("sd15", **real.SD2)), layout="kohya"),
        Family.SD2,
        "is a LoRA for SD2",
    ),
    "the refiner": (
        lambda: real.lora(real.adapted(real.unet("sdxl", **real.REFINER)), layout="kohya"),
        Family.SDXL_REFINER,
        "is a LoRA for SDXL refiner",
    ),
    "Qwen-Image": (
        lambda: {
            "transformer_blocks.0.attn.add_q_proj.lora_A.weight": (16, 3072),
            "transformer_blocks.0.img_mlp.net.2.lora_A.weight": (16, 3072),
        },
        None,
        "is a LoRA for another kind of model",
    ),
    "a video model": (
        lambda: {"diffusion_model.blocks.0.self_attn.q.lora_A.weight": (32, 5120)},
        None,
        "is a LoRA for another kind of model",
    ),
}


@pytest.mark.parametrize("name", OTHER_LORAS)
def test_a_lora_for_another_base_says_so(name: str) -> None:
    shapes, family, says = OTHER_LORAS[name]
    finding = find(shapes())
    assert (finding.kind, finding.family) == (Kind.LORA, family)
    assert finding.problem.startswith(says)


MODULE = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
RELATIVES: dict[str, tuple[Shapes, str]] = {
    "LoHa": ({"hada_w1_a": (640, 8), "hada_w1_b": (8, 2048), "alpha": ()}, "LoHa"),
    "LoKr": ({"lokr_w1": (8, 8), "lokr_w2": (80, 256), "alpha": ()}, "LoKr"),
    "OFT": ({"oft_blocks": (4, 160, 160), "alpha": ()}, "OFT"),
    "(IA)^3": ({"weight": (640,), "on_input": ()}, "(IA)^3"),
    "GLoRA": ({"a1.weight": (8, 8), "a2.weight": (8, 8), "b1.weight": (8, 8)}, "GLoRA"),
    "whole matrices": ({"diff": (640, 2048)}, "whole matrices"),
    "DoRA": (
        {"lora_down.weight": (8, 2048), "lora_up.weight": (640, 8), "dora_scale": (640, 1)},
        "is a DoRA",
    ),
    "Tucker": (
        {"lora_down.weight": (8, 2048), "lora_up.weight": (640, 8), "lora_mid.weight": (8, 8, 3)},
        "Tucker decomposition",
    ),
}


@pytest.mark.parametrize("name", RELATIVES)
def test_a_relative_of_lora_is_refused_by_its_name(name: str) -> None:
    leaves, says = RELATIVES[name]
    shapes = {f"{MODULE}.{leaf}": shape for leaf, shape in leaves.items()}
    shapes["lora_te2_text_model_encoder_layers_0_mlp_fc1.alpha"] = ()
    finding = find(shapes)
    assert (finding.kind, finding.family) == (Kind.LORA, Family.SDXL)
    assert says in finding.problem


def test_a_dora_by_peft_is_refused() -> None:
    lora = real.lora(real.adapted(real.unet("sdxl")), layout="peft")
    magnitudes: dict[str, Shape] = {
        name.replace("lora_A.weight", "lora_magnitude_vector"): (9,)
        for name in lora
        if "lora_A" in name
    }
    assert find(lora | magnitudes).problem.startswith("is a DoRA")


PIECES = st.sampled_from(
    [
        "model.diffusion_model.", "input_blocks.", "0.", "attn2.to_k", ".weight", "down_blocks.",
        "lora_unet_", ".lora_down", ".alpha", "lora_te2_", "text_model.", "decoder.", "conv_in",
        "first_stage_model.", "conditioner.embedders.", "\n", "", "transformer_blocks.", ".hada_",
        "time_embedding.linear_1", "up_blocks.", "emb_params", "v_pred", "proj_in", "label_emb.0.",
    ]
)  # fmt: skip
NAMES = st.lists(PIECES, max_size=5).map("".join)


@settings(max_examples=150, deadline=1_000)
@given(shapes=st.dictionaries(NAMES, st.lists(st.integers(0, 2048), max_size=4).map(tuple)))
def test_any_header_gets_a_finding(shapes: dict[str, tuple[int, ...]]) -> None:
    finding = find(shapes)
    assert finding.kind is not Kind.OTHER or finding.problem
    assert not finding.problem.endswith(".")
