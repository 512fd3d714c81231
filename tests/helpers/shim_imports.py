"""The large packages that each shim's imports load: `python -m helpers.shim_imports` prints them as JSON.

This is a separate program because the process of a test has already loaded most of them. It is forked for each shim,
so that common packages are loaded only once. PyTorch, which loads none of the others, is loaded before the fork; a shim
uses it if something imports it by name.
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
    """All shims, as `folder/name`."""
    paths = (path for path in SCRIPTS.glob("*/*.py") if path.parent.name != "hemabalance")
    return sorted(path.relative_to(SCRIPTS).with_suffix("").as_posix() for path in paths)


def loaded(shim: str) -> list[str]:
    """The large packages that the imports of a shim load; must be called in a fresh process."""
    path = SCRIPTS / f"{shim}.py"
    tree = ast.parse(path.read_text("utf-8"))
    tree.body = [part for part in tree.body if isinstance(part, ast.Import | ast.ImportFrom)]
    imported, original_import = set(), builtins.__import__

    def record_import(name: str, *more: Any) -> Any:
        imported.add(name.partition(".")[0])
        return original_import(name, *more)

    builtins.__import__ = record_import
    exec(compile(tree, path, "exec"), {})
    return [name for name in LARGE if name in (imported if name == "torch" else sys.modules)]


def main() -> None:
    """Print the large packages of all shims."""
    assert [name for name in LARGE if name in sys.modules] == ["torch"]
    with get_context("fork").Pool(2, maxtasksperchild=1) as pool:
        packages = dict(zip(shims(), pool.map(loaded, shims(), chunksize=1), strict=True))
    print(json.dumps(packages))


if __name__ == "__main__":
    main()
