"""Which large packages are loaded by what a shim imports: `python -m helpers.shim_imports` prints them as JSON.

In a process of its own, as that of a test has most of them loaded, and forked for each shim, so that what most of them
need is loaded once. PyTorch is too, which loads none of the others: of it counts who asks for it.
"""

import ast
import builtins
import json
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandera.pandas  # noqa: F401
import torch  # noqa: F401

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow_scripts"
LARGE = (
    "torch", "torchvision", "timm", "scipy", "sklearn", "skimage", "torch_fidelity", "matplotlib", "snakemake",
    "lightning_fabric",
)  # fmt: skip


def shims() -> list[str]:
    """All of them, as `folder/name`."""
    paths = (path for path in SCRIPTS.glob("*/*.py") if path.parent.name != "hemabalance")
    return sorted(path.relative_to(SCRIPTS).with_suffix("").as_posix() for path in paths)


def loaded(shim: str) -> list[str]:
    """The large packages that are loaded once all is imported that a shim imports; call it in a fresh process."""
    path = SCRIPTS / f"{shim}.py"
    tree = ast.parse(path.read_text("utf-8"))
    tree.body = [part for part in tree.body if isinstance(part, ast.Import | ast.ImportFrom)]
    asked, ask = set(), builtins.__import__

    def noted(name: str, *more: Any) -> Any:
        asked.add(name.partition(".")[0])
        return ask(name, *more)

    builtins.__import__ = noted
    exec(compile(tree, path, "exec"), {})
    return [name for name in LARGE if name in (asked if name == "torch" else sys.modules)]


def main() -> None:
    """Print them for all shims."""
    assert [name for name in LARGE if name in sys.modules] == ["torch"]
    with get_context("fork").Pool(2, maxtasksperchild=1) as pool:
        found = dict(zip(shims(), pool.map(loaded, shims(), chunksize=1), strict=True))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
