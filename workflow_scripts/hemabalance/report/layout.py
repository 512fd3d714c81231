"""Arrangement of a page: files behind the tables, one folding part for each method, the terms to explain."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Template

from hemabalance.files import atomic_path
from hemabalance.report.glossary import GLOSSARY, Term

_DATA = re.compile(r"src='[^']*'|<style>.*?</style>|<script>.*?</script>", re.DOTALL)


def write_html(template: Template, path: Path, **values: Any) -> None:
    """Write a page that ends with the glossary of the terms it uses.

    Args:
        template: `page.html` or one that extends it.
        path: HTML file to write.
        values: what the template needs besides `glossary`.
    """
    html = template.render(**values, glossary=terms_in(template.render(**values, glossary=[])))
    with atomic_path(path) as part:
        part.write_text(html, "utf-8")


def with_files(items: Iterable[Mapping[str, Any]], page: Path) -> list[dict[str, Any]]:
    """Items of a page (`items.table_item`, `items.figure_item`), tables with the path of their CSV.

    Args:
        items: items, each with `path`, the file that it was read from.
        page: HTML file that will show them.

    Returns:
        The items with `file`, the path from the folder of the page, and `link`, the same as an address; both are
        empty for figures.
    """
    return [dict(item) | _file_of(item, page.parent) for item in items]


def _file_of(item: Mapping[str, Any], folder: Path) -> dict[str, str]:
    if item["address"]:
        return {"file": "", "link": ""}
    file = Path(os.path.relpath(item["path"], folder)).as_posix()
    return {"file": file, "link": quote(file)}


def by_method(items: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Divide the items of a section: those about all methods, and those of a single one.

    Args:
        items: items in order, with `method`, such as `generator infogan`; without or empty if an item is about several.

    Returns:
        `shown`: items about several methods; `methods`: rows of `name`, an id without spaces, `title`, and `shown`, in
        the order of the first item of each.
    """
    shown: list[dict[str, Any]] = []
    methods: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        (methods.setdefault(item["method"], []) if item.get("method") else shown).append(item)
    return {
        "shown": shown,
        "methods": [
            {"name": method.replace(" ", "-"), "title": method[:1].upper() + method[1:], "shown": of_method}
            for method, of_method in methods.items()
        ],
    }


def terms_in(html: str) -> list[Term]:
    """Terms of the glossary that the text of a page uses, in the order of the glossary."""
    text = re.sub("<[^>]*>", " ", _DATA.sub("", html))
    return [term for term in GLOSSARY if re.search(term.pattern, text)]
