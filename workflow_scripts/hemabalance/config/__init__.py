"""The typed config: every key described, bounded and given its default; anything else is refused before a rule runs.

`python -m hemabalance.config` prints the JSON schema. Rules receive parts of the validated config as plain values,
so that editing this file reruns nothing by itself.
"""

import difflib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from hemabalance.config.classify import MODEL_CONFIGS, BalanceConfig, ClassifyConfig, ModelConfig
from hemabalance.config.section import Section
from hemabalance.config.stain import StainConfig
from hemabalance.config.synthesis import SynthesisConfig
from hemabalance.errors import InputError
from hemabalance.taxonomy import FOLDERS, Taxonomy

Share = Annotated[float, Field(ge=0, lt=1)]


class SourceConfig(Section):
    """Where one source's archive comes from."""

    origin: Literal["download", "local", "phantom"] = Field(
        description="download: fetched when missing; local: a person places it; phantom: rendered by this project"
    )
    archive: str = Field(min_length=1, description="zip, tar or unpacked folder; in phantom runs the file to render")
    field: float = Field(
        1.0,
        ge=0.3,
        le=1,
        description="share of the frame that is used: brings the sources to one physical scale; 1 as in the thesis",
    )


class LimitsConfig(Section):
    """What an untrusted archive may contain before it is refused."""

    max_members: int = Field(200_000, ge=1, description="files in an archive")
    max_member_bytes: int = Field(64 * 2**20, ge=1, description="size of one file in bytes")
    max_total_bytes: int = Field(64 * 2**30, ge=1, description="size of all files together in bytes")
    max_ratio: float = Field(200.0, ge=1, description="expansion of one member")


class PixelConfig(Section):
    """What a single image may declare before it is called unreadable, and whose pixels are hashed."""

    max_pixels: int = Field(40_000_000, ge=1, description="width x height")
    min_side: int = Field(32, ge=1, description="shorter side in pixels")
    hash: Literal["where_needed", "all"] = Field(
        "where_needed",
        description="pixel_sha256 for images that share a thumbnail with another, or for all of them (about twice as "
        "slow)",
    )


class DownloadConfig(Section):
    """How stubborn a download is."""

    attempts: int = Field(8, ge=1, le=100, description="tries per address")
    timeout_s: float = Field(60.0, gt=0, description="seconds without a byte before a try counts as broken")
    backoff_s: float = Field(2.0, ge=0, description="first pause between tries; doubles")
    max_bytes: int = Field(4 * 2**30, ge=1, description="refuse to receive more than this")


class DuplicatesConfig(Section):
    """What counts as the same photograph."""

    hash_radius: int = Field(12, ge=0, le=16, description="candidates differ in at most so many of 64 hash bits")
    min_correlation: float = Field(
        0.92,
        gt=0.85,
        le=1,
        description="aligned correlation from which a candidate pair is the same photograph; pairs below 0.85 are "
        "never looked at closely",
    )


class SplitConfig(Section):
    """Shares of the split (thesis §4.4)."""

    test_share: Share = Field(0.3, description="share of all groups that becomes test")
    validation_share: Share = Field(0.1, description="share of what is not test that becomes validation")
    min_groups_for_test: int = Field(5, ge=1, description="a class of so many groups gets at least one test image")


class ImagesConfig(Section):
    """The square every photograph is brought to."""

    size: int = Field(256, ge=16, le=1024, description="side in pixels")
    fit: Literal["crop", "pad"] = Field("crop", description="cut the longer side, or extend the shorter one")


class PhantomConfig(Section):
    """The rendered archives of runs whose sources have the origin `phantom`."""

    fraction: float = Field(0.04, gt=0, le=1, description="images per class folder, as a share of the real archive's")
    min_images: int = Field(8, ge=1, description="at least so many images per class folder")
    size: int = Field(128, ge=64, le=512, description="frame width of source A in pixels")


