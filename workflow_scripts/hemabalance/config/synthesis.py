"""The config section `synthesis`: which generators there are, what they learn from, and what they must pass."""

from typing import Any, Literal

from pydantic import Field, model_validator

from hemabalance.config.section import Beta, ClassName, Section, Weight
from hemabalance.training.settings import SmallClassifierSettings

MethodName = Literal["c_wgan_gp", "cwgan_gp", "fewshot_meta", "figr"]


class GeneratorConfig(Section):
    """One generator: the name is a folder of results."""

    method: MethodName = Field(description="how images are made")
    serves: Literal["rich", "rare", "all"] = Field(description="which classes")
    teacher: str | None = Field(
        None, description="generator whose images of the rich classes a few-shot method learns from besides real ones"
    )


class RolesConfig(Section):
    """Which class is rich, rare, or has enough, by its images after cleaning (thesis §3.5, §3.6)."""

    rare_below: int = Field(100, ge=1, description="a class with fewer images is rare")
    rich_from: int = Field(1000, ge=1, description="a class in between is treated as rich, and the log says so")
    enough_from: int = Field(6000, ge=1, description="a class with so many images or more is left alone")
    rich: tuple[ClassName, ...] | None = Field(None, description="a list of rich classes instead of thresholds")
    rare: tuple[ClassName, ...] | None = Field(None, description="a list of rare classes instead of thresholds")

    @model_validator(mode="after")
    def _consistent(self) -> "RolesConfig":
        if self.enough_from < self.rare_below:
            raise ValueError(f"synthesis.roles: enough_from {self.enough_from} is below rare_below {self.rare_below}")
        both = sorted(set(self.rich or ()) & set(self.rare or ()))
        if both:
            raise ValueError(f"synthesis.roles lists {', '.join(both)} as rich and as rare: take it out of one list")
        return self


class CommonConfig(Section):
    """What every method has."""

    betas: tuple[Beta, Beta] = Field((0.0, 0.9), description="Adam's two")
    average_decay: float = Field(0.999, ge=0, lt=1, description="exponential average of the generator used; 0: none")
    augment: bool = Field(True, description="mirror and turn the training images")
    memory_budget: int = Field(8 * 2**30, ge=0, description="bytes of training images kept on the device")
    log_every: int = Field(100, ge=1, description="steps a line of the history")
    checkpoint_every: int = Field(1000, ge=1, description="steps")
    snapshots: int = Field(8, ge=1, description="points along the training at which images are kept to look at")
    snapshot_images: int = Field(8, ge=1, le=32, description="of each class at each point")


class ConditionalConfig(CommonConfig):
    """What c_wgan_gp and cwgan_gp share (thesis Tables 10-12)."""

    latent: int = Field(128, ge=1, le=1024, description="numbers in a latent vector")
    width: int = Field(64, ge=1, le=256, description="channels of the generator")
    critic_width: int = Field(64, ge=1, le=256, description="channels of critic and classifier")
    norm: Literal["batch", "none"] = Field("batch", description="of the generator")
    lr: float = Field(1e-4, gt=0, description="Adam's learning rate, generator and critic")
    batch: int = Field(64, ge=1, description="images a step of any player")
    steps: int = Field(40_000, ge=1, description="generator updates; 40,000 in the thesis's Table 22")
    critic_steps: int = Field(5, ge=1, le=20, description="critic updates for one of the generator")
    gp_weight: Weight = Field(10.0, description="weight of the gradient penalty")
    decay_from: float = Field(0.5, ge=0, le=1, description="share of the steps after which the rate falls to 0")


class CWganGpConfig(ConditionalConfig):
    """C-WGAN-GP (thesis §3.5): generator, critic and a separate classifier."""

    class_weight: Weight = Field(1.0, description="weight of the classifier's word in the generator's loss")
    classifier_lr: float = Field(1e-4, gt=0, description="Adam's learning rate of the classifier")
    colour_strength: float = Field(0.2, ge=0, le=1, description="of random colours in the classifier's training")


class ReptileConfig(CommonConfig):
    """What the few-shot methods share (thesis §3.6)."""

    average_decay: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="exponential average over an adaptation, which starts at the meta-weights; 0: none",
    )
    latent: int = Field(64, ge=1, le=1024, description="numbers in a latent vector")
    width: int = Field(24, ge=1, le=256, description="channels of the generator's full-size map")
    discriminator_width: int = Field(16, ge=1, le=256, description="channels of the discriminator's first convolutions")
    lr: float = Field(2e-4, gt=0, description="Adam's learning rate within a task")
    episodes: int = Field(20_000, ge=1, description="tasks of the meta-training")
    inner_steps: int = Field(10, ge=1, le=1000, description="updates of the players in an episode")
    shots: int = Field(8, ge=2, description="images of an episode")
    taught_share: float = Field(0.5, ge=0, le=1, description="of an episode's images made by the teacher")
    outer_step: float = Field(0.1, gt=0, le=1, description="how far the meta-weights move to a task's")
    adapt_steps: int = Field(2000, ge=1, description="updates for each class that is served, after the episodes")
    snapshot_adapt_steps: int = Field(200, ge=0, description="updates for each class before a snapshot")


