"""The networks of C-WGAN-GP: shapes and sizes of Tables 10-12, initialisation, and their gradient penalty."""

import math

import pytest
import torch
from torch import Tensor, nn

from helpers.seeds import seeded
from hemabalance.networks.conditional import ConditionalClassifier, ConditionalCritic, ConditionalGenerator
from hemabalance.networks.layers import count_parameters, he_std, initialise
from hemabalance.training.losses import gradient_penalty

BUILDS = {
    "generator-none": lambda: ConditionalGenerator(16, 4, 6, 3, "none"),
    "generator-batch": lambda: ConditionalGenerator(32, 4, 6, 3, "batch"),
    "critic": lambda: ConditionalCritic(16, 4, 0),
    "critic-conditional": lambda: ConditionalCritic(32, 4, 3),
    "classifier": lambda: ConditionalClassifier(32, 4, 3),
}
every_network = pytest.mark.parametrize("name", BUILDS)

# Computed by hand from the tables. A 3x3 convolution of 64 maps: 9 * 64 * 64 + 64; a 5x5 one: 25 * 64 * 64 + 64.
SMALL, LARGE = 36_928, 102_464
GENERATOR = (128 + 8 + 1) * 64 * 32 * 32 + 2 * 8 * SMALL + 2 * LARGE + (25 * 64 * 3 + 3)
TRUNK = (25 * 3 * 64 + 64) + 2 * 10 * SMALL + (64 * 8 * 8 + 1) * 128
FULL = {
    "generator-none": (lambda: ConditionalGenerator(128, 64, 128, 8, "none"), GENERATOR),
    # Scale and shift of 2 normalisations per block and 3 more; 18 convolutions have no biases (64 each).
    "generator-batch": (lambda: ConditionalGenerator(128, 64, 128, 8, "batch"), GENERATOR + 19 * 128 - 18 * 64),
    "critic": (lambda: ConditionalCritic(128, 64, 0), TRUNK + 128),
    "critic-conditional": (lambda: ConditionalCritic(128, 64, 8), TRUNK + 128 + 8 * 128),
    "classifier": (lambda: ConditionalClassifier(128, 64, 8), TRUNK + 129 * 8),
}
# Tables 10 and 11, without the stem of the generator: side of the maps after each block or (de)convolution.
SIDES = {
    "generator-none": [32, 32, 64, 64, 64, 64, 64, 128, 128, 128, 128],
    "critic": [64, 64, 64, 32, 32, 32, 32, 32, 16, 16, 16, 16, 16, 8],
}


def built(name: str, seed: int = 0) -> nn.Module:
    network = BUILDS[name]()
    initialise(network, seeded(seed), he_std)
    return network


def inputs(name: str, network: nn.Module, count: int = 4) -> tuple[Tensor, ...]:
    targets = torch.arange(count) % 3
    if isinstance(network, ConditionalGenerator):
        return (network.encode(torch.randn(count, network.latent, generator=seeded(1)), targets),)
    x = torch.rand(count, 3, network.trunk.size, network.trunk.size, generator=seeded(1)) * 2 - 1
    return (x, targets) if name == "critic-conditional" else (x,)


@pytest.mark.parametrize("name", FULL)
def test_the_full_network_has_the_size_of_the_tables(name: str) -> None:
    build, parameters = FULL[name]
    with torch.device("meta"):
        assert count_parameters(build()) == parameters


def test_the_documentation_states_the_sizes() -> None:
    counts = [FULL[name][1] for name in ("generator-none", "generator-batch", "critic", "classifier")]
    assert counts == [9_779_011, 9_780_291, 1_267_968, 1_268_872]
    for count, network_class in zip(
        counts, (ConditionalGenerator,) * 2 + (ConditionalCritic, ConditionalClassifier), strict=True
    ):
        assert f"{count:,}" in network_class.__doc__


@pytest.mark.parametrize("name", SIDES)
def test_the_maps_have_the_sizes_of_the_tables(name: str) -> None:
    with torch.device("meta"):
        network = FULL[name][0]()
        x = torch.zeros(1, 136) if name.startswith("generator") else torch.zeros(1, 3, 128, 128)
    sides: list[int] = []
    for layer in network.body if name.startswith("generator") else network.trunk.body:
        if not isinstance(layer, nn.LeakyReLU | nn.Flatten | nn.Linear):
            layer.register_forward_hook(lambda _, __, output: sides.append(output.shape[-1]))
    output = network(x)
    assert sides == SIDES[name]
    assert output.shape == ((1, 3, 128, 128) if name.startswith("generator") else (1,))


@every_network
def test_shape_and_values(name: str) -> None:
    network = built(name)
    output = network(*inputs(name, network))
    assert output.shape == {"generator-none": (4, 3, 16, 16), "generator-batch": (4, 3, 32, 32)}.get(
        name, (4, 3) if name == "classifier" else (4,)
    )
    assert output.dtype == torch.float32
    assert output.isfinite().all()
    assert (output[0] != output[1]).any()


