"""SENet-154, its gather-excite head and the sequential CNN: sizes, shapes, details of the thesis, refused arguments."""

import math
from itertools import pairwise, product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from helpers.seeds import seeded
from hemabalance.networks.gather_excite import GatherExcite
from hemabalance.networks.layers import count_parameters
from hemabalance.networks.senet154 import Senet154
from hemabalance.networks.senet154_ge import Senet154GE
from hemabalance.networks.sequential_cnn import SequentialCNN
from hemabalance.networks.squeeze_excitation import SqueezeExcitation

FULL = {"depths": (3, 8, 36, 3), "groups": 64, "width": 64, "stem": 64, "drop_rate": 0.2}
TINY = {"depths": (1, 1, 1, 1), "groups": 4, "width": 8, "stem": 16, "drop_rate": 0.2}
BUILDS = {
    "senet154": lambda: Senet154(5, **TINY),
    "senet154-ge": lambda: Senet154GE(5, **TINY, extent=2),
    "senet154-ge-global": lambda: Senet154GE(5, **TINY, extent=0),
    "sequential-cnn": lambda: SequentialCNN(5, 8, 0.2),
}
every_network = pytest.mark.parametrize("name", BUILDS)
every_extent = pytest.mark.parametrize("extent", GatherExcite.extents)


pytestmark = pytest.mark.usefixtures("one_thread")


def images(count: int, height: int, width: int) -> Tensor:
    return torch.rand(count, 3, height, width, generator=seeded(1)) * 2 - 1


def maps(count: int, channels: int, height: int, width: int) -> Tensor:
    return torch.randn(count, channels, height, width, generator=seeded(2))


def built(name: str) -> nn.Module:
    torch.manual_seed(0)
    return BUILDS[name]()


def head(extent: int = 2) -> Senet154GE:
    """A network in evaluation mode whose attention differs between images."""
    torch.manual_seed(0)
    network = Senet154GE(5, **TINY, extent=extent).eval()
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.running_var.uniform_(0.5, 1.5)
        norm.running_mean.uniform_(-0.2, 0.2)
    return network


def test_the_full_network_has_the_published_size() -> None:
    with torch.device("meta"):
        network = Senet154(1000, **FULL)
    assert count_parameters(network) == 115_088_984
    assert "115,088,984" in Senet154.__doc__
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in network.modules()) == 3 + 3 * 50 + 4 + 2 * 50 + 1


@every_extent
def test_the_full_network_with_the_head_has_the_size_of_its_parts(extent: int) -> None:
    with torch.device("meta"):
        network = Senet154GE(12, **FULL, extent=extent)
    linear = 2048 * 12 + 12
    early = 64 * 2048 + 2 * 2048
    squeeze = 2048 * 128 + 128 + 128 * 2048 + 2048
    gather = int(math.log2(extent or 1)) * (9 * 2048 + 2 * 2048)
    parameters = 115_088_984 - (2048 * 1000 + 1000) + linear + early + squeeze + gather + 2 * 2048
    assert count_parameters(network) == parameters
    assert extent != 8 or f"{parameters:,}" in Senet154GE.__doc__


def test_every_parameter_of_the_full_network_receives_a_gradient() -> None:
    network = Senet154GE(12, **FULL, extent=8)
    loss = functional.cross_entropy(network(images(3, 64, 64)), torch.tensor([0, 5, 11]))
    loss.backward()
    largest = {name: p.grad.abs().max().item() for name, p in network.named_parameters()}
    assert {name: value for name, value in largest.items() if not 0 < value < float("inf")} == {}


@pytest.mark.parametrize(
    ("size", "first", "last"),
    [
        ((32, 32), (16, 16), (1, 1)),
        ((33, 50), (17, 25), (1, 2)),
        ((64, 48), (32, 24), (2, 2)),
        ((90, 224), (45, 112), (3, 7)),
    ],
)
def test_features_have_the_documented_shapes(
    size: tuple[int, int], first: tuple[int, int], last: tuple[int, int]
) -> None:
    early, late = head().features(images(2, *size))
    assert early.shape == (2, 16, *first)
    assert late.shape == (2, 32 * 8, *last)
    assert early.min() == 0 == late.min()