class Config(Section):
    """A run of the workflow."""

    run: str = Field("full", pattern=r"^[a-z0-9][a-z0-9-]*$", description="name of the folder under results/")
    seed: int = Field(2022, ge=0, lt=2**32, description="the one seed")
    taxonomy: Taxonomy = Field("thesis", description="thesis: Table 6; refined: PBC's PMY images are promyelocytes")
    protocols: tuple[Literal["leak_free", "thesis"], ...] = Field(
        ("leak_free", "thesis"),
        min_length=1,
        description="leak_free: copies stay together and test is split off first; thesis: split after balancing (§4.4)",
    )
    catalogue: str = Field("data/sources.yaml", description="what is known of the public archives")
    exclusions: str = Field("data/exclusions.csv", description="an expert's list: source,member,reason,who")
    sources: dict[str, SourceConfig] = Field(
        {
            "mendeley": SourceConfig(origin="download", archive="data/raw/PBC_dataset_normal_DIB.zip", field=0.8),
            "tcia": SourceConfig(origin="local", archive="data/raw/AML-Cytomorphology_LMU.zip"),
        },
        min_length=1,
    )
    limits: LimitsConfig = LimitsConfig()
    pixels: PixelConfig = PixelConfig()
    download: DownloadConfig = DownloadConfig()
    duplicates: DuplicatesConfig = DuplicatesConfig()
    split: SplitConfig = SplitConfig()
    images: ImagesConfig = ImagesConfig()
    phantom: PhantomConfig = PhantomConfig()
    device: Literal["cpu", "cuda"] = Field("cuda", description="where networks run; absent is an error")
    devices: int = Field(1, ge=1, le=64, description="GPUs of one training; more than one share each step's work")
    threads: int = Field(
        8, ge=1, description="CPU threads of a rule that computes for long; without a GPU 1 is best, jobs side by side"
    )
    precision: Literal["32", "bf16"] = Field("32", description="of networks: float32, or bfloat16 autocast")
    stain: StainConfig = StainConfig()
    synthesis: SynthesisConfig = SynthesisConfig()
    balance: BalanceConfig = BalanceConfig()
    classify: ClassifyConfig = ClassifyConfig()

    @model_validator(mode="after")
    def _known_sources(self) -> "Config":
        for name in self.sources:
            if name not in FOLDERS:
                near = difflib.get_close_matches(name, FOLDERS, n=1)
                hint = f"did you mean {near[0]!r}" if near else f"allowed are {', '.join(FOLDERS)}"
                raise ValueError(f"unknown source 'sources.{name}', {hint}")
        if len(set(self.protocols)) < len(self.protocols):
            raise ValueError("protocols: one is listed twice")
        return self

    @model_validator(mode="after")
    def _fitting_synthesis(self) -> "Config":
        if self.synthesis.normalizer not in self.stain.normalizers:
            have = ", ".join(self.stain.normalizers)
            raise ValueError(f"synthesis.normalizer is {self.synthesis.normalizer!r}, not in stain.normalizers: {have}")
        if self.synthesis.size > self.images.size:
            raise ValueError(
                f"synthesis.size is {self.synthesis.size}, larger than images.size {self.images.size}: set it to at "
                "most that"
            )
        return self

    @model_validator(mode="after")
    def _fitting_experiments(self) -> "Config":
        for name, recipe in self.balance.recipes.items():
            _require(
                f"balance.recipes.{name}.normalizer", recipe.normalizer, "stain.normalizers", self.stain.normalizers
            )
            for role in ("rich", "rare"):
                if (generator := getattr(recipe, role)) is not None:
                    where = f"balance.recipes.{name}.{role}"
                    _require(where, generator, "synthesis.generators", self.synthesis.generators)
        for name, experiment in self.classify.experiments.items():
            _require(f"classify.experiments.{name}.recipe", experiment.recipe, "balance.recipes", self.balance.recipes)
        if not any(self.classify.experiments[name].protocol in self.protocols for name in self.classify.shown):
            raise ValueError(f"classify.shown has no experiment of the protocols {', '.join(self.protocols)}")
        return self


def _require(where: str, name: str, place: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        raise ValueError(f"{where} is {name!r}, which is not in {place}: {', '.join(known)}")


def load_config(values: Mapping[str, Any], *, where: str = "config.yaml") -> Config:
    """Check a config.

    Raises:
        InputError: naming each wrong key, what is allowed there, and for an unknown key the nearest valid one.
    """
    try:
        # Through JSON: YAML's lists are then taken for tuples, while 1 still is no string and "1" no number. A date,
        # which YAML makes of 2022-11-01, becomes the text it was.
        return Config.model_validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        # A wrong item also makes its list one too short.
        items = [dict(item) for item in error.errors() if item["type"] != "too_short" or not item["input"]]
        problems = "; ".join(_explain(item) for item in items)
        raise InputError(where, problems, "Correct it there, in the overlay, or in --config") from error


def _explain(item: dict[str, Any]) -> str:
    loc = item["loc"]
    if loc[:2] == ("classify", "models"):
        loc = loc[:3] + loc[4:]  # without the method, which names the kind of settings
    key = ".".join(map(str, loc))
    if item["type"] == "extra_forbidden":
        allowed = _keys_at(item["loc"][:-1])
        near = difflib.get_close_matches(str(item["loc"][-1]), allowed, n=1)
        hint = f", did you mean {near[0]!r}" if near else f"; allowed are {', '.join(allowed)}"
        return f"unknown key {key!r}{hint}"
    if item["type"] == "missing":
        return f"{key!r} is missing ({_field_at(item['loc'])[0].description})"
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    if item["type"] == "union_tag_invalid":
        return f"'{key}.method' is {item['ctx']['tag']!r} but should be one of {item['ctx']['expected_tags']}"
    wanted = str(item["msg"]).partition(" should ")[2]
    return f"{key!r} is {item['input']!r} but should {wanted}{_range_of(item['loc'])}"


def _field_at(loc: tuple[str | int, ...]) -> Any:
    model: Any = Config
    field = None
    for part in loc:
        if isinstance(model, type) and issubclass(model, BaseModel) and part in model.model_fields:
            field = model.model_fields[str(part)]
            model = field.annotation
        elif model is ModelConfig:
            model = MODEL_CONFIGS[str(part)]
        elif get_args(model):
            model = get_args(model)[-1]
    return field, model


def _keys_at(loc: tuple[str | int, ...]) -> list[str]:
    model = _field_at(loc)[1]
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _range_of(loc: tuple[str | int, ...]) -> str:
    field, _ = _field_at(loc)
    if field is None:
        return ""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    bounds = [
        f"{sign} {getattr(part, name)}"
        for part in field.metadata
        for name, sign in signs.items()
        if getattr(part, name, None) is not None
    ]
    return f" (allowed: {' and '.join(bounds)})" if bounds else ""