@every_network
def test_every_parameter_receives_a_gradient(name: str) -> None:
    network = built(name)
    output = network(*inputs(name, network))
    (output * torch.randn(output.shape, generator=seeded(2))).sum().backward()
    largest = {
        key: float("nan") if p.grad is None else p.grad.abs().max().item() for key, p in network.named_parameters()
    }
    # Gradients of biases before a normalisation would be rounding noise near 1e-8.
    assert {key: value for key, value in largest.items() if not 1e-4 < value < float("inf")} == {}


@every_network
def test_initial_weights_depend_only_on_the_generator(name: str) -> None:
    torch.manual_seed(1)
    first = built(name, seed=5).state_dict()
    torch.manual_seed(2)
    again, with_other_seed = built(name, seed=5).state_dict(), built(name, seed=6).state_dict()
    assert all(torch.equal(value, first[key]) for key, value in again.items())
    assert all(not torch.equal(with_other_seed[key], value) for key, value in first.items() if value.ndim > 1)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(300, 200), (64, 300)),
        (nn.Conv2d(40, 30, 3, padding=1), (16, 40, 24, 24)),
        (nn.Conv2d(40, 30, 5, stride=2, padding=2), (16, 40, 24, 24)),
        (nn.ConvTranspose2d(40, 30, 5, stride=2, padding=2, output_padding=1), (16, 40, 24, 24)),
        (nn.ConvTranspose2d(40, 30, 3, padding=1), (16, 40, 24, 24)),
    ],
)
def test_he_std_preserves_the_mean_square_after_an_activation(layer: nn.Module, shape: tuple[int, ...]) -> None:
    initialise(layer, seeded(0), he_std)
    x = torch.randn(shape, generator=seeded(1)) * 3
    output = layer(nn.functional.leaky_relu(x, 0.2))
    if output.ndim == 4:
        output = output[..., 4:-4, 4:-4]  # zero padding reduces it at the border
    assert output.square().mean().item() == pytest.approx(9, rel=0.2)


def test_the_default_standard_deviation_is_that_of_dcgan() -> None:
    layer = nn.Conv2d(64, 64, 3)
    initialise(layer, seeded(0))
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize("name", ["generator", "critic"])
def test_the_signal_neither_vanishes_nor_explodes(name: str) -> None:
    if name == "generator":
        network = ConditionalGenerator(32, 24, 64, 8, "none")
        x = network.encode(torch.randn(8, 64, generator=seeded(1)), torch.arange(8))
    else:
        network = ConditionalCritic(32, 24, 0)
        blurred = torch.rand(8, 3, 3, 3, generator=seeded(1)) * 2 - 1  # pooling would average pixel noise out
        x = nn.functional.interpolate(blurred, (32, 32), mode="bilinear")
    initialise(network, seeded(0), he_std)
    squares: list[float] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(lambda _, __, output: squares.append(output.square().mean().item()))
    network(x)
    assert len(squares) == {"generator": 19, "critic": 21}[name]
    assert all(0.05 < square < 20 for square in squares)


def test_class_and_latent_both_change_the_image_of_an_untrained_generator() -> None:
    network = built("generator-none").eval()
    z = torch.randn(6, 6, generator=seeded(1))
    images = torch.stack([network(network.encode(z, torch.full((6,), k))) for k in range(3)])
    by_class, by_latent = images.std(dim=0).mean(), images.std(dim=1).mean()
    assert 0.4 < by_class / by_latent < 2.5


def test_codes_contain_the_latent_and_the_class() -> None:
    codes = ConditionalGenerator(16, 2, 4, 3, "none").encode(torch.tensor([[1.0, 2, 3, 4]] * 2), torch.tensor([2, 0]))
    assert codes.tolist() == [[1, 2, 3, 4, 0, 0, 2], [1, 2, 3, 4, 2, 0, 0]]


@pytest.mark.parametrize("name", [name for name in BUILDS if name != "generator-batch"])
def test_the_output_of_an_image_does_not_depend_on_its_batch(name: str) -> None:
    network = built(name)
    x = inputs(name, network)
    torch.testing.assert_close(network(*x)[1:2], network(*(part[1:2] for part in x)), rtol=1e-4, atol=1e-5)


def test_batch_statistics_are_not_used_in_evaluation() -> None:
    network = built("generator-batch")
    (codes,) = inputs("generator-batch", network)
    network(codes)
    assert (network(codes)[:2] - network(codes[:2])).abs().max() > 1e-3
    network.eval()
    torch.testing.assert_close(network(codes)[:2], network(codes[:2]), rtol=1e-4, atol=1e-5)


