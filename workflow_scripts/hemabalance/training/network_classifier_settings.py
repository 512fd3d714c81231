"""Training settings of the classifier networks; part of the config, so PyTorch is not imported here."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from hemabalance.section import Count, Share
from hemabalance.training.settings import Decay, NetworkTraining, Rate, Strength


class TrainingSettings(NetworkTraining):
    """Training of every classifier network on a balanced set (thesis §3.7: 200 epochs of 256 iterations)."""

    OPTIONAL: ClassVar[tuple[str, ...]] = (
        "zoom", "shift", "stain_strength", "defocus", "class_weights", "logit_adjustment", "tau", "mix", "mix_alpha",
        "mix_share", "synthetic_share", "synthetic_weight", "synthetic_part", "keep",
    )  # fmt: skip
    """Settings that a description leaves out where they have their default; subclasses add theirs."""

    batch: int = Field(64, ge=2)
    """Images per step; two or more, for batch normalisation."""
    steps: Count = 51_200
    """Maximum number of training steps."""
    lr: Rate = 1e-3
    """Learning rate of AdamW after warm-up."""
    weight_decay: float = Field(0.05, ge=0)
    """Weight decay of AdamW, applied to the weights of convolutions and linear layers only."""
    warmup_share: float = Field(0.05, ge=0, lt=1)
    """Share of the steps in which the rate rises from 0, before it falls to 0 in half a cosine."""
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    """Share of each target that is spread over all classes."""
    drop_rate: float = Field(0.2, ge=0, lt=1)
    """Dropout rate of the features before the last layer."""
    average_decay: Decay = 0.999
    """The saved network is an exponential average of the trained one, with at most this decay, which is (1 + step) /
    (10 + step) in the first steps; 0: the trained network itself."""
    patience: int = Field(40, ge=0)
    """Consecutive validations without a lower cross-entropy after which training ends; 0: never."""
    validate_every: Count = 256
    """Steps between two validations."""
    balanced: Literal[True, False, "root"] = False
    """Sample all classes equally often; root: each class in proportion to the square root of its number of images;
    false: sample all images equally often."""
    rotate: Share = 0.3
    """Share of the images rotated by an arbitrary angle, in addition to the eight poses."""
    colour_strength: Strength = 0.1
    """Strength of the random colour augmentation."""
    blur_strength: Strength = 0.1
    """Strength of the random blur."""
    log_every: Count = 64
    """Steps between two lines of the history."""
    checkpoint_every: Count = 512
    """Steps between two checkpoints."""
    zoom: float = Field(0.0, ge=0, lt=1)
    """Images are scaled by a random factor between 1 - zoom and 1 + zoom; 0: none."""
    shift: float = Field(0.0, ge=0, le=0.5)
    """Images are moved by up to this share of their side along each axis; 0: none."""
    stain_strength: Strength = 0.0
    """Strength of the random stain, light, camera, focus, noise and occlusion, for images of other laboratories; 0:
    none."""
    defocus: float = Field(0.0, ge=0, le=0.1)
    """Two images in five are blurred, by up to this share of their side, for laboratories with another focus; 0:
    none."""
    class_weights: bool = False
    """Weight the loss of an image by the inverse frequency of its class; the mean weight of the images is one."""
    logit_adjustment: Literal["none", "training", "afterwards"] = "none"
    """Logit adjustment (Menon 2021, arXiv:2007.07314): add tau times the logarithm of the class frequency to the logits
    of the loss (`training`), or subtract it from those of the trained network (`afterwards`)."""
    tau: float = Field(1.0, gt=0)
    """Factor of the logit adjustment."""
    mix: Literal["none", "mixup", "cutmix"] = "none"
    """Mix pairs of images of a batch and their targets: mixup (Zhang 2018, arXiv:1710.09412) or CutMix (Yun 2019,
    arXiv:1905.04899)."""
    mix_alpha: float = Field(0.2, gt=0)
    """The share of the first image of a pair is drawn from Beta(mix_alpha, mix_alpha), once for each batch."""
    mix_share: Share = 0.5
    """Share of the batches that are mixed."""
    synthetic_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of each batch that is drawn from the synthetic images of the balanced set; null: they are drawn like the
    real ones."""
    synthetic_weight: float = Field(1.0, gt=0, le=1)
    """Weight of the loss of a synthetic image; that of a real one is 1."""
    synthetic_part: Literal["images", "repeats"] = "images"
    """`repeats`: in place of each synthetic image, a batch has one more real image of its class, with the same weight:
    the control of experiments with synthetic images."""
    keep: Literal["best", "last"] = "best"
    """Network that is kept: of the lowest validation loss, or that of the last step, which `patience` does not bring
    forward. Both are averages, see average_decay."""

    @property
    def tells_synthetic_apart(self) -> bool:
        """Whether the training treats synthetic images in another way than real ones."""
        names = ("synthetic_share", "synthetic_weight", "synthetic_part")
        return any(getattr(self, name) != TrainingSettings.model_fields[name].default for name in names)

    @model_validator(mode="after")
    def _one_correction(self) -> "TrainingSettings":
        if self.balanced is True and (self.class_weights or self.logit_adjustment != "none"):
            key = "class_weights" if self.class_weights else "logit_adjustment"
            raise ValueError(f"{key} corrects for class frequencies that `balanced` has evened out: use one of them")
        return self

    @model_serializer(mode="wrap")
    def _without_unused(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Trainings that use none of these settings keep the description, and the bytes, that they had without them.
        defaults = {name: type(self).model_fields[name].default for name in self.OPTIONAL}
        return {k: v for k, v in serialise(self).items() if k not in defaults or getattr(self, k) != defaults[k]}
