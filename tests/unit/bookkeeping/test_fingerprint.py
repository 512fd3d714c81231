import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from hemabalance.bookkeeping import fingerprint
from hemabalance.bookkeeping.fingerprint import code_fingerprint
from hemabalance.files import canonical_json
from hemabalance.methods import method_names, modules_of

SCRIPTS = fingerprint.SCRIPTS
TREE = {
    "make.py": '"""A shim."""\n\nfrom pack.first import go\n\ngo(1)\n',
    "pack/__init__.py": '"""A package."""\n',
    "pack/first.py": 'from pack.deep import second\n\n\ndef go(x):\n    """Go."""\n    return second.twice(x)\n',
    "pack/deep/__init__.py": "",
    "pack/deep/second.py": "def twice(x):\n    from pack.lazy import FACTOR\n\n    return FACTOR * x\n",
    "pack/lazy.py": "import pack.last as last\n\nFACTOR = last.TWO\n",
    "pack/last.py": "TWO = 2\n",
    "pack/named.py": "from pack.helper import ONE\n",
    "pack/helper.py": "ONE = 1\n",
}


class Take:
    """Writes a tree of scripts and computes the fingerprint of make.py."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        monkeypatch.setattr(fingerprint, "PACKAGE", "pack")

    def write(self, edits: dict[str, str], folder: str) -> Path:
        scripts = self.folder / folder
        for name, text in {**TREE, **edits}.items():
            (scripts / name).parent.mkdir(parents=True, exist_ok=True)
            (scripts / name).write_text(text)
        self.monkeypatch.setattr(fingerprint, "SCRIPTS", scripts)
        fingerprint._TREES.clear()
        fingerprint._existing_files.cache_clear()
        fingerprint._fingerprint.cache_clear()
        return scripts

    def __call__(self, edits: dict[str, str] | None = None, *modules: str, folder: str = "scripts") -> str:
        return code_fingerprint(self.write(edits or {}, folder) / "make.py", modules)


@pytest.fixture
def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Take:
    return Take(tmp_path, monkeypatch)


def test_fingerprint_is_short_and_stable(take: Take) -> None:
    first = take()
    assert len(first) == 16
    assert set(first) <= set("0123456789abcdef")
    assert take() == first


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("make.py", "from pack.first import go  # start\ngo( 1 )\n"),
        ("pack/__init__.py", "# The package.\n"),
        ("pack/first.py", "from pack.deep import second\ndef go(x):\n    '''Went.'''\n    return (second.twice(x))\n"),
        ("pack/last.py", 'TWO = 2\n"""Two."""\n'),
        ("pack/last.py", "\n\n# a comment\nTWO = 0x2\n"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(take: Take, file: str, text: str) -> None:
    assert take({file: text}) == take()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("make.py", TREE["make.py"].replace("1", "2")),
        ("pack/__init__.py", "import os\n"),
        ("pack/first.py", TREE["pack/first.py"].replace("twice(x)", "twice(x + 1)")),
        ("pack/deep/__init__.py", "SIDE = 1\n"),
        ("pack/deep/second.py", TREE["pack/deep/second.py"].replace("*", "**")),
        ("pack/lazy.py", TREE["pack/lazy.py"] + "print(FACTOR)\n"),
        ("pack/last.py", "TWO = '2'\n"),
    ],
)
def test_logic_of_all_imported_modules_counts(take: Take, file: str, text: str) -> None:
    assert take({file: text}) != take()


# Python versions differ in how they parse or print these: empty fields, f-strings, new Unicode characters, new syntax.
VERSION_DEPENDENT = r"""
import os as system
from pathlib import Path


@made(by="hand", *of, **what)
class Cell(Base, metaclass=Meta):
    '''A docstring.'''

    size: int
    name: str = f"{system.name!r:>{width}}" f"" f"{size = :{a}.{b}}" f"{{}}" "end" f"{size:}"


