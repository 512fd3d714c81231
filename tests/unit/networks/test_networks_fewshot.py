"""The networks of few-shot synthesis compared with the thesis's numbers and with explicit formulas."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from helpers.seeds import seeded
from hemabalance.networks.fewshot_discriminator import FewshotDiscriminator
from hemabalance.networks.fewshot_encoder import FewshotEncoder
from hemabalance.networks.fewshot_generator import FewshotGenerator
from hemabalance.networks.layers import count_parameters, initialise
from hemabalance.networks.skip_layer_excitation import SkipLayerExcitation

LATENT, FEATURES = 64, 128


def initialised(network: nn.Module) -> nn.Module:
    initialise(network, seeded(0))
    return network


def images(count: int, size: int) -> Tensor:
    return torch.rand(count, 3, size, size, generator=seeded(1)) * 2 - 1


# Parameters by layer, kernels first. Generator: linear, transposed, six doublings with twice the channels,
# normalisations, two excitations, the last convolution. A normalisation has two parameters per channel, and a
# convolution before one has no bias.
CHANNELS = (192, 192, 192, 192, 96, 48, 24)  # of the maps of 4, 8, 16, 32, 64, 128, 256 px
GENERATOR = (
    192 * 192 + 192
    + 192 * 2 * 192 * 16
    + sum(9 * low * 2 * high for low, high in pairwise(CHANNELS))
    + 2 * 2 * sum(CHANNELS)
    + (16 * 192 * 24 + 24 + 24 * 24 + 24) + (16 * 192 * 48 + 48 + 48 * 48 + 48)
    + 9 * 24 * 3 + 3
)  # fmt: skip
ENCODER = (
    sum((9 + 1) * a * b + 2 * b + 2 * b for a, b in ((3, 32), (32, 64), (64, 128), (128, 256))) + 256 * 16 * 128 + 128
)
DISCRIMINATOR = (
    sum(9 * a * b + b for a, b in ((3, 16), (16, 16), (16, 16)))
    + sum(16 * a * b + b for a, b in ((16, 32), (32, 64), (64, 128), (128, 128), (128, 128), (128, 128)))
    + 9 * 128 * 128 + 128
    + 128 * 16 + 1
)  # fmt: skip


def test_the_model_at_the_thesis_size_has_the_documented_parameters() -> None:
    counts = {
        "generator": count_parameters(FewshotGenerator(256, 24, LATENT + FEATURES)),
        "encoder": count_parameters(FewshotEncoder(256, 32, FEATURES)),
        "discriminator": count_parameters(FewshotDiscriminator(256, 16)),
    }
    assert counts == {"generator": GENERATOR, "encoder": ENCODER, "discriminator": DISCRIMINATOR}
    assert counts == {"generator": 3_871_419, "encoder": 957_376, "discriminator": 1_113_793}
    assert sum(counts.values()) == pytest.approx(5.8e6, rel=0.1)  # Table 22


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_shapes(size: int) -> None:
    output = initialised(FewshotGenerator(size, 4, 7))(torch.randn(3, 7, generator=seeded(2)))
    assert output.shape == (3, 3, size, size)
    assert output.abs().max() <= 1
    assert initialised(FewshotEncoder(size, 4, 5))(output).shape == (3, 5)
    assert initialised(FewshotDiscriminator(size, 4))(output).shape == (3, 1)


@pytest.mark.parametrize(
    ("size", "sources"), [(256, {256: 16, 128: 8}), (128, {128: 8, 64: 4}), (64, {64: 4, 32: 4}), (16, {16: 4, 8: 4})]
)
def test_excitations_connect_the_documented_maps(size: int, sources: dict[int, int]) -> None:
    generator = FewshotGenerator(size, 1, 3)
    assert generator.sources == sources
    assert set(generator.excitations) == {str(side) for side in sources}


def test_every_parameter_of_the_full_generator_receives_a_gradient() -> None:
    generator = initialised(FewshotGenerator(256, 24, 192))
    output = generator(torch.randn(2, 192, generator=seeded(2)))
    features = initialised(FewshotEncoder(256, 32, 128))(output)
    logits = initialised(FewshotDiscriminator(256, 16))(output)
    (features.sum() + logits.sum()).backward()
    assert output.shape == (2, 3, 256, 256)
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in generator.parameters())


def test_skip_layer_excitation_equals_its_equation() -> None:
    """Eq. 45 with the layers of Fig. 32, computed by sums instead of PyTorch's layers."""
    module = initialised(SkipLayerExcitation(2, 3)).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=seeded(parameter.numel()))
    low = torch.randn(2, 2, 8, 8, generator=seeded(3), dtype=torch.float64)
    kernel4, bias4, kernel1, bias1 = (parameter.detach() for parameter in module.parameters())
    pooled = low.reshape(2, 2, 4, 2, 4, 2).mean(dim=(3, 5))
    hidden = (pooled[:, None] * kernel4[None]).sum(dim=(2, 3, 4)) + bias4
    hidden = torch.where(hidden > 0, hidden, 0.1 * hidden)
    logits = (kernel1[None, :, :, 0, 0] * hidden[:, None]).sum(dim=2) + bias1
    torch.testing.assert_close(module(low)[:, :, 0, 0], 1 / (1 + (-logits).exp()))
    high = torch.randn(2, 3, 5, 5, generator=seeded(4), dtype=torch.float64)
    assert (high * module(low)).shape == high.shape


