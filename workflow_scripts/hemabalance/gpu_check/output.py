"""The output of the check: `gpu.json` for programs and `gpu.md` for readers, written again after each part."""

import math
import platform
import resource
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from hemabalance.files import atomic_path, write_json

PACKAGES = ("torch", "timm", "lightning-fabric", "lightning", "numpy", "pandas", "pydantic")
NOT_FINITE = "not finite"
LISTED = 10
"""Number of trainings without time that `gpu.md` names; `gpu.json` names all."""
Row = Mapping[str, Any]
Column = tuple[str, Callable[[Row], str]]


def hardware(device: str, threads: int) -> dict[str, Any]:
    """JSON values: `device` (name of the GPU, or the CPU's architecture)`, memory_mib, threads, python, cuda, cudnn,
    packages`."""
    cuda = device == "cuda"
    properties: Any = torch.cuda.get_device_properties(0) if cuda else None
    return {
        "device": properties.name if cuda else f"CPU, {platform.machine()}",
        "memory_mib": properties.total_memory / 2**20 if cuda else None,
        "threads": threads,
        "python": platform.python_version(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def peak_memory_mib() -> float:
    """The largest memory that this process has had so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write(results: Mapping[str, Any], folder: Path) -> None:
    """Write `gpu.json` and `gpu.md` into a folder, each atomically."""
    write_json(_finite(results), folder / "gpu.json")
    with atomic_path(folder / "gpu.md") as part:
        part.write_text(markdown(results), "utf-8")


def _finite(value: Any) -> Any:
    """The value with text in place of the numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return NOT_FINITE if isinstance(value, float) and not math.isfinite(value) else value


def markdown(results: Mapping[str, Any]) -> str:
    """The tables as Markdown."""
    machine = results["hardware"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    memory = "" if machine["memory_mib"] is None else f" ({machine['memory_mib'] / 1024:.0f} GiB)"
    lines = [
        f"# {machine['device']}{memory}",
        "",
        f"Python {machine['python']}, {packages}; CUDA {machine['cuda'] or 'none'}; {machine['threads']} CPU threads; "
        f"{results['sizes']} sizes.",
        "",
    ]
    if machine["memory_mib"] is None:
        lines += ["Without a GPU: parity compares oneDNN with PyTorch's own kernels; TensorFloat-32 has no effect.", ""]
    for part in results["parts"]:
        title, columns = TABLES[part["part"]]
        lines += [f"## {title}", "", f"{part['seconds']:.0f} s.{_unmeasured(part)}", ""]
        lines += [*table(columns, part["rows"]), ""] if part["rows"] else []
        lines += [f"- {_training(row)}: {row['error']}" for row in part["rows"] if "error" in row]
        lines += [""] * any("error" in row for row in part["rows"])
    return "\n".join(lines)


def table(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """The lines of a Markdown table, without the rows that have an error."""
    head = [f"| {' | '.join(name for name, _ in columns)} |", "|" + "---|" * len(columns)]
    return head + [f"| {' | '.join(cell(row) for _, cell in columns)} |" for row in rows if "error" not in row]


def _unmeasured(part: Row) -> str:
    names = part["not_measured"]
    if not names:
        return ""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f" Not measured, because the time of the part was used up: {', '.join(names[:LISTED])}{more}."


def _training(row: Row) -> str:
    return f"{row['rule'].removesuffix('_fit')}: {row['name']}" if "rule" in row else str(row.get("name", ""))


def _number(key: str, form: str, scale: float = 1.0) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        value = row.get(key)
        if value is None:
            return "–"
        return NOT_FINITE if not math.isfinite(value) else format(value * scale, form)

    return cell


def _text(key: str) -> Callable[[Row], str]:
    return lambda row: "–" if row.get(key) in (None, [], {}) else _plain(row[key])


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _yes(key: str, yes: str = "yes", no: str = "**no**") -> Callable[[Row], str]:
    return lambda row: "–" if row.get(key) is None else yes if row[key] else no


def _loss_types(row: Row) -> str:
    types = sorted(set(row.get("loss_dtypes", {}).values()))
    return ", ".join(types) or "–"


TABLES: dict[str, tuple[str, Sequence[Column]]] = {
    "parity": (
        "Parity of device and CPU (largest relative difference of one step, float32 without TensorFloat-32)",
        (
            ("training", _training),
            ("outputs", _number("forward", ".1e")),
            ("losses", _number("losses", ".1e")),
            ("gradients", _number("gradients", ".1e")),
            ("last bit on the CPU", _number("rounding", ".1e")),
            ("same", _yes("same")),
            ("bf16: outputs", _number("bf16_forward", ".1e")),
            ("bf16: gradients", _number("bf16_gradients", ".1e")),
            ("bf16: convolutions in", _text("convolutions")),
            ("bf16: losses in", _loss_types),
        ),
    ),
    "speed": (
        "Steps at the sizes of the run",
        (
            ("training", _training),
            ("variant", _text("variant")),
            ("batch", _text("batch")),
            ("out of memory at batch", _text("out_of_memory")),
            ("steps/s", _number("steps_per_s", ".3g")),
            ("images/s", _number("images_per_s", ".3g")),
            ("peak memory, GiB", _number("memory_mib", ".2f", 1 / 1024)),
            ("reading images", _number("loader_share", ".1%")),
            ("kernels busy", _number("busy", ".0%")),
            ("build and warm-up, s", _number("warm_up_s", ".1f")),
        ),
    ),
    "projection": (
        "Projection: the full run, steps alone",
        (
            ("training", _training),
            ("steps", _text("steps")),
            ("variant", _text("variant")),
            ("hours of one training", _number("hours", ".2f")),
            ("trainings", _text("runs")),
            ("peak memory, GiB", _number("memory_mib", ".2f", 1 / 1024)),
            ("reported by the thesis", _text("reported")),
        ),
    ),
    "peers": (
        "Beside timm in the same process",
        (
            ("network", _training),
            ("precision", _text("precision")),
            ("batch", _text("batch")),
            ("our step, ms", _number("our_ms", ".1f")),
            ("timm's step, ms", _number("timm_ms", ".1f")),
            ("throughput, ours / timm's", _number("ratio", ".2f")),
        ),
    ),
    "augmentation": (
        "Augmentation of one image: ours on the device, timm's transforms on one CPU core",
        (
            ("network", _training),
            ("batch", _text("batch")),
            ("ours, µs", _number("our_us", ".1f")),
            ("timm's, µs", _number("timm_us", ".1f")),
            ("ratio", _number("ratio", ".1f")),
        ),
    ),
    "resume": (
        "Stopped after half of the steps and resumed, against uninterrupted (small networks)",
        (
            ("training", _training),
            ("steps", _text("steps")),
            ("equal bit by bit", _yes("equal", no="no")),
            ("largest difference of a weight", _number("difference", ".1e")),
            ("history equal", _yes("history_equal", no="no")),
            ("not deterministic", _text("not_deterministic")),
        ),
    ),
    "training": (
        "A real training",
        (
            ("training", _training),
            ("images", _text("images")),
            ("steps done", _text("steps_done")),
            ("of", _text("steps")),
            ("seconds", _number("seconds", ".0f")),
            ("trained images/s", _number("trained_images_per_s", ",.0f")),
            ("drawn images/s", _number("drawn_images_per_s", ",.0f")),
            ("losses", _text("losses")),
        ),
    ),
}
