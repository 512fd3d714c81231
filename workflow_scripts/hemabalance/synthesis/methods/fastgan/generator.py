"""The generator of FastGAN (Liu et al. 2021, arXiv:2101.04775, section 3.1 and Figure 3)."""

from typing import cast

import torch
from torch import Tensor, nn

from hemabalance.networks.fewshot_generator import FewshotGenerator
from hemabalance.networks.layers import at_least_float32

_NOISE_SEED = 0


class _NoiseInjection(nn.Conv2d):
    """Adds a map of noise, scaled by one learned factor, to all channels: (n, c, side, side) to the same shape.

    A 1x1 convolution by its type, so that `layers.initialise` has a rule for the factor.
    """

    fixed: Tensor
    """float32 (1, 1, side, side), the noise where none is drawn."""

    def __init__(self, side: int) -> None:
        super().__init__(1, 1, 1, bias=False)
        fixed = torch.randn((1, 1, side, side), generator=torch.Generator().manual_seed(_NOISE_SEED))
        self.register_buffer("fixed", fixed, persistent=False)

    def forward(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        noise = self.fixed
        if rng is not None:
            noise = torch.randn((len(x), 1, *x.shape[2:]), generator=rng, device=x.device)
        return x + self.weight * noise


class FastGANGenerator(FewshotGenerator):
    """(n, latent) to (n, 3, size, size) in [-1, 1]: `FewshotGenerator` as in the FastGAN paper.

    The latent enters without a linear layer before, and after the convolution of each doubling a map of noise is added,
    with a learned factor. In training the noise is drawn for each image; otherwise it is the same for all images, as in
    StyleGAN2's code, so that an image follows from its latent.
    """

    def __init__(self, size: int, width: int, latent: int) -> None:
        """Build for one image size; arguments and errors as in `FewshotGenerator`."""
        super().__init__(size, width, latent)
        self.project = nn.Sequential()
        self.noise = nn.ModuleDict({side: _NoiseInjection(int(side)) for side in self.blocks})

    def forward(self, x: Tensor, rng: torch.Generator | None = None) -> Tensor:
        """(n, latent) to (n, 3, size, size) in [-1, 1]; float32 also under autocast.

        Args:
            x: latents.
            rng: random generator on the device, to draw the noise; None for the fixed noise.
        """
        maps: dict[int, Tensor] = {4: self.start(self.project(x)[:, :, None, None])}
        for name, block in self.blocks.items():
            side, layers = int(name), cast(nn.Sequential, block)
            maps[side] = layers[1:](self.noise[name](layers[0](maps[side // 2]), rng))
            if side in self.sources:
                maps[side] = maps[side] * self.excitations[name](maps[self.sources[side]])
        return torch.tanh(at_least_float32(self.end(maps[self.size])))
