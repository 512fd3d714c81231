"""The config sections `balance` and `classify`: which sets are balanced how, and who is trained and tested on them."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from hemabalance.config.section import Section

Protocol = Literal["leak_free", "thesis"]


class RecipeConfig(Section):
    """One balanced set: the name is a folder of results."""

    normalizer: str = Field(description="of stain.normalizers: whose images it holds")
    rich: str | None = Field(None, description="generator of well-filled classes, of synthesis.generators; none: null")
    rare: str | None = Field(None, description="generator of rare classes; may be the same")
    gate: Literal["none", "standard"] = Field("standard", description="which synthetic images may enter")
    size: Literal["synthesis", "images"] = Field(
        "synthesis",
        description="side of all images: synthesis.size, that of synthetic ones, or images.size, for real ones alone",
    )

    @property
    def generators(self) -> tuple[str, ...]:
        """Generators by name, each once."""
        return tuple(dict.fromkeys(name for name in (self.rich, self.rare) if name))

    @model_validator(mode="after")
    def _one_sharpness(self) -> "RecipeConfig":
        if self.size == "images" and self.generators:
            raise ValueError(
                "balance.recipes: a recipe with generators takes size synthesis, or sharpness alone would tell real "
                "images from synthetic ones"
            )
        return self


_OURS: dict[str, Any] = {"normalizer": "wcyclegan_gp", "rich": "c_wgan_gp", "rare": "fewshot_meta"}
_RECIPES = {
    "plain": RecipeConfig(normalizer="none", size="images"),
    "original": RecipeConfig(normalizer="wcyclegan_gp"),
    "balanced": RecipeConfig(**_OURS),
    "ungated": RecipeConfig(**_OURS, gate="none"),
    "no_stain": RecipeConfig(**{**_OURS, "normalizer": "none"}),
    "fewshot_only": RecipeConfig(**{**_OURS, "rich": "fewshot_all", "rare": "fewshot_all"}),
    "c_wgan_gp_only": RecipeConfig(**{**_OURS, "rich": "c_wgan_gp_all", "rare": "c_wgan_gp_all"}),
}


class BalanceConfig(Section):
    """Real and synthetic images of each class together (thesis §3.7)."""

    above: Literal["keep", "subsample"] = Field(
        "keep", description="a class of more real training images than synthesis.draws.target_per_class"
    )
    audit_images: int = Field(2000, ge=8, description="real images of each source in the probes of the shortcut audit")
    folds: int = Field(5, ge=2, le=20, description="of the probes' cross-validation")
    recipes: dict[str, RecipeConfig] = Field(_RECIPES, min_length=1, description="by name")


class TrainingConfig(Section):
    """How every network is trained on a balanced set (thesis §3.7: 200 epochs of 256 iterations)."""

    batch: int = Field(64, ge=2, description="images a step")
    steps: int = Field(51_200, ge=1, description="of training at most")
    lr: float = Field(1e-3, gt=0, description="AdamW's learning rate after warm-up")
    weight_decay: float = Field(0.05, ge=0, description="of AdamW")
    warmup_share: float = Field(0.05, ge=0, lt=1, description="share of the steps in which the rate rises")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="of the targets")
    drop_rate: float = Field(0.2, ge=0, lt=1, description="dropout before the last layer")
    average_decay: float = Field(0.999, ge=0, lt=1, description="exponential average of the network used; 0: none")
    patience: int = Field(
        40, ge=0, description="validations without a lower cross-entropy after which training ends; 0: never"
    )
    validate_every: int = Field(256, ge=1, description="steps")
    balanced: bool = Field(False, description="draw classes in equal shares, whatever the set; false: images")
    rotate: float = Field(0.3, ge=0, le=1, description="share of images turned by any angle, besides the eight poses")
    colour_strength: float = Field(0.1, ge=0, le=1, description="of random colours")
    blur_strength: float = Field(0.1, ge=0, le=1, description="of random blur")
    memory_budget: int = Field(8 * 2**30, ge=0, description="bytes of training images kept on the device")
    log_every: int = Field(64, ge=1, description="steps a line of the history")
    checkpoint_every: int = Field(512, ge=1, description="steps")


class NetworkConfig(Section):
    """What networks share."""

    input_size: int = Field(224, ge=16, le=512, description="side to which images are enlarged or reduced, in pixels")
    imagenet_weights: str | None = Field(None, description="a local file of ImageNet weights to start from")


class SenetConfig(NetworkConfig):
    """SENet-154 (Hu 2018), with the head of the thesis or its own."""

    method: Literal["senet154"] = Field("senet154", description="how classes are told apart")
    gather_excite: bool = Field(True, description="the head of thesis §3.7; false: SENet-154's own")
    depths: tuple[int, int, int, int] = Field((3, 8, 36, 3), description="blocks of each stage")
    groups: int = Field(64, ge=1, description="of the 3x3 convolutions")
    width: int = Field(64, ge=4, description="channels of the first stage")
    stem: int = Field(64, ge=4, description="channels of the first convolution")
    extent: Literal[0, 2, 4, 8] = Field(0, description="of gather-excite, in pixels of the last map; 0: all of it")


class TimmConfig(NetworkConfig):
    """A network of the package timm."""

    method: Literal["timm"] = Field("timm", description="how classes are told apart")
    architecture: Literal[
        "vgg19", "resnet50", "inception_v3", "xception", "efficientnet_b0", "resnext101_64x4d", "seresnext50_32x4d"
    ] = Field(description="its name")


class CnnConfig(NetworkConfig):
    """Convolutions one after another."""

    method: Literal["sequential_cnn"] = Field("sequential_cnn", description="how classes are told apart")
    width: int = Field(32, ge=4, description="channels of the first convolution")


class NaiveBayesConfig(Section):
    """Gaussian naive Bayes."""

    method: Literal["naive_bayes"] = Field("naive_bayes", description="how classes are told apart")
    side: int = Field(16, ge=1, le=128, description="side to which images are averaged, in pixels")
    var_smoothing: float = Field(1e-3, ge=0, description="share of the largest variance added to all")


class LogisticConfig(Section):
    """Logistic regression on frozen ImageNet features: the line to beat."""

    method: Literal["logistic"] = Field("logistic", description="how classes are told apart")
    C: float = Field(0.01, gt=0, description="inverse strength of the penalty")
    input_size: int = Field(224, ge=32, le=512, description="side of the images that the features are of, in pixels")
    balanced: bool = Field(True, description="weigh classes alike; false: images")


ModelConfig = Annotated[
    SenetConfig | TimmConfig | CnnConfig | NaiveBayesConfig | LogisticConfig, Field(discriminator="method")
]
MODEL_CONFIGS: dict[str, type[Section]] = {
    "senet154": SenetConfig, "timm": TimmConfig, "sequential_cnn": CnnConfig, "naive_bayes": NaiveBayesConfig,
    "logistic": LogisticConfig,
}  # fmt: skip


class ExperimentConfig(Section):
    """One classifier on one balanced set, trained with one or more seeds: the name is a folder of results."""

    recipe: str = Field(description="of balance.recipes")
    model: str = Field(description="of classify.models")
    protocol: Protocol = Field("leak_free", description="who may see what")
    seeds: tuple[int, ...] = Field((1,), min_length=1, description="one training each")


_MODELS: dict[str, ModelConfig] = {
    "senet154_ge": SenetConfig(),
    "senet154": SenetConfig(gather_excite=False),
    "vgg19": TimmConfig(architecture="vgg19"),
    "resnet50": TimmConfig(architecture="resnet50"),
    "inception_v3": TimmConfig(architecture="inception_v3", input_size=299),
    "xception": TimmConfig(architecture="xception", input_size=299),
    "efficientnet_b0": TimmConfig(architecture="efficientnet_b0"),
    "resnext101": TimmConfig(architecture="resnext101_64x4d"),
    "seresnext50": TimmConfig(architecture="seresnext50_32x4d"),
    "sequential_cnn": CnnConfig(),
    "naive_bayes": NaiveBayesConfig(),
    "logistic": LogisticConfig(),
}
_BASELINES = tuple(name for name in _MODELS if name != "senet154_ge")
_EXPERIMENTS = {
    **{recipe: ExperimentConfig(recipe=recipe, model="senet154_ge") for recipe in _RECIPES},
    **{f"{model}_balanced": ExperimentConfig(recipe="balanced", model=model) for model in _BASELINES},
    "logistic_original": ExperimentConfig(recipe="original", model="logistic"),
    "original_thesis": ExperimentConfig(recipe="original", model="senet154_ge", protocol="thesis"),
    "balanced_thesis": ExperimentConfig(recipe="balanced", model="senet154_ge", protocol="thesis"),
}
_ABLATIONS = {
    "full": "balanced",
    "without gather-excite": "senet154_balanced",
    "without stain normalisation": "no_stain",
    "without C-WGAN-GP (few-shot for all)": "fewshot_only",
    "without few-shot (C-WGAN-GP for all)": "c_wgan_gp_only",
}


class ComparisonConfig(Section):
    """Two experiments on the same test images."""

    a: str = Field(description="an experiment")
    b: str = Field(description="another one, of the same protocol")


class ClassifierEvaluationConfig(Section):
    """How classifiers are measured."""

    unlike_quantile: float = Field(
        0.99, gt=0.5, lt=1, description="of validation images; what lies farther out is called unlike the training data"
    )


class ClassifyConfig(Section):
    """Classification (thesis §3.7)."""

    training: TrainingConfig = TrainingConfig()
    models: dict[str, ModelConfig] = Field(_MODELS, min_length=1, description="by name")
    experiments: dict[str, ExperimentConfig] = Field(_EXPERIMENTS, min_length=1, description="by name")
    shown: tuple[str, ...] = Field(
        ("original", "balanced", "logistic_original", "plain", "original_thesis"),
        min_length=1,
        description="experiments that `snakemake` runs if their protocol is listed; `snakemake experiments` runs all",
    )
    comparisons: tuple[ComparisonConfig, ...] = Field(
        (
            ComparisonConfig(a="balanced", b="original"),
            ComparisonConfig(a="original", b="plain"),
            ComparisonConfig(a="original", b="logistic_original"),
            ComparisonConfig(a="balanced", b="ungated"),
            ComparisonConfig(a="balanced", b="senet154_balanced"),
        ),
        description="made where both experiments are run; the first is the question that the report opens with",
    )
    ablations: dict[str, str] = Field(_ABLATIONS, description="row of the ablation table -> experiment")
    evaluation: ClassifierEvaluationConfig = ClassifierEvaluationConfig()

    @model_validator(mode="after")
    def _known_names(self) -> "ClassifyConfig":
        have = ", ".join(self.experiments)
        named = {f"shown.{place}": name for place, name in enumerate(self.shown)}
        named |= {f"ablations.{row}": name for row, name in self.ablations.items()}
        for place, pair in enumerate(self.comparisons):
            named |= {f"comparisons.{place}.a": pair.a, f"comparisons.{place}.b": pair.b}
        for where, name in named.items():
            if name not in self.experiments:
                raise ValueError(f"classify.{where} names {name!r}, which is not in classify.experiments: {have}")
        for name, entry in self.experiments.items():
            if entry.model not in self.models:
                raise ValueError(
                    f"classify.experiments.{name}.model is {entry.model!r}, which is not in classify.models: "
                    f"{', '.join(self.models)}"
                )
            if len(set(entry.seeds)) < len(entry.seeds):
                raise ValueError(f"classify.experiments.{name}.seeds lists one twice: {list(entry.seeds)}")
        for pair in self.comparisons:
            if self.experiments[pair.a].protocol != self.experiments[pair.b].protocol:
                raise ValueError(f"classify.comparisons: {pair.a} and {pair.b} have not the same test images")
        return self

    def entry(self, model: str) -> dict[str, Any]:
        """What a rule is told of a model: method and the settings that it takes."""
        own = self.models[model].model_dump()
        method = own.pop("method")
        if method in ("naive_bayes", "logistic"):
            return {"method": method, "own": own}
        return {"method": method, "own": {**self.training.model_dump(), **own}}
