"""The typed config of a run: unknown keys and invalid values are refused before any rule runs.

Rules receive parts of the validated config as JSON values, so that an edit of this file alone reruns nothing.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from hemabalance.classes import ClassName
from hemabalance.config.across import AcrossConfig
from hemabalance.config.across_checks import check_across
from hemabalance.config.balance import BalanceConfig
from hemabalance.config.classify import ClassifyConfig, with_models
from hemabalance.config.data import (
    DownloadConfig,
    DuplicatesConfig,
    ImagesConfig,
    LimitsConfig,
    PhantomConfig,
    PixelConfig,
    SplitConfig,
)
from hemabalance.config.entries import resolve_entries
from hemabalance.config.explain import explain, is_word_of_union
from hemabalance.config.laboratories import check_laboratories, complete_laboratories
from hemabalance.config.one_source import without_normalizers
from hemabalance.config.paired import pairs_are_rendered, without_paired
from hemabalance.config.paths import PathText
from hemabalance.config.preset import NO_PRESET, with_preset
from hemabalance.config.references import require_entry
from hemabalance.config.scarcity import ScarcityConfig
from hemabalance.config.scarcity_checks import check_scarcity
from hemabalance.config.sources import SourceConfig
from hemabalance.config.stain import StainConfig
from hemabalance.config.synthesis import SynthesisConfig, with_settings_of_teachers
from hemabalance.errors import InputError
from hemabalance.protocols import PROTOCOLS, Rules
from hemabalance.section import Precision, Section

REMEDY = "Correct it there, in the overlay, or in --config"


class Config(Section):
    """The config of a run of the workflow."""

    run: str = Field("full", pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Name of the run and of its folder in results/."""
    seed: int = Field(2022, ge=0, lt=2**32)
    """Seed of all random numbers."""
    preset: str = NO_PRESET
    """Sources and classes of published archives: `thesis`, or `none`; own sources switch it off."""
    taxonomy: str | None = None
    """How the labels of a preset become classes: one of the preset's `taxonomies`; default: the first."""
    protocols: tuple[Rules, ...] = Field(PROTOCOLS, min_length=1)
    """`leak_free`: copies stay in one part, the test set is split off first; `thesis`: split after balancing (§4.4)."""
    show_all: bool = False
    """`snakemake` runs all normalisers, generators and experiments, also those with `shown: false`."""
    catalogue: PathText = "data/sources.yaml"
    """File that describes the public archives."""
    exclusions: PathText = "data/exclusions.csv"
    """An expert's list of images to exclude: CSV with the columns source,member,reason,who."""
    sources: dict[str, SourceConfig] = Field(min_length=1)
    """Laboratories, by name."""
    classes: tuple[ClassName, ...] = ()
    """Classes, kept in alphabetical order; default: all that the sources' maps name."""
    reference: str = ""
    """Source to whose stain all others are brought; default: the first one."""
    allow_unclaimed: bool = False
    """Warn instead of stopping if labels are claimed by no class, or a class or a source has no image."""
    limits: LimitsConfig = LimitsConfig()
    pixels: PixelConfig = PixelConfig()
    download: DownloadConfig = DownloadConfig()
    duplicates: DuplicatesConfig = DuplicatesConfig()
    split: SplitConfig = SplitConfig()
    images: ImagesConfig = ImagesConfig()
    phantom: PhantomConfig = PhantomConfig()
    device: Literal["cpu", "cuda"] = "cuda"
    """Device of networks; an error if it is not available."""
    devices: int = Field(1, ge=1, le=64)
    """Number of GPUs of one training, which divide each batch."""
    threads: int = Field(8, ge=1)
    """CPU threads of long-running rules; without a GPU, 1 thread and several jobs in parallel are fastest."""
    precision: Precision = "32"
    """Precision of networks: float32 (`32`), or autocast to bfloat16 (`bf16`)."""
    stain: StainConfig
    """Stain normalisation."""
    synthesis: SynthesisConfig
    """Synthetic images."""
    balance: BalanceConfig
    """Balanced sets."""
    classify: ClassifyConfig
    """Classifiers."""
    scarcity: ScarcityConfig = ScarcityConfig()
    """Recipes compared where well-filled classes are cut to few training images."""
    across: AcrossConfig = AcrossConfig()
    """Models trained on labels of the reference alone, compared on the other sources."""

    @model_validator(mode="after")
    def _check_laboratories(self) -> "Config":
        check_laboratories(self.sources, self.classes, self.reference)
        if len(set(self.protocols)) < len(self.protocols):
            raise ValueError("protocols: a protocol is listed twice")
        for key, names in (
            ("stain.classes", self.stain.classes),
            ("synthesis.roles.rich", self.synthesis.roles.rich),
            ("synthesis.roles.rare", self.synthesis.roles.rare),
        ):
            for name in names or ():
                require_entry(key, name, "classes", dict.fromkeys(self.classes))
        for name, entry in self.stain.normalizers.items():
            if entry.direction in ("to_b", "per_class") and len(self.sources) != 2:
                raise ValueError(
                    f"stain.normalizers.{name}.direction is {entry.direction!r}, which needs exactly two sources: "
                    "use to_a, which brings every source to the stain of the reference"
                )
            if entry.direction == "per_class" and len(self.labelled_sources) < len(self.sources):
                raise ValueError(
                    f"stain.normalizers.{name}.direction is 'per_class', which needs labels in both sources: use to_a"
                )
        return self

    @model_validator(mode="after")
    def _check_synthesis(self) -> "Config":
        if self.synthesis.normalizer not in self.stain.normalizers:
            available = ", ".join(self.stain.normalizers)
            raise ValueError(
                f"synthesis.normalizer is {self.synthesis.normalizer!r}, not in stain.normalizers: {available}"
            )
        if self.synthesis.size > self.images.size:
            raise ValueError(
                f"synthesis.size is {self.synthesis.size}, larger than images.size {self.images.size}: set it to "
                "that or less"
            )
        return self

    @model_validator(mode="after")
    def _check_experiments(self) -> "Config":
        for name, recipe in self.balance.recipes.items():
            require_entry(
                f"balance.recipes.{name}.normalizer", recipe.normalizer, "stain.normalizers", self.stain.normalizers
            )
            for role in ("rich", "rare"):
                if (generator := getattr(recipe, role)) is not None:
                    where = f"balance.recipes.{name}.{role}"
                    require_entry(where, generator, "synthesis.generators", self.synthesis.generators)
        for name, experiment in self.classify.experiments.items():
            require_entry(
                f"classify.experiments.{name}.recipe", experiment.recipe, "balance.recipes", self.balance.recipes
            )
        shown = [experiment.protocol for experiment in self.classify.experiments.values() if experiment.shown]
        if not set(shown) & set(self.protocols):
            listed = ", ".join(self.protocols)
            raise ValueError(f"classify.experiments: no experiment with `shown: true` has a protocol of {listed}")
        return self

    @model_validator(mode="after")
    def _check_scarcity(self) -> "Config":
        check_scarcity(self.scarcity, self.classes, self.protocols, self.balance, self.classify)
        return self

    @model_validator(mode="after")
    def _check_across(self) -> "Config":
        check_across(
            self.across, self.reference, self.labelled_sources, self.protocols, self.stain, self.balance, self.classify
        )
        return self

    @property
    def other_sources(self) -> tuple[str, ...]:
        """The sources besides the reference, sorted: each is one pair of stain domains with it."""
        return tuple(sorted(set(self.sources) - {self.reference}))

    @property
    def labelled_sources(self) -> tuple[str, ...]:
        """The sources whose images have labels, sorted."""
        return tuple(sorted(name for name, source in self.sources.items() if source.labelled))