@every_network
@pytest.mark.parametrize("size", [(32, 32), (37, 61), (96, 64)])
def test_any_size_from_the_smallest_on_gives_logits(name: str, size: tuple[int, int]) -> None:
    network, x = built(name), images(3, *size)
    for mode in (True, False):
        logits = network.train(mode)(x)
        assert logits.shape == (3, 5)
        assert logits.isfinite().all()
    assert network.min_size == 32
    with pytest.raises(ValueError, match="images of 31 px are too small, at least 32 px"):
        network(images(2, 64, 31))
    with pytest.raises(ValueError, match=r"expected images of shape \(n, 3, h, w\), got \(2, 1, 64, 64\)"):
        network(torch.zeros(2, 1, 64, 64))


@every_network
def test_in_evaluation_the_logits_of_an_image_do_not_depend_on_its_batch(name: str) -> None:
    network, x = built(name).eval(), images(4, 48, 48)
    with torch.inference_mode():
        batch_logits, single_logits = network(x), network(x[2:3])
        channels_last = x.to(memory_format=torch.channels_last)
        torch.testing.assert_close(batch_logits[2:3], single_logits, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(network(channels_last), batch_logits)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(network(x).float(), batch_logits, rtol=0, atol=0.05)


@every_network
def test_dropout_acts_in_training_only(name: str) -> None:
    network, x = built(name), images(4, 32, 32)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


@every_network
def test_a_few_images_can_be_overfitted(name: str) -> None:
    network, x = built(name), images(8, 32, 32)
    targets = torch.arange(8) % 5
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    for _ in range(25):
        loss = functional.cross_entropy(network(x), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.3


def test_the_head_computes_the_documented_formula() -> None:
    network = head()
    first, last = network.features(images(3, 80, 70))
    pooled = functional.adaptive_avg_pool2d(first, last.shape[2:])
    early = network.early[1](network.early[0](pooled))
    product = early * last
    excited = product * network.squeeze_excitation.factors(product.mean(dim=(2, 3)))[:, :, None, None]
    attention = torch.sigmoid(network.norm(excited + network.gather_excite(last)))
    expected = network.classifier((last + last * attention).mean(dim=(2, 3)))
    torch.testing.assert_close(network(images(3, 80, 70)), expected)
    assert attention.std() > 0.01


def test_the_attended_features_are_between_once_and_twice_the_features() -> None:
    network = head()
    first, last = network.features(images(3, 64, 64))
    attended = network.attend(first, last)
    assert (attended >= last).all()
    assert (attended <= 2 * last).all()
    nn.init.constant_(network.norm.bias, -1e4)
    assert torch.equal(network.attend(first, last), last)
    plain = Senet154(5, **TINY).eval()
    plain.load_state_dict({n: t for n, t in network.state_dict().items() if n in plain.state_dict()})
    torch.testing.assert_close(network(images(3, 64, 64)), plain(images(3, 64, 64)))


def test_both_branches_of_the_head_have_an_effect_and_first_features_use_one() -> None:
    network = head()
    first, last = network.features(images(3, 64, 64))
    attended = network.attend(first, last)
    assert (network.attend(first.flip(0), last) - attended).abs().max() > 1e-4
    with torch.no_grad():
        network.early[1].weight.zero_()
        network.early[1].bias.zero_()
    gathered = network.attend(first, last)
    torch.testing.assert_close(gathered, last * (1 + network.norm(network.gather_excite(last)).sigmoid()))
    assert torch.equal(network.attend(first.flip(0), last), gathered)
    assert (gathered - attended).abs().max() > 1e-4


ON_MAPS = [
    (extent, learned, size)
    for extent, learned, size in product(GatherExcite.extents, (True, False), [(1, 1), (2, 2), (1, 3), (7, 7)])
    if size[0] == size[1] or extent or not learned
]


@pytest.mark.parametrize(("extent", "learned", "size"), ON_MAPS)
def test_gather_excite_works_on_every_map(extent: int, learned: bool, size: tuple[int, int]) -> None:
    gate = GatherExcite(6, extent, learned=learned, hidden=0, side=0 if extent or not learned else size[0])
    x = maps(3, 6, *size).requires_grad_()
    gated = gate(x)
    assert gated.shape == x.shape
    assert (gated.abs() <= x.abs()).all()
    gated.sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize(("extent", "side"), [(2, 1), (4, 2), (4, 1), (8, 4), (8, 3)])
def test_an_extent_beyond_the_map_is_the_whole_map(extent: int, side: int) -> None:
    x = maps(2, 6, side, side)
    average, global_average = (GatherExcite(6, e, learned=False, hidden=0, side=0) for e in (extent, 0))
    torch.testing.assert_close(average(x), global_average(x))
    learned = GatherExcite(6, extent, learned=True, hidden=0, side=0)
    factors = learned(x) / x
    torch.testing.assert_close(factors, factors[:, :, :1, :1].expand_as(factors))


@pytest.mark.parametrize("learned", [True, False])
def test_an_extent_within_the_map_gates_each_neighbourhood_separately(learned: bool) -> None:
    gate = GatherExcite(1, 2, learned=learned, hidden=0, side=0).eval()
    x = maps(1, 1, 8, 8)
    factors = gate(x) / x
    blocks = factors[0, 0].unfold(0, 2, 2).unfold(1, 2, 2).flatten(2)
    torch.testing.assert_close(blocks, blocks[:, :, :1].expand_as(blocks))
    assert blocks[:, :, 0].unique().numel() == 16
    changed = x.clone()
    changed[:, :, 0, 0] += 5
    assert torch.equal(gate(changed)[0, 0, 2:, 2:], gate(x)[0, 0, 2:, 2:])


def test_squeeze_and_excitation_scales_each_channel_by_one_factor() -> None:
    torch.manual_seed(0)
    block, x = SqueezeExcitation(20), maps(2, 20, 3, 4)
    factors = block(x) / x
    torch.testing.assert_close(factors, factors[:, :, :1, :1].expand_as(factors))
    assert ((factors > 0) & (factors < 1)).all()
    assert factors[:, :, 0, 0].unique().numel() == 40


@pytest.mark.parametrize(("channels", "hidden"), [(16, 8), (64, 8), (128, 8), (144, 9), (256, 16), (2048, 128)])
def test_squeeze_and_excitation_has_at_least_eight_hidden_channels(channels: int, hidden: int) -> None:
    assert SqueezeExcitation(channels).factors[0].out_features == hidden


def test_the_sequential_cnn_has_the_size_of_its_layers() -> None:
    widths = [3, 32, 64, 128, 256]
    convolutions = sum(9 * a * b + 2 * b for a, b in pairwise(widths))
    assert count_parameters(SequentialCNN(12, 32, 0.2)) == convolutions + (4 * 256 + 1) * 256 + 257 * 12


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Senet154(0, **TINY), "SENet-154: classes is 0, it must be at least 1"),
        (lambda: Senet154(5, **TINY | {"stem": 0}), "stem is 0"),
        (lambda: Senet154(5, **TINY | {"groups": 0}), "groups is 0"),
        (lambda: Senet154(5, **TINY | {"groups": 64}), "64 groups do not divide twice the width of 8, which is 16"),
        (lambda: Senet154(5, **TINY | {"depths": (1, 2, 3)}), r"depths are \(1, 2, 3\), they must be four numbers"),
        (lambda: Senet154GE(5, **TINY | {"depths": (1, 0, 1, 1)}, extent=2), r"depths are \(1, 0, 1, 1\)"),
        (lambda: Senet154(5, **TINY | {"drop_rate": 1.0}), "drop_rate is 1.0, it must be at least 0 and below 1"),
        (lambda: Senet154GE(5, **TINY, extent=3), "gather-excite: extent is 3, it must be one of: 0, 2, 4, 8"),
        (lambda: GatherExcite(0, 2, learned=True, hidden=0, side=0), "channels is 0"),
        (lambda: GatherExcite(4, 2, learned=True, hidden=-1, side=0), "hidden is -1, it must be 0 or more"),
        (lambda: GatherExcite(4, 0, learned=True, hidden=0, side=0), "side is 0, .* the side of the map, at least 1"),
        (lambda: GatherExcite(4, 2, learned=True, hidden=0, side=7), "side is 7, .* must be 0"),
        (lambda: GatherExcite(4, 0, learned=True, hidden=0, side=7)(maps(2, 4, 7, 6)), "maps of side 7, got"),
        (lambda: Senet154(5, **TINY)(images(1, 32, 32)), "Expected more than 1 value per channel when training"),
        (lambda: SequentialCNN(5, 0, 0.2), "sequential CNN: width is 0"),
        (lambda: SequentialCNN(5, 4, -0.1), "sequential CNN: drop_rate is -0.1"),
    ],
)
def test_invalid_arguments_are_refused(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
