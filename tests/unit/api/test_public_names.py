"""The Python interface as a whole: loaded on use."""

import subprocess
import sys
from typing import Any

import pytest

import hemabalance
from hemabalance.api import PUBLIC


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
