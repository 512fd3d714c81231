"""What made a result: the code as one hash.

Snakemake does not see imported modules, and a comment in a script retriggers it. So every rule carries
`params: code=` the hash made here, and the default profile leaves Snakemake's own `code` trigger out.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).resolve().parents[1].name
NOT_COVERED = ("bookkeeping/", "errors.py", "progress.py")
"""Parts of the package that decide when and where a job runs and in which words it speaks, never what it computes: no
fingerprint covers them, so that mending them makes no result stale."""

_TREES: dict[Path, tuple[str, tuple[Path, ...]]] = {}


def code_fingerprint(shim: Path, modules: Sequence[str] = ()) -> str:
    """Hash over the syntax trees of a shim and of every module of ours that it imports, transitively.

    Comments, docstrings, formatting and NOT_COVERED do not count. A method's folder is imported by name and not
    seen in the shim's imports: pass its modules in `modules`, so that a fingerprint covers just the methods that run.

    Args:
        shim: the rule's script.
        modules: dotted names of further modules.

    Returns:
        16 hex digits.

    Raises:
        ModuleNotFoundError: one of `modules` is not there.
    """
    return _fingerprint(shim, tuple(modules))


def trees(files: Iterable[Path] = ()) -> dict[Path, str]:
    """Hashes of the syntax trees of files, and of all that fingerprints were taken of so far in this process.

    Raises:
        OSError: a file cannot be read.
        SyntaxError: one is no Python.
    """
    for path in files:
        _read(path)
    return {path: hashlib.sha256(tree.encode()).hexdigest() for path, (tree, _) in _TREES.items()}


def covered(shim: Path, modules: Sequence[str] = ()) -> list[tuple[Path, Path]]:
    """The files whose syntax trees a fingerprint is taken of; arguments and errors as `code_fingerprint`.

    Returns:
        Path from SCRIPTS, and the path itself, in alphabetical order.
    """
    todo = [shim, *(path for name in modules for path in _module_files(name))]
    seen: set[Path] = set()
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo.extend(_read(path)[1])
    # By name, as a checkout reached through a link or by a relative path has its shims elsewhere than SCRIPTS.
    return sorted((name_of(path), path) for path in seen)


@cache
def _fingerprint(shim: Path, modules: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name, path in covered(shim, modules):
        digest.update(f"{name.as_posix()}\0{_read(path)[0]}\0".encode())
    return digest.hexdigest()[:16]


def name_of(path: Path) -> Path:
    """A file's path from SCRIPTS, by whichever way it was reached."""
    return path.relative_to(SCRIPTS) if path.is_relative_to(SCRIPTS) else Path(path.name)


def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    """A file's syntax tree without its docstrings, and the files of ours that it imports: as first looked at."""
    if path not in _TREES:
        _TREES[path] = _parsed(path)
    return _TREES[path]


def _parsed(path: Path) -> tuple[str, tuple[Path, ...]]:
    tree = ast.parse(path.read_bytes(), filename=str(path))
    nodes = list(_statements(tree))
    for node in nodes:
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_string(part)] or [ast.Pass()]  # type: ignore[attr-defined]
    return _written(tree), tuple(file for node in nodes for file in _imports(node))


def _written(node: object) -> str:
    """A syntax tree as text that is the same on every Python: what a node leaves empty is no part of it.

    `ast.dump` names empty fields, among them those of later syntax (`type_params`), or not: each Python its own way.
    """
    if isinstance(node, list):
        return f"[{','.join(map(_written, node))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)  # repr shows characters as they are that its Python knows
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.JoinedStr):  # where Python 3.12 puts empty strings
        fields["values"] = [part for part in node.values if not (isinstance(part, ast.Constant) and part.value == "")]
    filled = (f"{name}={_written(value)}" for name, value in fields.items() if value is not None and value != [])
    return f"{type(node).__name__}({','.join(filled)})"


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes but those of expressions, which hold neither imports nor docstrings and are nine of ten."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            inside = getattr(node, field, None)
            if isinstance(inside, list):
                todo.extend(inside)


def _is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(node: ast.AST) -> Iterator[Path]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    else:
        return
    for name in names:
        if name.split(".")[0] == PACKAGE:
            yield from _files_of(name)


def _files_of(name: str) -> Iterator[Path]:
    """The module's file and the `__init__.py` of every package around it; nothing for an attribute."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        stem = SCRIPTS.joinpath(*parts[:end])
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.is_file() and not path.relative_to(SCRIPTS / PACKAGE).as_posix().startswith(NOT_COVERED):
                yield path


def _module_files(name: str) -> Iterator[Path]:
    stem = SCRIPTS.joinpath(*name.split("."))
    if not stem.with_suffix(".py").is_file() and not (stem / "__init__.py").is_file():
        raise ModuleNotFoundError(f"no module {name} under {SCRIPTS}")
    return _files_of(name)