def load_config(values: Mapping[str, Any], *, where: str = "config.yaml") -> Config:
    """Validate a config.

    Raises:
        InputError: lists each wrong key with the allowed values, and for an unknown key the most similar valid key.
    """
    try:
        # Through JSON: lists are then valid for tuples, but strings and numbers are still not converted.
        # A date, such as YAML's value of 2022-11-01, becomes a string again.
        return Config.model_validate_json(json.dumps(complete(values), default=str))
    except ValidationError as error:
        # pydantic also reports a list with an invalid item as too short.
        items = [dict(item) for item in error.errors() if item["type"] != "too_short" or not item["input"]]
        problems = "; ".join(explain(item, Config) for item in items if not is_word_of_union(item))
        raise InputError(where, problems, REMEDY) from error
    except ValueError as error:  # raised by `complete`
        raise InputError(where, str(error), REMEDY) from error


def complete(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a config with those of its preset, `like` and teachers, and the normalisers that its sources allow.

    Raises:
        ValueError: unknown preset or taxonomy; a wrong `like`; a paired normaliser is used without rendered pairs.
    """
    entries = resolve_entries(complete_laboratories(with_preset(values)))
    completed = with_models(with_settings_of_teachers(entries))
    sources = completed.get("sources")
    if not isinstance(sources, Mapping):
        return completed  # the validation refuses it
    if len(sources) == 1:
        return without_normalizers(completed)
    origins = [entry.get("origin", "local") for entry in sources.values() if isinstance(entry, Mapping)]
    rendered = pairs_are_rendered(completed["preset"], completed["reference"], origins)
    return completed if rendered else without_paired(completed)


def read_config_file(path: Path) -> dict[str, Any]:
    """The values of a config file; empty if the file does not exist.

    Raises:
        InputError: the file is not valid YAML, or not a mapping.
    """
    if not path.exists():
        return {}
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(path, f"is not valid YAML: {error}", "Correct it") from error
    if not isinstance(values, dict):
        raise InputError(path, "contains no keys", "Write `key: value` lines")
    return values
