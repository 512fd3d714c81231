"""Tests that every network passes; each network needs an entry in NETWORKS, and a test fails if one is missing."""

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
from hemabalance.networks.auxiliary_critic import AuxiliaryCritic
from hemabalance.networks.conditional import (
    ConditionalClassifier,
    ConditionalCritic,
    ConditionalGenerator,
    ResidualTrunk,
)
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
from hemabalance.networks.spectral_convolution import SpectralConvolution
from hemabalance.networks.squeeze_excitation import SqueezeExcitation
from hemabalance.networks.unet import UNetGenerator, unet_depth
from hemabalance.networks.velocity_unet import VelocityUNet


class Network(NamedTuple):
    build: Callable[[], nn.Module]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]


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
    "small-resnet-group": Network(lambda: SmallResnet(7, 4, "group"), (3, 16, 20), (7,)),
    "small-resnet-instance": Network(lambda: SmallResnet(7, 4, "instance"), (3, 17, 20), (7,)),
    "conditional-generator": Network(lambda: ConditionalGenerator(32, 8, 6, 3, "none"), (9,), (3, 32, 32)),
    "conditional-critic": Network(lambda: ConditionalCritic(32, 8, 0), (3, 32, 32), ()),
    "residual-trunk": Network(lambda: ResidualTrunk("trunk", 32, 8), (3, 32, 32), (128,)),
    "auxiliary-critic": Network(lambda: AuxiliaryCritic(32, 8, 3), (3, 32, 32), (4,)),
    "conditional-classifier": Network(lambda: ConditionalClassifier(32, 8, 3), (3, 32, 32), (3,)),
    "fewshot-generator": Network(lambda: FewshotGenerator(32, 8, 9), (9,), (3, 32, 32)),
    "fewshot-encoder": Network(lambda: FewshotEncoder(32, 8, 5), (3, 32, 32), (5,)),
    "fewshot-discriminator": Network(lambda: FewshotDiscriminator(32, 8), (3, 32, 32), (1,)),
    "spectral-convolution": Network(lambda: SpectralConvolution(3, 5, 4, 2), (3, 16, 20), (5, 8, 10)),
    "skip-layer-excitation": Network(lambda: SkipLayerExcitation(24, 16), (24, 8, 8), (16, 1, 1)),
    "squeeze-excitation": Network(lambda: SqueezeExcitation(24), (24, 6, 5), (24, 6, 5)),
    "gather-excite-learned": Network(
        lambda: GatherExcite(24, 4, learned=True, hidden=8, side=0), (24, 7, 6), (24, 7, 6)
    ),
    "gather-excite-averaged": Network(
        lambda: GatherExcite(24, 2, learned=False, hidden=8, side=0), (24, 7, 6), (24, 7, 6)
    ),
    "gather-excite-global": Network(
        lambda: GatherExcite(24, 0, learned=True, hidden=0, side=7), (24, 7, 7), (24, 7, 7)
    ),
    "senet154": Network(lambda: Senet154(7, (1, 2, 1, 1), 4, 16, 16, 0.2), (3, 40, 48), (7,)),
    "senet154-smallest": Network(lambda: Senet154(7, (1, 1, 1, 1), 4, 16, 16, 0.2), (3, 32, 32), (7,)),
    "senet154-ge": Network(lambda: Senet154GE(7, (1, 2, 1, 1), 4, 16, 16, 0.2, 2), (3, 40, 48), (7,)),
    "senet154-ge-smallest": Network(lambda: Senet154GE(7, (1, 1, 1, 1), 4, 16, 16, 0.2, 8), (3, 32, 32), (7,)),
    "sequential-cnn": Network(lambda: SequentialCNN(7, 8, 0.2), (3, 32, 40), (7,)),
}
WITH_OTHER_INPUTS = {VelocityUNet}
"""Networks that take more than images, with tests of their own (test_networks_velocity.py)."""
GENERATORS = [
    name
    for name, network in NETWORKS.items()
    if network.output_shape == network.input_shape and network.input_shape[0] == 3
]
CRITICS = [name for name in NETWORKS if name.startswith("patchgan")]
NORMALISED_ALONE = ["small-resnet-group", "small-resnet-instance"]


pytestmark = pytest.mark.usefixtures("one_thread")


def built(name: str, seed: int = 0) -> nn.Module:
    network = NETWORKS[name].build()
    initialise(network, seeded(seed))
    return network


def images(name: str, count: int = 2) -> Tensor:
    return torch.rand(count, *NETWORKS[name].input_shape, generator=seeded(1)) * 2 - 1


def test_every_network_is_listed():
    defined = set()
    for info in pkgutil.iter_modules(networks.__path__):
        module = importlib.import_module(f"hemabalance.networks.{info.name}")
        members = inspect.getmembers(module, inspect.isclass)
        defined |= {
            network_class
            for name, network_class in members
            if network_class.__module__ == module.__name__ and info.name != "layers" and not name.startswith("_")
        }
    assert defined == {type(network.build()) for network in NETWORKS.values()} | WITH_OTHER_INPUTS