@first
async def go(x, /, y=None, *rest, z: int = 0x10, **more) -> list[int]:
    async with x as a, y:
        yield lambda: [*rest, {**more, "\U0001fae8": b"\xff", "ü": 1e400}, "", f""]
    match x:
        case Cell(a, name="b") | {"c": [1, *_], **more} if (n := len(x)) > 0.1:
            return
        case None | -1j:
            pass
        case _:
            raise E from None


def bare():
    global seen
    try:
        x[*a, 1:, ::2], y = (), ...
    except* (A, B) as error:
        del error
    else:
        print(*x, sep="", **{})
"""


def test_fingerprint_does_not_depend_on_the_python_version(take: Take) -> None:
    assert take({"make.py": VERSION_DEPENDENT}) == "74bb5412d39a9a9c"


def test_a_module_that_is_not_imported_does_not_count(take: Take) -> None:
    assert take({"pack/helper.py": "ONE = 11\n", "other.py": "import pack.helper\n"}) == take()


def test_the_folder_does_not_count(take: Take) -> None:
    assert take(folder="a/far/copy") == take()


# make.py sorts before pack/, zip.py after it: no fingerprint may depend on the path of the folder.
@pytest.mark.parametrize("shim", ["make.py", "zip.py"])
def test_links_and_relative_paths_do_not_count(
    take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shim: str
) -> None:
    scripts = take.write({"zip.py": TREE["make.py"]}, "scripts")
    direct = code_fingerprint(scripts / shim)
    for name in ("a_link", "zz_link"):
        (tmp_path / name).symlink_to(scripts)
        assert code_fingerprint(tmp_path / name / shim) == direct
    monkeypatch.chdir(tmp_path)
    assert code_fingerprint(Path("scripts") / shim) == direct


def test_imports_of_extra_modules_count(take: Take) -> None:
    plain, named = take({}), take({}, "pack.named")
    assert named != plain
    assert take({"pack/helper.py": "ONE = 11\n"}, "pack.named") != named
    assert take({}, "pack.last") == plain  # imported anyway
    assert take({}, "pack.deep") == plain


def test_the_names_for_users_of_the_package_do_not_count(take: Take) -> None:
    names = "def __getattr__(name):\n    return name\n\n\ndef __dir__():\n    return []\n"
    assert take({"pack/__init__.py": names}) == take()
    assert take({"pack/__init__.py": names + "import os\n"}) != take()
    assert take({"pack/deep/__init__.py": names}) != take()


def test_modules_that_are_not_covered_do_not_count(take: Take) -> None:
    first = TREE["pack/first.py"]
    imports = "from pack import bookkeeping, errors, progress\nfrom pack.bookkeeping.locks import held\n"
    parts = {"pack/bookkeeping/__init__.py": "", "pack/bookkeeping/locks.py": "from pack.helper import ONE as held\n"}
    parts |= {"pack/errors.py": "WORDS = 1\n", "pack/progress.py": "RATE = 1\n"}
    before = take({"pack/first.py": imports + first, **parts})
    for name in parts:
        assert take({"pack/first.py": imports + first, **parts, name: parts[name] + "EDITED = True\n"}) == before
    # Modules that only these import do not count either; a module of the same name in another folder does.
    assert take({"pack/first.py": imports + first, **parts, "pack/helper.py": "ONE = 11\n"}) == before
    deep = {"pack/first.py": "import pack.deep.errors\n" + first, "pack/deep/errors.py": "WORDS = 1\n"}
    assert take(deep) != take({**deep, "pack/deep/errors.py": "WORDS = 2\n"})


@pytest.mark.parametrize("name", ["pack.nothing", "pack.deep.nothing", "pack.last.TWO", "elsewhere", "os"])
def test_unknown_module(take: Take, name: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=name):
        take({}, name)


def test_canonical_json_does_not_depend_on_order() -> None:
    text = canonical_json({"b": [1, 2.5, None], "a": {"y": "ü", "x": True}})
    assert text == canonical_json({"a": {"x": True, "y": "ü"}, "b": [1, 2.5, None]})
    assert text == '{"a":{"x":true,"y":"ü"},"b":[1,2.5,null]}'
    assert text != canonical_json({"b": [2.5, 1, None], "a": {"y": "ü", "x": True}})


def test_canonical_json_refuses_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"share": float("nan")})


# The layers of the package: a module imports only from its own layer and lower ones.
LAYERS = {
    **dict.fromkeys(
        [
            "errors",
            "cache_folder",
            "files",
            "new_folder",
            "optional_packages",
            "parallel",
            "progress",
            "protocols",
            "section",
            "classes",
            "presets",
            "torchvision_compat",
            "freed_memory",
            "cluster",
        ],
        1,
    ),
    **dict.fromkeys(["networks", "metrics", "dataset"], 1),
    **dict.fromkeys(["config", "methods", "stage", "sources", "training", "bookkeeping"], 2),
    **dict.fromkeys(["stain", "synthesis", "classify", "balance", "survey"], 3),
    **dict.fromkeys(["api", "commands", "gpu_check", "report", "serve"], 4),
    **dict.fromkeys(["cli", "__main__"], 5),
}
PACKAGE = "hemabalance"


def module_name(path: Path) -> str:
    parts = path.relative_to(SCRIPTS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted((SCRIPTS / PACKAGE).rglob("*.py"))}
TREES = {name: ast.parse(path.read_bytes()) for name, path in FILES.items()}
SHIMS = sorted(path for path in SCRIPTS.glob("*/*.py") if path.parent.name != PACKAGE)


def imports_of(module: str) -> set[str]:
    """The modules of the package that a module imports anywhere."""
    imported = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: relative imports escape the fingerprint"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            imported |= {name if name in FILES else str(node.module) for name in inner}
    ours = {name for name in imported if name.split(".")[0] == PACKAGE}
    assert ours <= FILES.keys()
    return ours


def layer_of(module: str) -> int:
    return LAYERS[stage_of(module)] if "." in module else 0


@pytest.mark.parametrize("module", FILES)
def test_module_imports_no_higher_layer(module: str) -> None:
    assert [name for name in imports_of(module) if layer_of(name) > layer_of(module)] == []


STAGES = {"stain", "synthesis", "classify"}


def stage_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("module", [module for module in FILES if stage_of(module) in STAGES])
def test_stages_import_no_other_stage(module: str) -> None:
    assert {stage_of(name) for name in imports_of(module)} & STAGES <= {stage_of(module)}


def test_imports_have_no_cycle() -> None:
    TopologicalSorter({module: imports_of(module) for module in FILES}).prepare()


@pytest.mark.parametrize("module", FILES)
def test_package_does_not_use_snakemake(module: str) -> None:
    nodes = list(ast.walk(TREES[module]))
    assert "snakemake" not in {node.id for node in nodes if isinstance(node, ast.Name)}
    imported = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    imported += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    assert "snakemake" not in {name.split(".")[0] for name in imported}


@pytest.mark.parametrize("shim", SHIMS, ids=lambda path: path.stem)
def test_shim_defines_nothing(shim: Path) -> None:
    text = shim.read_text()
    assert len(text.splitlines()) <= 40
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assert [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, definitions)] == []


def test_every_shim_has_a_fingerprint_of_its_own() -> None:
    fingerprint._TREES.clear()
    fingerprint._existing_files.cache_clear()
    assert SHIMS
    assert len({code_fingerprint(shim) for shim in SHIMS}) == len(SHIMS)


@pytest.mark.parametrize(("stage", "method"), [(stage, m) for stage in sorted(STAGES) for m in method_names(stage)])
def test_fit_fingerprint_covers_the_method_and_no_other(stage: str, method: str) -> None:
    shim = SCRIPTS / stage / f"{stage}_fit.py"
    names = {name.as_posix() for name, _ in fingerprint.covered_files(shim, modules_of(stage, method))}
    parts = [name.split("/") for name in names if "/methods/" in name]
    folders = {part[3] for part in parts if len(part) > 4}
    assert folders == {method}
    not_imported = ("hemabalance/sources/", "hemabalance/report/", "hemabalance/config/run", "hemabalance/config/stain")
    not_covered = tuple(f"hemabalance/{name}" for name in fingerprint.NOT_COVERED)
    assert [name for name in names if name.startswith(not_imported + not_covered)] == []
