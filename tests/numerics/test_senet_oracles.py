"""SENet-154 and gather-excite compared with timm, whose SENet-154 has the published weights."""

import pytest
import timm
import torch
from timm.layers import GatherExcite as TimmGatherExcite
from timm.models.senet import SEBottleneck, SENet
from torch import Tensor, nn
from torch.nn import functional

from helpers.seeds import seeded
from hemabalance.networks.gather_excite import GatherExcite
from hemabalance.networks.senet154 import Senet154
from hemabalance.networks.senet154_ge import Senet154GE
from hemabalance.networks.senet154_weights import MEAN, STD, load_imagenet_weights, rename_timm_keys

pytestmark = pytest.mark.usefixtures("one_thread")

FULL = {"depths": (3, 8, 36, 3), "groups": 64, "width": 64, "stem": 64, "drop_rate": 0.2}
SHALLOW = {"depths": (1, 1, 1, 1), "groups": 16, "width": 64, "stem": 64, "drop_rate": 0.0}


def randomise_statistics(network: nn.Module, seed: int = 0) -> nn.Module:
    """Set every parameter and running statistic to random values, so that a confusion of two is noticed."""
    generator = seeded(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                tensor.zero_()
            elif tensor.ndim > 1:
                bound = (3.0 / tensor[0].numel()) ** 0.5
                tensor.uniform_(-bound, bound, generator=generator)
            elif name.endswith(("running_var", "weight")):
                tensor.uniform_(0.7, 1.4, generator=generator)
            else:
                tensor.uniform_(-0.2, 0.2, generator=generator)
    return network


def test_the_full_network_computes_the_same_as_timms() -> None:
    with torch.device("meta"):
        published = timm.create_model("legacy_senet154").eval()
        ours = Senet154(1000, **FULL).eval()
    randomise_statistics(published.to_empty(device="cpu"))
    ours.load_state_dict(rename_timm_keys(published.state_dict()), strict=True, assign=True)
    x = torch.rand(1, 3, 64, 70, generator=seeded(1)) * 2 - 1
    with torch.inference_mode():
        expected = published(x)
        first, last = ours.features(x)
        torch.testing.assert_close(first, published.layer0[:3](x), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(last, published.forward_features(x), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours(x), expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())
    assert expected.std() > 0.01


def shallow(classes: int) -> SENet:
    with torch.device("meta"):
        network = SENet(
            SEBottleneck,
            SHALLOW["depths"],
            groups=SHALLOW["groups"],
            reduction=16,
            drop_rate=0.0,
            inplanes=2 * SHALLOW["stem"],
            input_3x3=True,
            downsample_kernel_size=3,
            downsample_padding=1,
            num_classes=classes,
        )
    return randomise_statistics(network.to_empty(device="cpu"))


def test_a_training_step_is_the_same_as_timms() -> None:
    theirs = shallow(5).double()
    with torch.device("meta"):
        ours = Senet154(5, **SHALLOW)
    copied = {name: tensor.clone() for name, tensor in rename_timm_keys(theirs.state_dict()).items()}
    ours.load_state_dict(copied, strict=True, assign=True)
    x = torch.rand(3, 3, 33, 40, generator=seeded(1), dtype=torch.float64) * 2 - 1
    targets = torch.tensor([0, 3, 1])
    expected, logits = theirs(x), ours(x)
    torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-9)
    for output in (expected, logits):
        functional.cross_entropy(output, targets).backward()
    gradients = rename_timm_keys({name: p.grad for name, p in theirs.named_parameters()})
    assert gradients.keys() == dict(ours.named_parameters()).keys()
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-6, atol=1e-9, msg=name)
    for name, tensor in rename_timm_keys(dict(theirs.named_buffers())).items():
        torch.testing.assert_close(ours.state_dict()[name], tensor, rtol=1e-9, atol=1e-9, msg=name)