@pytest.mark.parametrize("name", NETWORKS)
def test_shape_and_values(name):
    network, x = built(name), images(name)
    output = network(x)
    assert output.shape == (2, *NETWORKS[name].output_shape)
    assert output.dtype == torch.float32
    assert output.isfinite().all()
    assert not torch.equal(output[0], output[1])


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_stay_in_range_with_large_weights(name):
    network = built(name)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter *= 100
    output = network(images(name))
    assert output.abs().max() <= 1
    assert output.abs().max() > 0.99


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_receives_a_gradient(name):
    network = built(name)
    output = network(images(name, 3))
    (output * torch.randn(output.shape, generator=seeded(2))).sum().backward()
    largest = {
        key: float("nan") if p.grad is None else p.grad.abs().max().item() for key, p in network.named_parameters()
    }
    # Gradients of biases before a normalisation would be rounding noise near 1e-8.
    assert {key: value for key, value in largest.items() if not 1e-6 < value < float("inf")} == {}


@pytest.mark.parametrize("name", NETWORKS)
def test_initial_weights_depend_only_on_the_generator(name):
    torch.manual_seed(1)
    first = built(name, seed=5).state_dict()
    torch.manual_seed(2)
    uninitialised = NETWORKS[name].build()
    before = torch.get_rng_state()
    initialise(uninitialised, seeded(5))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, first[key]) for key, value in uninitialised.state_dict().items())
    with_other_seed = built(name, seed=6).state_dict()
    random_keys = [key for key, value in first.items() if value.ndim > 1]
    assert all(not torch.equal(with_other_seed[key], first[key]) for key in random_keys)
    weights = torch.cat([first[key].flatten() for key in random_keys])
    assert weights.std().item() == pytest.approx(0.02, rel=0.1)
    assert abs(weights.mean().item()) < 0.002


def test_a_layer_without_an_initialisation_rule_is_refused():
    with pytest.raises(TypeError, match="no rule to initialise layer 1 of kind PReLU"):
        initialise(nn.Sequential(nn.Linear(2, 2), nn.PReLU()), seeded(0))


@pytest.mark.parametrize("name", GENERATORS + CRITICS + NORMALISED_ALONE)
def test_the_output_of_an_image_does_not_depend_on_its_batch(name):
    network, x = built(name), images(name, 3)
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_give_float32_under_autocast(name):
    network, x = built(name), images(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = network(x)
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, network(x), rtol=0, atol=0.05)


def test_the_norm_of_the_small_resnet_changes_no_weight_and_group_and_instance_keep_no_statistics():
    states = {}
    for norm in ("batch", "group", "instance"):
        torch.manual_seed(3)
        states[norm] = SmallResnet(7, 8, norm).state_dict()
    default = SmallResnet(7, 8)
    assert default.state_dict().keys() == states["batch"].keys()
    assert sum(isinstance(module, nn.BatchNorm2d) for module in default.modules()) == 12
    statistics = {key for key in states["batch"] if key.endswith(("running_mean", "running_var", "batches_tracked"))}
    for norm in ("group", "instance"):
        assert states[norm].keys() == states["batch"].keys() - statistics
        assert all(torch.equal(value, states["batch"][key]) for key, value in states[norm].items())


@pytest.mark.parametrize(
    ("size", "depth"), [(16, 4), (24, 3), (64, 6), (96, 5), (128, 7), (256, 8), (360, 3), (512, 8)]
)
def test_unet_depth_follows_the_size(size, depth):
    assert unet_depth(size) == depth
    assert len(UNetGenerator(size, 1, "transposed", False).down) == depth


@pytest.mark.parametrize("size", [16, 24, 64, 96])
@pytest.mark.parametrize("up", ["transposed", "resize"])
def test_no_map_without_variance_is_normalised(size, up):
    network = UNetGenerator(size, 2, up, False)
    initialise(network, seeded(0))
    deviations = []
    norms = [module for module in network.modules() if isinstance(module, nn.InstanceNorm2d)]
    for norm in norms:
        norm.register_forward_hook(lambda _, inputs, __: deviations.append(inputs[0].std(dim=(2, 3)).min().item()))
    network(torch.rand(1, 3, size, size, generator=seeded(1)))
    assert len(deviations) == len(norms) > 0
    assert min(deviations) > 0