def test_a_conditional_critic_adds_the_projection_on_the_class() -> None:
    critic = built("critic-conditional")
    x, targets = inputs("critic-conditional", critic)
    features = critic.trunk(x)
    class_scores = (features * critic.projection.weight[targets]).sum(dim=1)
    torch.testing.assert_close(critic(x, targets), critic.head(features)[:, 0] + class_scores)
    assert ((critic(x, targets) - critic(x, (targets + 1) % 3)).abs() > 1e-3).all()


@pytest.mark.parametrize("name", ["critic", "critic-conditional"])
def test_the_penalty_has_the_right_gradient_through_the_critic(name: str) -> None:
    critic = built(name).double()
    x, *targets = inputs(name, critic)
    real, fake = x.double(), x.double().flip(0)
    alpha = torch.rand(4, generator=seeded(3)).double()
    judge = critic if not targets else _ConditionedCritic(critic, targets[0])

    def penalty() -> Tensor:
        return gradient_penalty(judge, real, fake, alpha)

    penalty().backward()
    convolutions = [m for m in critic.modules() if isinstance(m, nn.Conv2d)]
    for layer in (convolutions[0], convolutions[-1], critic.head):
        weight, step = layer.weight, 1e-6
        direction = torch.randn(weight.shape, generator=seeded(4), dtype=weight.dtype)
        with torch.no_grad():
            weight += step * direction
        above = penalty().item()
        with torch.no_grad():
            weight -= 2 * step * direction
        below = penalty().item()
        with torch.no_grad():
            weight += step * direction
        assert (weight.grad * direction).sum().item() == pytest.approx((above - below) / (2 * step), rel=1e-4)


class _ConditionedCritic(nn.Module):
    def __init__(self, critic: nn.Module, targets: Tensor) -> None:
        super().__init__()
        self.critic, self.targets = critic, targets

    def forward(self, x: Tensor) -> Tensor:
        return self.critic(x, self.targets)


def test_neither_critic_nor_classifier_normalises() -> None:
    for name in ("critic", "critic-conditional", "classifier"):
        assert not [m for m in built(name).modules() if isinstance(m, nn.BatchNorm2d | nn.InstanceNorm2d)]
    assert not list(built("generator-none").buffers())


@pytest.mark.parametrize("name", ["generator-none", "generator-batch"])
def test_images_are_float32_and_in_range_under_autocast(name: str) -> None:
    network = built(name).eval()
    (codes,) = inputs(name, network)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = network(codes)
    assert output.dtype == torch.float32
    assert output.abs().max() <= 1
    difference = (output - network(codes)).abs()
    assert difference.mean() < 0.02  # a single pixel may differ by more, on some processors
    assert difference.max() < 0.3


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ConditionalGenerator(24, 4, 6, 3, "none"), "generator: size 24 px is not divisible by 16"),
        (lambda: ConditionalGenerator(8, 4, 6, 3, "none"), "generator: images of 8 px are too small"),
        (lambda: ConditionalGenerator(16, 0, 6, 3, "none"), "generator: width is 0"),
        (lambda: ConditionalGenerator(16, 4, 0, 3, "none"), "latent is 0"),
        (lambda: ConditionalGenerator(16, 4, 6, 0, "none"), "classes is 0"),
        (
            lambda: ConditionalGenerator(16, 4, 6, 3, "none")(torch.zeros(1, 6)),
            r"expected codes of shape \(n, 9\), got",
        ),
        (lambda: ConditionalCritic(40, 4, 0), "critic: size 40 px is not divisible by 16, use 32 or 48 px"),
        (lambda: ConditionalCritic(16, 0, 0), "critic: width is 0"),
        (
            lambda: ConditionalCritic(16, 4, 0)(torch.zeros(1, 3, 32, 32)),
            r"critic: expected images of shape \(n, 3, 16, 16\)",
        ),
        (lambda: ConditionalCritic(16, 4, 3)(torch.zeros(1, 3, 16, 16)), "targets are required if it was built with"),
        (
            lambda: ConditionalCritic(16, 4, 0)(torch.zeros(1, 3, 16, 16), torch.zeros(1, dtype=torch.int64)),
            "targets are required if it was built with",
        ),
        (lambda: ConditionalClassifier(8, 4, 3), "classifier: images of 8 px are too small"),
        (lambda: ConditionalClassifier(16, 4, 0), "classifier: classes is 0"),
        (
            lambda: ConditionalClassifier(16, 4, 2)(torch.zeros(2, 1, 16, 16)),
            r"classifier: expected images of shape \(n, 3, 16, 16\)",
        ),
    ],
)
def test_invalid_arguments_are_refused(build, message) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_an_untrained_classifier_is_undecided() -> None:
    network = built("classifier")
    loss = nn.functional.cross_entropy(network(*inputs("classifier", network)), torch.arange(4) % 3)
    assert loss.item() < 3 * math.log(3)