def test_the_generator_multiplies_fine_maps_by_the_factors_of_the_coarse_maps() -> None:
    generator = initialised(FewshotGenerator(32, 4, 3)).eval()
    x = torch.randn(2, 3, generator=seeded(2))
    maps: list[Tensor] = []
    for name in ("16", "32"):
        generator.blocks[name].register_forward_hook(lambda _, __, output: maps.append(output))
    factors: list[Tensor] = []
    for name in ("16", "32"):
        generator.excitations[name].register_forward_hook(lambda _, __, output: factors.append(output))
    end_inputs: list[Tensor] = []
    generator.end.register_forward_hook(lambda _, inputs, __: end_inputs.append(inputs[0]))
    generator(x)
    torch.testing.assert_close(end_inputs[0], maps[1] * factors[1])
    assert factors[1].shape == (2, 4, 1, 1)


def test_spectral_normalisation_divides_by_the_largest_singular_value() -> None:
    discriminator = initialised(FewshotDiscriminator(16, 8))
    first = discriminator.body[0]
    x = images(2, 16)
    for _ in range(60):
        discriminator(x)
    norm = torch.linalg.matrix_norm(first.weight.flatten(1), 2)
    expected = functional.conv2d(x, first.weight / norm, first.bias, padding=1)
    torch.testing.assert_close(first(x), expected, rtol=1e-3, atol=1e-4)
    with torch.no_grad():
        first.weight *= 100
    torch.testing.assert_close(first(x), expected, rtol=1e-3, atol=1e-4)


def test_evaluation_does_not_change_the_discriminator() -> None:
    discriminator = initialised(FewshotDiscriminator(16, 4))
    before = {key: value.clone() for key, value in discriminator.state_dict().items()}
    discriminator.eval()(images(2, 16))
    assert all(torch.equal(value, before[key]) for key, value in discriminator.state_dict().items())
    discriminator.train()(images(2, 16))
    assert not torch.equal(discriminator.body[0].left, before["body.0.left"])


def test_the_logit_of_an_image_does_not_depend_on_its_batch() -> None:
    discriminator = initialised(FewshotDiscriminator(16, 4)).eval()
    x = images(4, 16)
    torch.testing.assert_close(discriminator(x)[1:2], discriminator(x[1:2]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FewshotGenerator(48, 4, 3), "few-shot generator: size 48 px is not a power of two .* 32 or 64 px"),
        (lambda: FewshotEncoder(8, 4, 3), "few-shot encoder: size 8 px .* at least 16 px, use 16 px"),
        (lambda: FewshotDiscriminator(32, 0), "few-shot discriminator: width is 0"),
        (lambda: FewshotGenerator(32, 4, 3)(torch.zeros(2, 4)), r"expected inputs of shape \(n, 3\), got \(2, 4\)"),
        (lambda: FewshotEncoder(32, 4, 3)(torch.zeros(1, 3, 16, 16)), r"expected images of shape \(n, 3, 32, 32\)"),
        (lambda: FewshotDiscriminator(32, 4)(torch.zeros(1, 3, 16, 16)), r"expected images of shape \(n, 3, 32, 32\)"),
        (lambda: SkipLayerExcitation(0, 3), "low is 0"),
    ],
)
def test_invalid_arguments_are_refused(build, message) -> None:
    with pytest.raises(ValueError, match=message):
        build()
