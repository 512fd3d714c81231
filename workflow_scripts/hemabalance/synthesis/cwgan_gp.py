"""CWGAN-GP, the baseline of C-WGAN-GP (thesis Tables 17-20): two players, the critic being told the class.

The Wasserstein GAN with gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028) as a conditional GAN (Mirza,
Osindero 2014, arXiv:1411.1784): the critic judges image and class together, so that no classifier is needed.
"""

from collections.abc import Mapping
from typing import Any

from hemabalance.networks.conditional import ConditionalCritic
from hemabalance.synthesis.conditional import Conditional, Method
from hemabalance.synthesis.conditional_game import Game, Settings
from hemabalance.synthesis.roles import Classes
from hemabalance.training.device import Runtime


def build(settings: Mapping[str, Any], *, classes: Classes, size: int, runtime: Runtime) -> Conditional[Settings]:
    """An untrained generator of square images of `size` px; `settings` are the attributes of `Settings`.

    Raises:
        InputError: the networks cannot be built for this size or width, or a served class is not trained on.
    """
    own = Settings(**settings)
    method = Method(
        name="cwgan_gp",
        settings=own,
        judges=lambda size, count: {"critic": ConditionalCritic(size, own.critic_width, count)},
        game=lambda players, own, real, snapshots, data, job: Game(players, own, real, snapshots, job),
    )
    return Conditional(method, classes=classes, size=size, runtime=runtime)