def test_a_shortcut_of_stride_two_is_a_strided_convolution():
    block = SmallResnet(7, 4).stages[1]
    x = torch.randn(2, 4, 9, 7).contiguous(memory_format=torch.channels_last)
    convolution, norm = block.shortcut
    expected = norm(nn.functional.conv2d(x.contiguous(), convolution.weight, stride=2)) + block.body(x)
    torch.testing.assert_close(block(x), expected.relu())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: UNetGenerator(8, 4, "resize", False),
            "U-Net generator: images of 8 px are too small, at least 16 px",
        ),
        (lambda: UNetGenerator(100, 4, "resize", False), "100 px is not divisible by 8, use 96 or 104 px"),
        (lambda: UNetGenerator(17, 4, "resize", False), "17 px is not divisible by 8, use 16 or 24 px"),
        (lambda: UNetGenerator(32, 0, "resize", False), "U-Net generator: width is 0"),
        (lambda: UNetGenerator(32, 4, "bilinear", False), "'bilinear', it must be one of: transposed, resize"),
        (lambda: ResnetGenerator(12, 4, 6), "ResNet generator: images of 12 px are too small"),
        (lambda: ResnetGenerator(66, 4, 6), "66 px is not divisible by 4, use 64 or 68 px"),
        (lambda: ResnetGenerator(64, 4, 0), "blocks is 0"),
        (lambda: PatchGAN(4, 0), "PatchGAN critic: layers is 0"),
        (lambda: SmallResnet(0, 4), "small ResNet: classes is 0"),
        (lambda: SmallResnet(7, 4, "layer"), "norm is 'layer', it must be one of: batch, group, instance"),
        (
            lambda: UNetGenerator(32, 4, "resize", False)(torch.zeros(1, 3, 64, 64)),
            r"expected images of shape \(n, 3, 32, 32\), got",
        ),
        (
            lambda: ResnetGenerator(32, 4, 1)(torch.zeros(1, 3, 32, 36)),
            r"expected images of shape \(n, 3, 32, 32\), got",
        ),
        (lambda: PatchGAN(4, 3)(torch.zeros(1, 3, 64, 23)), "23 px are too small for 3 layers, .* at least 24 px"),
        (lambda: PatchGAN(4, 3)(torch.zeros(1, 6, 64, 64)), r"expected images of shape \(n, 3, h, w\)"),
        (lambda: SmallResnet(7, 4)(torch.zeros(1, 3, 64, 15)), "15 px are too small, at least 16 px"),
        (lambda: SmallResnet(7, 4, "instance")(torch.zeros(1, 3, 64, 16)), "16 px are too small, at least 17 px"),
        (lambda: SmallResnet(7, 4)(torch.zeros(1, 1, 64, 64)), r"expected images of shape \(n, 3, h, w\)"),
    ],
)
def test_invalid_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


# The reference implementation of pix2pix with batch normalisation has 54,413,955 parameters, of which 9,856 are scales
# and shifts; it has no biases on the first and the innermost convolution (64 + 512), which are not normalised here.
# CycleGAN's has 11,378,179 and 2,764,737, of which 5,248 and 896 are biases that the instance normalisation cancels.
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
    before = [parameter.detach().clone() for parameter in network.parameters()]
    output = network(x)
    assert output.shape == shape
    (output - 0.5).square().mean().backward()
    optimiser.step()
    assert all(parameter.isfinite().all() for parameter in network.parameters())
    assert not any(torch.equal(a, b) for a, b in zip(network.parameters(), before, strict=True))


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_score_depends_on_a_patch_of_the_documented_size(layers, field):
    critic = PatchGAN(4, layers)
    assert critic.receptive_field == field
    initialise(critic, seeded(0))
    # Normalisation makes every score depend on the whole map, so it is removed.
    critic.body = nn.Sequential(*(nn.Identity() if isinstance(m, nn.InstanceNorm2d) else m for m in critic.body))
    x = torch.rand(1, 3, 128, 128, generator=seeded(1)).requires_grad_()
    scores = critic(x)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    patch = x.grad[0].abs().sum(dim=0) > 0
    rows, columns = patch.any(dim=1).nonzero(), patch.any(dim=0).nonzero()
    assert rows.max() - rows.min() + 1 == field
    assert columns.max() - columns.min() + 1 == field


@pytest.mark.parametrize("name", CRITICS)
def test_the_critic_has_a_linear_output_and_no_batch_norm(name):
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
def test_a_critic_refuses_images_below_its_min_size(layers):
    critic = PatchGAN(1, layers)
    side = critic.min_size
    assert critic(torch.rand(1, 3, side, side, generator=seeded(0))).shape == (1, 1, 1, 1)
    with pytest.raises(ValueError, match="too small"):
        critic(torch.zeros(1, 3, side - 1, side))


def test_a_newly_initialised_residual_generator_hardly_changes_images():
    network = UNetGenerator(32, 8, "resize", True)
    initialise(network, seeded(0))
    images = torch.rand(4, 3, 32, 32, generator=seeded(1)) * 2 - 1
    images[0] = 1.0
    assert (network(images) - images).abs().mean() < 0.05
    network.residual = False
    assert (network(images) - images).abs().mean() > 0.4
