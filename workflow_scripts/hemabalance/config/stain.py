"""The config section `stain`: which normalisers there are, how each is fitted, and what they are measured with."""

from typing import Any, Literal, get_args

from pydantic import Field, model_validator

from hemabalance.config.section import Beta, ClassifierConfig, ClassName, Section, Weight

MethodName = Literal["none", "reinhard", "macenko", "vahadane", "pix2pix", "cyclegan", "wcyclegan_gp"]


class NormalizerConfig(Section):
    """One normaliser: the name is a folder of results."""

    method: MethodName = Field(description="how images are brought from one stain to the other")
    direction: Literal["per_class", "to_a", "to_b", "none"] = Field(
        "to_a",
        description="which images: to_a, to_b maps one source; per_class (thesis) of each class the smaller source, "
        "for which the class must be known, of test images too",
    )


class TrainingConfig(Section):
    """What every method that trains networks has."""

    width: int = Field(64, ge=1, le=256, description="channels of the generators' first level")
    critic_width: int = Field(64, ge=1, le=256, description="channels of the critics' first level")
    critic_layers: int = Field(3, ge=1, le=6, description="strided convolutions of a critic; 3 judges 70x70 patches")
    lr: float = Field(2e-4, gt=0, description="Adam's learning rate")
    betas: tuple[Beta, Beta] = Field((0.5, 0.999), description="Adam's two")
    batch: int = Field(8, ge=1, description="images of each domain a step")
    steps: int = Field(
        150_000, ge=1, description="generator updates; the thesis trains 150 epochs of some thousand images"
    )
    average_decay: float = Field(0.999, ge=0, lt=1, description="exponential average of the generators used; 0: none")
    decay_from: float = Field(0.5, ge=0, le=1, description="share of the steps after which the rate falls to 0")
    augment: bool = Field(True, description="mirror and turn the training images")
    memory_budget: int = Field(8 * 2**30, ge=0, description="bytes of training images kept on the device")
    log_every: int = Field(100, ge=1, description="steps a line of the history")
    checkpoint_every: int = Field(1000, ge=1, description="steps")


class WCycleGanConfig(TrainingConfig):
    """W-CycleGAN-GP (thesis §3.4): U-Net generators, Wasserstein critics with gradient penalty."""

    betas: tuple[Beta, Beta] = Field((0.5, 0.9), description="Adam's two")
    up: Literal["transposed", "resize"] = Field(
        "resize", description="how generators enlarge: resize and convolve (ours), or transposed convolutions (thesis)"
    )
    residual: bool = Field(True, description="generators add to the image (ours), or make the image (thesis)")
    critic_norm: Literal["instance", "none"] = Field("instance", description="of the critics; instance: as the thesis")
    critic_steps: int = Field(2, ge=1, le=20, description="critic updates for one of the generators")
    lambda_cycle: Weight = Field(10.0, description="weight of the cycle loss")
    lambda_identity: Weight = Field(5.0, description="weight of the identity loss")
    gp_weight: Weight = Field(10.0, description="weight of the gradient penalty")
    adversarial_weight: Weight = Field(0.1, description="weight of the adversarial loss; 1 in the thesis")


class CycleGanConfig(TrainingConfig):
    """CycleGAN (Zhu 2017): ResNet generators, least squares."""

    blocks: int = Field(9, ge=1, le=12, description="residual blocks of a generator")
    lambda_cycle: Weight = Field(10.0, description="weight of the cycle loss")
    lambda_identity: Weight = Field(5.0, description="weight of the identity loss")
    remembered: int = Field(50, ge=0, description="earlier fakes of each domain that critics are shown again")


class Pix2PixConfig(TrainingConfig):
    """pix2pix (Isola 2017), trained on rendered pairs."""

    up: Literal["transposed", "resize"] = Field("transposed", description="as for wcyclegan_gp")
    residual: bool = Field(False, description="as for wcyclegan_gp; the paper's makes the image")
    l1_weight: Weight = Field(100.0, description="weight of the absolute difference to the true image")


