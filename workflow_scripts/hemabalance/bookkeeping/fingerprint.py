"""Fingerprint of the code that a rule runs: one hash over syntax trees.

Snakemake's own `code` trigger does not follow imports and reruns a job after a change of a comment. Therefore every
rule has the parameter `code`, a hash computed here, and the default profile leaves out Snakemake's own trigger.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from hemabalance.bookkeeping.tree_cache import TreeCache

SCRIPTS = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).resolve().parents[1].name
NOT_COVERED = ("bookkeeping/", "errors.py", "progress.py")
"""Parts of the package that decide when and where a job runs, and its messages, but not what it computes. No
fingerprint covers them: a change there makes no result stale."""
FOR_USERS = ("__getattr__", "__dir__")
"""Functions of the package's `__init__.py` that give users the names of `api`. No fingerprint covers them: jobs import
modules by their full names."""

_TREES: dict[Path, tuple[str, tuple[Path, ...]]] = {}
_CACHE = TreeCache()


def keep_trees(state: Path) -> None:
    """Use the trees that earlier processes have parsed, and keep those that this one parses, when it ends.

    Args:
        state: Snakemake's folder `.snakemake`.
    """
    _CACHE.open(state, version=Path(__file__).read_bytes())


def code_fingerprint(shim: Path, modules: Sequence[str] = ()) -> str:
    """Hash over the syntax trees of a shim and of every module of this package that it imports, transitively.

    Comments, docstrings, formatting, NOT_COVERED and FOR_USERS do not count. Methods are imported by name, so that the
    shim's imports do not show them: pass their modules in `modules`, so that the fingerprint covers the methods that
    run. Only Python is covered: any other file that code reads, for example YAML, must be an `input` of the rule.

    Args:
        shim: the rule's script.
        modules: dotted names of further modules.

    Returns:
        16 hex digits.

    Raises:
        ModuleNotFoundError: one of `modules` does not exist.
    """
    return _fingerprint(shim, tuple(modules))


def syntax_tree_hashes(files: Iterable[Path] = ()) -> dict[Path, str]:
    """sha256 of the syntax trees of files, and of all files that this process has fingerprinted so far.

    Raises:
        OSError: a file cannot be read.
        SyntaxError: a file is not valid Python.
    """
    for path in files:
        _read(path)
    return {path: tree for path, (tree, _) in _TREES.items()}


def covered_files(shim: Path, modules: Sequence[str] = ()) -> list[tuple[Path, Path]]:
    """The files that a fingerprint covers; arguments and errors as `code_fingerprint`.

    Returns:
        Pairs of the path relative to SCRIPTS and the path itself, in alphabetical order of the former.
    """
    todo = [shim, *(path for name in modules for path in _module_files(name))]
    files: set[Path] = set()
    while todo:
        path = todo.pop()
        if path not in files:
            files.add(path)
            todo.extend(_read(path)[1])
    # Sorted by relative path: in a checkout reached through a link or a relative path, shims are not below SCRIPTS.
    return sorted((relative_path(path), path) for path in files)


@cache
def _fingerprint(shim: Path, modules: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name, path in covered_files(shim, modules):
        digest.update(f"{name.as_posix()}\0{_read(path)[0]}\0".encode())
    return digest.hexdigest()[:16]


def relative_path(path: Path) -> Path:
    """A file's path relative to SCRIPTS; the bare name for a path that is not below SCRIPTS."""
    return path.relative_to(SCRIPTS) if path.is_relative_to(SCRIPTS) else Path(path.name)


def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    """The hash of a file's syntax tree without docstrings, and the package's files that it imports; read once."""
    if path not in _TREES:
        content = path.read_bytes()
        if path == SCRIPTS / PACKAGE / "__init__.py":  # read otherwise than a file of the same content elsewhere
            tree, names = _parse(content, path, without=FOR_USERS)
        else:
            tree, names = _CACHE.get(content) or _CACHE.put(content, _parse(content, path))
        _TREES[path] = tree, tuple(file for name in names for file in _existing_files(name))
    return _TREES[path]


def _parse(content: bytes, path: Path, without: Sequence[str] = ()) -> tuple[str, list[str]]:
    """The hash of a syntax tree without docstrings, and the dotted names in the package that it imports.

    Functions of the module whose names are in `without` are left out.
    """
    tree = ast.parse(content, filename=str(path))
    tree.body = [node for node in tree.body if getattr(node, "name", None) not in without]
    nodes = list(_statements(tree))
    for node in nodes:
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_string(part)] or [ast.Pass()]  # type: ignore[attr-defined]
    names = dict.fromkeys(name for node in nodes for name in _imports(node))
    return hashlib.sha256(_tree_text(tree).encode()).hexdigest(), list(names)


def _tree_text(node: object) -> str:
    """A syntax tree as text that does not depend on the Python version; empty fields are left out.

    Versions of `ast.dump` differ in which empty fields they print, such as those of newer syntax (`type_params`).
    """
    if isinstance(node, list):
        return f"[{','.join(map(_tree_text, node))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)  # `repr` escapes characters that this Python version does not know
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.JoinedStr):  # Python 3.12 adds empty strings here
        fields["values"] = [part for part in node.values if not (isinstance(part, ast.Constant) and part.value == "")]
    filled = (f"{name}={_tree_text(value)}" for name, value in fields.items() if value is not None and value != [])
    return f"{type(node).__name__}({','.join(filled)})"


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes except expressions, which are nine tenths of a tree and contain neither imports nor docstrings."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            children = getattr(node, field, None)
            if isinstance(children, list):
                todo.extend(children)


def _is_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    else:
        return
    yield from (name for name in names if name.split(".")[0] == PACKAGE)


@cache
def _existing_files(name: str) -> tuple[Path, ...]:
    """The module's file and the `__init__.py` of every parent package; an attribute adds no file."""
    parts = name.split(".")
    stems = [SCRIPTS.joinpath(*parts[:end]) for end in range(1, len(parts) + 1)]
    paths = [path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py")]
    return tuple(path for path in paths if path.is_file() and not _is_not_covered(path))


def _is_not_covered(path: Path) -> bool:
    return path.relative_to(SCRIPTS / PACKAGE).as_posix().startswith(NOT_COVERED)


def _module_files(name: str) -> tuple[Path, ...]:
    stem = SCRIPTS.joinpath(*name.split("."))
    if not stem.with_suffix(".py").is_file() and not (stem / "__init__.py").is_file():
        raise ModuleNotFoundError(f"no module {name} under {SCRIPTS}")
    return _existing_files(name)
