"""Every network passes the same tests; a new one joins by a line in NETWORKS, and is missed if it does not."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from helpers.seeds import seeded
from hemabalance import networks
from hemabalance.networks.conditional import ConditionalClassifier, ConditionalCritic, ConditionalGenerator
from hemabalance.networks.fewshot_discriminator import FewshotDiscriminator
from hemabalance.networks.fewshot_encoder import FewshotEncoder
from hemabalance.networks.fewshot_generator import FewshotGenerator
from hemabalance.networks.gather_excite import GatherExcite
from hemabalance.networks.layers import count_parameters, initialise
from hemabalance.networks.patchgan import PatchGAN
from hemabalance.networks.resnet_generator import ResnetGenerator
from hemabalance.networks.senet154 import Senet154
from hemabalance.networks.senet154_ge import Senet154GE
from hemabalance.networks.sequential_cnn import SequentialCNN
from hemabalance.networks.skip_layer_excitation import SkipLayerExcitation
from hemabalance.networks.small_resnet import SmallResnet
from hemabalance.networks.squeeze_excitation import SqueezeExcitation
from hemabalance.networks.unet import UNetGenerator, unet_depth


class Network(NamedTuple):
    build: Callable[[], nn.Module]
    given: tuple[int, ...]
    made: tuple[int, ...]


NETWORKS = {
    "unet-transposed": Network(lambda: UNetGenerator(32, 4, "transposed", False), (3, 32, 32), (3, 32, 32)),
    "unet-resize": Network(lambda: UNetGenerator(32, 4, "resize", False), (3, 32, 32), (3, 32, 32)),
    "unet-residual": Network(lambda: UNetGenerator(32, 4, "resize", True), (3, 32, 32), (3, 32, 32)),
    "unet-odd-bottom": Network(lambda: UNetGenerator(24, 4, "transposed", False), (3, 24, 24), (3, 24, 24)),
    "unet-smallest": Network(lambda: UNetGenerator(16, 4, "resize", False), (3, 16, 16), (3, 16, 16)),
    "resnet": Network(lambda: ResnetGenerator(20, 4, 2), (3, 20, 20), (3, 20, 20)),
    "patchgan": Network(lambda: PatchGAN(4, 3), (3, 32, 40), (1, 2, 3)),
    "patchgan-smallest": Network(lambda: PatchGAN(4, 3), (3, 24, 24), (1, 1, 1)),
    "patchgan-pairs": Network(lambda: PatchGAN(4, 2, channels=6), (6, 16, 16), (1, 2, 2)),
    "small-resnet": Network(lambda: SmallResnet(7, 4), (3, 16, 20), (7,)),
    "conditional-generator": Network(lambda: ConditionalGenerator(32, 8, 6, 3, "none"), (9,), (3, 32, 32)),
    "conditional-critic": Network(lambda: ConditionalCritic(32, 8, 0), (3, 32, 32), ()),
    "conditional-classifier": Network(lambda: ConditionalClassifier(32, 8, 3), (3, 32, 32), (3,)),
    "fewshot-generator": Network(lambda: FewshotGenerator(32, 8, 9), (9,), (3, 32, 32)),
    "fewshot-encoder": Network(lambda: FewshotEncoder(32, 8, 5), (3, 32, 32), (5,)),
    "fewshot-discriminator": Network(lambda: FewshotDiscriminator(32, 8), (3, 32, 32), (1,)),
    "skip-layer-excitation": Network(lambda: SkipLayerExcitation(24, 16), (24, 8, 8), (16, 1, 1)),
    "squeeze-excitation": Network(lambda: SqueezeExcitation(24), (24, 6, 5), (24, 6, 5)),
    "gather-excite-learned": Network(
        lambda: GatherExcite(24, 4, learned=True, hidden=8, side=0), (24, 7, 6), (24, 7, 6)
    ),
    "gather-excite-averaged": Network(
        lambda: GatherExcite(24, 2, learned=False, hidden=8, side=0), (24, 7, 6), (24, 7, 6)
    ),
    "gather-excite-whole": Network(lambda: GatherExcite(24, 0, learned=True, hidden=0, side=7), (24, 7, 7), (24, 7, 7)),
    "senet154": Network(lambda: Senet154(7, (1, 2, 1, 1), 4, 16, 16, 0.2), (3, 40, 48), (7,)),
    "senet154-smallest": Network(lambda: Senet154(7, (1, 1, 1, 1), 4, 16, 16, 0.2), (3, 32, 32), (7,)),
    "senet154-ge": Network(lambda: Senet154GE(7, (1, 2, 1, 1), 4, 16, 16, 0.2, 2), (3, 40, 48), (7,)),
    "senet154-ge-smallest": Network(lambda: Senet154GE(7, (1, 1, 1, 1), 4, 16, 16, 0.2, 8), (3, 32, 32), (7,)),
    "sequential-cnn": Network(lambda: SequentialCNN(7, 8, 0.2), (3, 32, 40), (7,)),
}
GENERATORS = [name for name, network in NETWORKS.items() if network.made == network.given and network.given[0] == 3]
CRITICS = [name for name in NETWORKS if name.startswith("patchgan")]


pytestmark = pytest.mark.usefixtures("one_thread")


def built(name: str, seed: int = 0) -> nn.Module:
    network = NETWORKS[name].build()
    initialise(network, seeded(seed))
    return network


def images(name: str, count: int = 2) -> Tensor:
    return torch.rand(count, *NETWORKS[name].given, generator=seeded(1)) * 2 - 1


def test_every_network_is_listed():
    defined = set()
    for found in pkgutil.iter_modules(networks.__path__):
        module = importlib.import_module(f"hemabalance.networks.{found.name}")
        members = inspect.getmembers(module, inspect.isclass)
        defined |= {
            kind
            for name, kind in members
            if kind.__module__ == module.__name__ and found.name != "layers" and not name.startswith("_")
        }
    assert defined == {type(network.build()) for network in NETWORKS.values()}


@pytest.mark.parametrize("name", NETWORKS)
def test_shape_and_values(name):
    network, x = built(name), images(name)
    made = network(x)
    assert made.shape == (2, *NETWORKS[name].made)
    assert made.dtype == torch.float32
    assert made.isfinite().all()
    assert not torch.equal(made[0], made[1])


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_stay_in_range_however_large_their_weights(name):
    network = built(name)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 100
    made = network(images(name))
    assert made.abs().max() <= 1
    assert made.abs().max() > 0.99


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_receives_a_gradient(name):
    network = built(name)
    made = network(images(name, 3))
    (made * torch.randn(made.shape, generator=seeded(2))).sum().backward()
    largest = {
        key: float("nan") if p.grad is None else p.grad.abs().max().item() for key, p in network.named_parameters()
    }
    # Rounding noise, as biases before a normalisation would show, lies near 1e-8.
    assert {key: value for key, value in largest.items() if not 1e-6 < value < float("inf")} == {}


@pytest.mark.parametrize("name", NETWORKS)
def test_initial_weights_follow_from_the_generator_alone(name):
    torch.manual_seed(1)
    first = built(name, seed=5).state_dict()
    torch.manual_seed(2)
    unset = NETWORKS[name].build()
    before = torch.get_rng_state()
    initialise(unset, seeded(5))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, first[key]) for key, value in unset.state_dict().items())
    other = built(name, seed=6).state_dict()
    drawn = [key for key, value in first.items() if value.ndim > 1]
    assert all(not torch.equal(other[key], first[key]) for key in drawn)
    weights = torch.cat([first[key].flatten() for key in drawn])
    assert weights.std().item() == pytest.approx(0.02, rel=0.1)
    assert abs(weights.mean().item()) < 0.002


def test_a_layer_without_a_rule_is_not_left_to_chance():
    with pytest.raises(TypeError, match="no rule to initialise layer 1 of kind PReLU"):
        initialise(nn.Sequential(nn.Linear(2, 2), nn.PReLU()), seeded(0))


@pytest.mark.parametrize("name", GENERATORS + CRITICS)
def test_an_image_gives_the_same_in_any_batch(name):
    network, x = built(name), images(name, 3)
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_give_float32_under_autocast(name):
    network, x = built(name), images(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = network(x)
    assert made.dtype == torch.float32
    torch.testing.assert_close(made, network(x), rtol=0, atol=0.05)


@pytest.mark.parametrize(
    ("size", "depth"), [(16, 4), (24, 3), (64, 6), (96, 5), (128, 7), (256, 8), (360, 3), (512, 8)]
)
def test_unet_depth_follows_the_size(size, depth):
    assert unet_depth(size) == depth
    assert len(UNetGenerator(size, 1, "transposed", False).down) == depth


@pytest.mark.parametrize("size", [16, 24, 64, 96])
@pytest.mark.parametrize("up", ["transposed", "resize"])
def test_no_normalisation_where_there_is_no_spread(size, up):
    network = UNetGenerator(size, 2, up, False)
    initialise(network, seeded(0))
    spreads = []
    norms = [module for module in network.modules() if isinstance(module, nn.InstanceNorm2d)]
    for norm in norms:
        norm.register_forward_hook(lambda _, given, __: spreads.append(given[0].std(dim=(2, 3)).min().item()))
    network(torch.rand(1, 3, size, size, generator=seeded(1)))
    assert len(spreads) == len(norms) > 0
    assert min(spreads) > 0


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (
            lambda: UNetGenerator(8, 4, "resize", False),
            "U-Net generator: images of 8 px are too small, .* at least 16 px",
        ),
        (lambda: UNetGenerator(100, 4, "resize", False), "100 px does not divide by 8, take 96 or 104 px"),
        (lambda: UNetGenerator(17, 4, "resize", False), "17 px does not divide by 8, take 16 or 24 px"),
        (lambda: UNetGenerator(32, 0, "resize", False), "U-Net generator: width is 0"),
        (lambda: UNetGenerator(32, 4, "bilinear", False), "'bilinear', it must be one of: transposed, resize"),
        (lambda: ResnetGenerator(12, 4, 6), "ResNet generator: images of 12 px are too small"),
        (lambda: ResnetGenerator(66, 4, 6), "66 px does not divide by 4, take 64 or 68 px"),
        (lambda: ResnetGenerator(64, 4, 0), "blocks is 0"),
        (lambda: PatchGAN(4, 0), "PatchGAN critic: layers is 0"),
        (lambda: SmallResnet(0, 4), "small ResNet: classes is 0"),
        (
            lambda: UNetGenerator(32, 4, "resize", False)(torch.zeros(1, 3, 64, 64)),
            r"built for \(n, 3, 32, 32\), given",
        ),
        (lambda: ResnetGenerator(32, 4, 1)(torch.zeros(1, 3, 32, 36)), r"built for \(n, 3, 32, 32\), given"),
        (lambda: PatchGAN(4, 3)(torch.zeros(1, 3, 64, 23)), "23 px are too small for 3 layers, .* at least 24 px"),
        (lambda: PatchGAN(4, 3)(torch.zeros(1, 6, 64, 64)), r"built for \(n, 3, h, w\)"),
        (lambda: SmallResnet(7, 4)(torch.zeros(1, 3, 64, 15)), "15 px are too small, it needs at least 16 px"),
        (lambda: SmallResnet(7, 4)(torch.zeros(1, 1, 64, 64)), r"built for \(n, 3, h, w\)"),
    ],
)
def test_what_cannot_work_is_refused_in_plain_words(build, words):
    with pytest.raises(ValueError, match=words):
        build()


# pix2pix's reference with batch normalisation: 54,413,955, of which 9,856 are its scales and shifts; it has no
# biases on the first and on the innermost convolution (64 + 512), which nothing normalises here.
# CycleGAN's: 11,378,179 and 2,764,737, of which 5,248 and 896 are biases that the instance normalisation cancels.
@pytest.mark.parametrize(
    ("build", "parameters", "shape"),
    [
        (lambda: UNetGenerator(256, 64, "transposed", False), 54_413_955 - 9_856 + 64 + 512, (1, 3, 256, 256)),
        (lambda: ResnetGenerator(256, 64, 9), 11_378_179 - 5_248, (1, 3, 256, 256)),
        (lambda: PatchGAN(64, 3), 2_764_737 - 896, (1, 1, 30, 30)),
    ],
    ids=["unet", "resnet", "patchgan"],
)
def test_the_full_shape_has_the_published_size_and_takes_a_step(build, parameters, shape):
    network = build()
    assert count_parameters(network) == parameters
    initialise(network, seeded(0))
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-3)
    x = torch.rand(1, 3, 256, 256, generator=seeded(1)) * 2 - 1
    before = [parameter.sum().item() for parameter in network.parameters()]
    made = network(x)
    assert made.shape == shape
    (made - 0.5).square().mean().backward()
    optimiser.step()
    after = [parameter.sum().item() for parameter in network.parameters()]
    assert all(torch.tensor(after).isfinite())
    assert all(a != b for a, b in zip(after, before, strict=True))


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_score_sees_a_patch_of_the_stated_size(layers, field):
    critic = PatchGAN(4, layers)
    assert critic.receptive_field == field
    initialise(critic, seeded(0))
    # The statistics of a normalisation join the whole map, so that the patch shows only without them.
    critic.body = nn.Sequential(*(nn.Identity() if isinstance(m, nn.InstanceNorm2d) else m for m in critic.body))
    x = torch.rand(1, 3, 128, 128, generator=seeded(1)).requires_grad_()
    scores = critic(x)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    seen = x.grad[0].abs().sum(dim=0) > 0
    rows, columns = seen.any(dim=1).nonzero(), seen.any(dim=0).nonzero()
    assert rows.max() - rows.min() + 1 == field
    assert columns.max() - columns.min() + 1 == field


@pytest.mark.parametrize("name", CRITICS)
def test_the_critic_ends_linearly_and_has_no_batch_norm(name):
    critic = built(name)
    kinds = {type(module) for module in critic.modules()}
    assert kinds <= {PatchGAN, nn.Sequential, nn.Conv2d, nn.InstanceNorm2d, nn.LeakyReLU}
    assert isinstance(critic.body[-1], nn.Conv2d)
    scores = critic(images(name))
    with torch.no_grad():
        critic.body[-1].weight *= 1e4
    torch.testing.assert_close(critic(images(name)), scores * 1e4)
    assert scores.abs().max() * 1e4 > 1


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_the_smallest_image_of_a_critic_is_the_smallest(layers):
    critic = PatchGAN(1, layers)
    side = critic.min_size
    assert critic(torch.rand(1, 3, side, side, generator=seeded(0))).shape == (1, 1, 1, 1)
    with pytest.raises(ValueError, match="too small"):
        critic(torch.zeros(1, 3, side - 1, side))


def test_a_fresh_residual_generator_changes_nothing_to_speak_of():
    network = UNetGenerator(32, 8, "resize", True)
    initialise(network, seeded(0))
    images = torch.rand(4, 3, 32, 32, generator=seeded(1)) * 2 - 1
    images[0] = 1.0
    assert (network(images) - images).abs().mean() < 0.05
    network.residual = False
    assert (network(images) - images).abs().mean() > 0.4