class ReinhardConfig(Section):
    """Reinhard 2001: mean and deviation of each Lab channel."""

    source: Literal["image", "domain"] = Field("image", description="whose statistics an image is brought from")
    fit_images: int = Field(1000, ge=1, description="images of a domain to fit")
    least_contrast: Weight = Field(2.0, description="deviation of L* under which an image is blank and passed through")


class TwoStainConfig(Section):
    """What Macenko and Vahadane share: two stains by optical density."""

    source: Literal["image", "domain"] = Field("image", description="whose stains an image is taken apart by")
    light: Literal["white", "domain", "image"] = Field("image", description="incoming light: 255, or a background")
    background_percentile: float = Field(90.0, ge=0, lt=100, description="of brightness; pixels above are background")
    beta: Weight = Field(0.15, description="optical density from which on a pixel counts as stained")
    least_stained: float = Field(0.01, ge=0, lt=1, description="share of stained pixels under which it is blank")
    fit_images: int = Field(1000, ge=1, description="images of a domain to fit")
    fit_pixels: int = Field(200_000, ge=100, description="stained pixels of a domain to fit")


class MacenkoConfig(TwoStainConfig):
    """Macenko 2009: extreme angles in the plane of the two main directions."""

    alpha: float = Field(1.0, gt=0, lt=50, description="percentile of the angle, and its complement")


class VahadaneConfig(TwoStainConfig):
    """Vahadane 2016: sparse non-negative separation."""

    sparsity: Weight = Field(0.1, description="of the search for stains")
    amounts_sparsity: Weight = Field(0.01, description="of the amounts that are rendered")


class EvaluationConfig(Section):
    """On how much normalisers are measured."""

    max_images: int = Field(2000, ge=8, description="of each source, for distances, reconstruction and audit")
    kid_subset: int = Field(1000, ge=2, description="images of a KID subset; at most as many as there are")
    folds: int = Field(5, ge=2, le=20, description="of the probes' cross-validation")


class PairsConfig(Section):
    """Rendered cells in both stains: pix2pix learns from them, and phantom runs are measured on them."""

    train: int = Field(4000, ge=1, description="pairs to learn from")
    test: int = Field(240, ge=1, description="pairs to measure on")


_NORMALIZERS = {name: NormalizerConfig(method=name) for name in get_args(MethodName)}


class StainConfig(Section):
    """Stain normalisation (thesis §3.4)."""

    normalizers: dict[str, NormalizerConfig] = Field(_NORMALIZERS, min_length=1, description="by name")
    compare: dict[Literal["leak_free", "thesis"], tuple[str, ...]] = Field(
        {"leak_free": tuple(_NORMALIZERS), "thesis": ()},
        description="normalisers in the tables, by protocol; under `thesis` they have seen the test images",
    )
    classes: tuple[ClassName, ...] = Field(
        ("basophil", "eosinophil", "erythroblast", "immature_granulocyte", "lymphocyte", "monocyte"),
        description="those that the direction per_class maps (thesis §4.1)",
    )
    wcyclegan_gp: WCycleGanConfig = WCycleGanConfig()
    cyclegan: CycleGanConfig = CycleGanConfig()
    pix2pix: Pix2PixConfig = Pix2PixConfig()
    reinhard: ReinhardConfig = ReinhardConfig()
    macenko: MacenkoConfig = MacenkoConfig()
    vahadane: VahadaneConfig = VahadaneConfig()
    pairs: PairsConfig = PairsConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @model_validator(mode="after")
    def _known_names(self) -> "StainConfig":
        for protocol, names in self.compare.items():
            for name in names:
                if name not in self.normalizers:
                    raise ValueError(
                        f"stain.compare.{protocol} names {name!r}, which is not in stain.normalizers: "
                        f"{', '.join(self.normalizers)}"
                    )
        return self

    def settings_of(self, method: MethodName) -> dict[str, Any]:
        """A method's own settings; `none` has none."""
        return {} if method == "none" else getattr(self, method).model_dump()
