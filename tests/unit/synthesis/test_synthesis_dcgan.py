"""The networks of DCGAN, compared with the paper's Figure 1."""

import pytest
import torch
from torch import nn

from hemabalance.networks.layers import count_parameters
from hemabalance.synthesis.methods.dcgan.networks import DCGANDiscriminator, DCGANGenerator


def maps_of(network: nn.Module, x: torch.Tensor) -> list[tuple[int, ...]]:
    """Channels, height and width of the output of each convolution."""
    shapes: list[tuple[int, ...]] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
    network(x)
    return shapes


def test_the_maps_at_64_px_are_those_of_the_paper() -> None:
    generator, discriminator = DCGANGenerator(64, 128, 100), DCGANDiscriminator(64, 128)
    expected = [(1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32), (3, 64, 64)]
    assert maps_of(generator, torch.randn(2, 100)) == expected
    assert maps_of(discriminator, torch.randn(2, 3, 64, 64)) == [*expected[-2::-1], (1, 1, 1)]
    hidden = (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3) * 16
    assert count_parameters(generator) == 100 * 1024 * 16 + hidden + 2 * (1024 + 512 + 256 + 128) + 3
    assert count_parameters(discriminator) == hidden + 128 + 2 * (256 + 512 + 1024) + 1024 * 16 + 1


@pytest.mark.parametrize("size", [16, 32, 128, 256])
def test_every_size_is_built_from_4x4_on_with_at_most_eight_times_the_width(size: int) -> None:
    shapes = maps_of(DCGANGenerator(size, 2, 5), torch.randn(2, 5))
    assert [side for _, side, _ in shapes] == [4 << k for k in range(len(shapes))]
    assert shapes[-1] == (3, size, size)
    assert max(channels for channels, _, _ in shapes) == 2 * min(size // 8, 8)
    assert maps_of(DCGANDiscriminator(size, 2), torch.randn(2, 3, size, size)) == [*shapes[-2::-1], (1, 1, 1)]


def test_normalisation_follows_every_convolution_but_the_first_and_last_of_the_discriminator() -> None:
    def norms(network: nn.Module) -> int:
        return sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())

    assert norms(DCGANGenerator(64, 4, 5)) == 4
    assert norms(DCGANDiscriminator(64, 4)) == 3


def test_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"DCGAN's discriminator: expected images of shape \(n, 3, 32, 32\)"):
        DCGANDiscriminator(32, 2)(torch.zeros(1, 3, 16, 16))
