"""The Python interface as a whole: loaded on use, and the example of the README."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hemabalance
from helpers import conditional_generators
from helpers.archives import write_folder
from helpers.model_folders import BAYES, build_model_folder
from hemabalance.api import PUBLIC

README = Path(__file__).resolve().parents[3] / "README.md"


def run_python(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


def test_importing_the_package_is_fast_and_loads_nothing_large() -> None:
    script = (
        "import sys, time\nstart = time.process_time()\nimport hemabalance\nprint(time.process_time() - start)\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'sklearn', 'pydantic'} & set(sys.modules)))\n"
        "dir(hemabalance)\nprint('torch' in sys.modules)\n"
    )
    seconds, loaded, torch = run_python(script).splitlines()
    assert float(seconds) < 0.1
    assert loaded == "[]"
    assert torch == "False"


def test_the_search_for_copies_does_not_load_pytorch() -> None:
    assert run_python("import sys\nfrom hemabalance import find_copies\nprint('torch' in sys.modules)") == "False\n"


def test_every_public_name_is_documented_with_an_example_and_its_errors() -> None:
    assert set(PUBLIC) <= set(dir(hemabalance))
    for name in PUBLIC:
        value: Any = getattr(hemabalance, name)
        assert value.__name__ == name
        assert "```\n" in value.__doc__
        methods = vars(value).items() if isinstance(value, type) else ()
        texts = [value.__doc__, *(member.__doc__ for key, member in methods if not key.startswith("_"))]
        assert all(texts)
        assert name == "InputError" or any("InputError: " in text for text in texts)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'hemabalance' has no attribute 'Normaliser'"):
        getattr(hemabalance, "Normaliser")  # noqa: B009
    names: dict[str, Any] = {}
    exec("from hemabalance import *", names)
    assert set(PUBLIC) <= set(names)


def test_the_example_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"```python\n(from hemabalance import.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found is not None
    example = found[1]
    run = tmp_path / "results" / "full" / "leak_free"
    model = build_model_folder(run / "classifiers" / "balanced" / "seed-1", BAYES)
    weights = run / "synthesis" / "wcyclegan_gp" / "c_wgan_gp" / "weights.safetensors"
    conditional_generators.fit("c_wgan_gp", tmp_path).save(weights)
    write_folder(tmp_path / "lab_a", model.photographs_of("mendeley"))
    write_folder(tmp_path / "lab_b", model.photographs_of("tcia"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(example, names)
    assert [image.dtype for image in names["images"]] == [np.uint8] * len(model.photographs_of("tcia"))
    columns = re.search(r"table = .*# (.*), p_<class>", example)
    assert columns is not None
    assert list(names["table"].columns)[:5] == columns[1].split(", ")
    assert names["cells"].shape == (16, names["generator"].size, names["generator"].size, 3)
    columns = re.search(r"copies = .*# (.*), \.\.\.", example)
    assert columns is not None
    assert list(names["copies"].columns)[:5] == columns[1].split(", ")