class FewshotConfig(ReptileConfig):
    """The meta-learned few-shot generator (thesis §3.6)."""

    encoder_width: int = Field(32, ge=1, le=256, description="channels of the encoder's first block")
    features: int = Field(128, ge=1, le=1024, description="numbers in a feature vector")
    references: int = Field(256, ge=1, description="feature vectors kept of a class")
    feature_mixing: float = Field(
        0.3, ge=0, le=0.5, description="share of a second training image's features in those an image is drawn around"
    )
    lambda_encoder: Weight = Field(1.0, description="weight of the encoder's loss")
    lambda_mode_seeking: Weight = Field(1.0, description="weight of the mode-seeking term")


class FigrConfig(ReptileConfig):
    """FIGR (Clouatre & Demers 2019): Reptile on a Wasserstein GAN, no encoder."""

    gp_weight: Weight = Field(10.0, description="weight of the gradient penalty")


class DrawsConfig(Section):
    """How many images are drawn."""

    target_per_class: int = Field(5000, ge=0, description="real training images and accepted synthetic ones together")
    least: int = Field(1000, ge=1, description="draws of each class in any case, to measure the generator on")
    most_times: float = Field(4.0, ge=1, description="draws at most, as multiple of the images that are wanted")


class GateConfig(Section):
    """What a synthetic image must pass under the gate `standard`."""

    confidence: float = Field(0.5, ge=0, le=1, description="of the independent classifier in the asked class")
    neighbours: int = Field(10, ge=1, description="k of the manifold's radii")
    copy_quantile: float = Field(
        0.01, ge=0, le=1, description="nearer to a training image than this share of real ones is to its next: a copy"
    )
    references: int = Field(2000, ge=1, description="real training images of a class at most to compare with")


class MeasureConfig(Section):
    """On how much generators are measured."""

    max_images: int = Field(1000, ge=2, description="synthetic and real test images of a class")
    kid_subset: int = Field(100, ge=2, description="images of a KID subset; at most as many as there are")
    resamples: int = Field(100, ge=10, description="bootstrap resamples of FID and KID")
    pairs: int = Field(500, ge=1, description="random pairs of a class whose LPIPS shows diversity")


class JudgeConfig(SmallClassifierSettings):
    """The independent classifier of the gate, trained on real training images alone."""

    colour_strength: float = Field(0.2, gt=0, le=1, description="of the random colours in its training")


_GENERATORS = {
    "c_wgan_gp": GeneratorConfig(method="c_wgan_gp", serves="rich"),
    "cwgan_gp": GeneratorConfig(method="cwgan_gp", serves="rich"),
    "fewshot_meta": GeneratorConfig(method="fewshot_meta", serves="rare", teacher="c_wgan_gp"),
    "figr": GeneratorConfig(method="figr", serves="rare", teacher="c_wgan_gp"),
}
# For the ablations of the classifier, each alone for all classes.
_FOR_ALL = {
    "c_wgan_gp_all": GeneratorConfig(method="c_wgan_gp", serves="all"),
    "fewshot_all": GeneratorConfig(method="fewshot_meta", serves="all", teacher="c_wgan_gp"),
}


class SynthesisConfig(Section):
    """Synthesis (thesis §3.5, §3.6)."""

    normalizer: str = Field("wcyclegan_gp", description="whose images generators learn from, of stain.normalizers")
    size: int = Field(128, ge=16, le=256, multiple_of=16, description="side of the images that are made, in pixels")
    roles: RolesConfig = RolesConfig()
    generators: dict[str, GeneratorConfig] = Field({**_GENERATORS, **_FOR_ALL}, min_length=1, description="by name")
    compare: dict[Literal["leak_free", "thesis"], tuple[str, ...]] = Field(
        {"leak_free": tuple(_GENERATORS), "thesis": ()},
        description="generators in the tables, by protocol; under `thesis` they have seen the test images",
    )
    teacher_images: int = Field(1000, ge=1, description="of each rich class that a teacher makes")
    c_wgan_gp: CWganGpConfig = CWganGpConfig()
    cwgan_gp: ConditionalConfig = ConditionalConfig()
    fewshot_meta: FewshotConfig = FewshotConfig()
    figr: FigrConfig = FigrConfig()
    judge: JudgeConfig = JudgeConfig()
    draws: DrawsConfig = DrawsConfig()
    gate: GateConfig = GateConfig()
    evaluation: MeasureConfig = MeasureConfig()

    @model_validator(mode="after")
    def _known_names(self) -> "SynthesisConfig":
        have = ", ".join(self.generators)
        for protocol, names in self.compare.items():
            for name in names:
                if name not in self.generators:
                    raise ValueError(
                        f"synthesis.compare.{protocol} names {name!r}, which is not in synthesis.generators: {have}"
                    )
        for name, entry in self.generators.items():
            teacher = self.generators.get(entry.teacher or "")
            if entry.teacher is not None and (teacher is None or teacher.teacher is not None):
                raise ValueError(
                    f"synthesis.generators.{name}.teacher is {entry.teacher!r}, which is not a generator without a "
                    f"teacher of its own: {have}"
                )
        return self

    def entry(self, name: str) -> dict[str, Any]:
        """What a rule is told of a generator: method, classes, the method's own settings, size."""
        entry = self.generators[name]
        own = getattr(self, entry.method).model_dump()
        return {"method": entry.method, "serves": entry.serves, "own": own, "size": self.size}