def test_published_weights_initialise_a_network_for_images_in_minus_1_to_1() -> None:
    theirs = shallow(1000).eval()
    ours = randomise_statistics(Senet154GE(12, **SHALLOW, extent=8), seed=5).eval()
    head = {n: t.clone() for n, t in ours.state_dict().items() if not n.startswith(("stem.", "stages."))}
    load_imagenet_weights(ours, theirs.state_dict())
    assert all(torch.equal(ours.state_dict()[name], tensor) for name, tensor in head.items())

    x = torch.rand(1, 3, 64, 64, generator=seeded(1)) * 2 - 1
    mean, std = (torch.tensor(values)[None, :, None, None] for values in (MEAN, STD))
    with torch.inference_mode():
        expected = theirs.layer0[:3](((x + 1) / 2 - mean) / std)
        features = ours.features(x)[0]
    torch.testing.assert_close(features[:, :, 1:, 1:], expected[:, :, 1:, 1:], rtol=1e-4, atol=1e-5)
    renamed = rename_timm_keys(theirs.state_dict())
    for name in ("stem.1.0.weight", "stages.2.0.body.2.1.running_var", "stages.3.0.excitation.factors.2.bias"):
        assert torch.equal(ours.state_dict()[name], renamed[name])


def test_weights_of_another_network_are_refused_and_change_nothing() -> None:
    theirs = shallow(3).state_dict()
    ours = Senet154(3, **SHALLOW)
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    without = {name: tensor for name, tensor in theirs.items() if name != "layer2.0.bn1.bias"}
    other_shape = theirs | {"layer0.conv1.weight": torch.zeros(64, 3, 7, 7)}
    surplus = theirs | {"layer4.1.bn1.bias": torch.zeros(1024)}
    for weights, message in (
        ({"conv1.weight": torch.zeros(1)}, "'conv1.weight' is no layer of timm's legacy_senet154"),
        (without, r"the weights lack stages\.1\.0\.body\.0\.1\.bias"),
        (other_shape, r"stem\.0\.0\.weight is \(64, 3, 7, 7\) in the weights and \(64, 3, 3, 3\) in the network"),
        (surplus, r"the network lacks stages\.3\.1\.body\.0\.1\.bias"),
    ):
        with pytest.raises(ValueError, match=message):
            load_imagenet_weights(ours, weights)
    assert all(torch.equal(ours.state_dict()[name], tensor) for name, tensor in before.items())
    load_imagenet_weights(ours, {name: t for name, t in theirs.items() if "num_batches" not in name})
    assert torch.equal(ours.state_dict()["stages.1.0.body.0.1.bias"], theirs["layer2.0.bn1.bias"])


def copy_gate_weights(ours: GatherExcite, theirs: TimmGatherExcite) -> None:
    """Copy the weights of timm's module; both modules have them in the same order."""
    randomise_statistics(theirs, seed=3)
    values = list(theirs.state_dict().values())
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)), strict=True)


def compare(ours: GatherExcite, theirs: TimmGatherExcite, x: Tensor) -> None:
    for training in (False, True):
        ours.train(training)
        theirs.train(training)
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-6, atol=1e-6)
    for value, expected in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-6)


def maps(*size: int) -> Tensor:
    return torch.randn(3, 12, *size, generator=seeded(7)) + 0.3


SIZES = [(1, 1), (2, 2), (3, 2), (4, 4), (7, 7), (5, 12), (16, 9)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("hidden", [0, 3])
@pytest.mark.parametrize(
    ("learned", "extent"), [(False, 0), (False, 2), (False, 4), (False, 8), (True, 2), (True, 4), (True, 8)]
)
def test_gather_excite_equals_timms(learned: bool, extent: int, hidden: int, size: tuple[int, int]) -> None:
    ours = GatherExcite(12, extent, learned=learned, hidden=hidden, side=0)
    theirs = TimmGatherExcite(12, extra_params=learned, extent=extent, use_mlp=hidden > 0, rd_channels=hidden or None)
    copy_gate_weights(ours, theirs)
    compare(ours, theirs, maps(*size))


@pytest.mark.parametrize("side", [1, 2, 5, 8])
@pytest.mark.parametrize("hidden", [0, 3])
def test_a_learned_gather_of_the_whole_map_equals_timms_without_padding(hidden: int, side: int) -> None:
    ours = GatherExcite(12, 0, learned=True, hidden=hidden, side=side)
    theirs = TimmGatherExcite(
        12, feat_size=side, extra_params=True, extent=0, use_mlp=hidden > 0, rd_channels=hidden or None
    )
    copy_gate_weights(ours, theirs)
    if side % 2:  # timm pads the map: only at its centre does the kernel cover the whole map
        centre = (slice(None), slice(None), side // 2, side // 2)
        x = maps(side, side)
        torch.testing.assert_close(ours.eval()(x)[centre], theirs.eval()(x)[centre], rtol=1e-6, atol=1e-6)
    theirs.gather.conv1.padding = (0, 0)
    compare(ours, theirs, maps(side, side))
