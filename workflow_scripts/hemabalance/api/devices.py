"""The choice of a device by name."""

AUTO_DEVICE = "auto"
DEVICES = (AUTO_DEVICE, "cpu", "cuda")
"""What a person may choose, the default first."""


def resolve_device(name: str) -> str:
    """`cuda` for `auto` where PyTorch finds a GPU, else `cpu`; any other name as it is."""
    if name != AUTO_DEVICE:
        return name
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
