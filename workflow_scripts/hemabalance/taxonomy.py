"""The folder names of the two archives, and the twelve classes to which they are mapped.

Folder codes of source B are read as in the archive's own `abbreviations.txt` (MYB = myelocyte, MYO = myeloblast). The
thesis uses MYB for myeloblast, which would mislabel 3,268 images.
"""

from typing import Literal

Taxonomy = Literal["thesis", "refined"]

# In the order of the thesis's Figure 55, which is the index order.
CLASSES = (
    "basophil",
    "eosinophil",
    "erythroblast",
    "immature_granulocyte",
    "lymphocyte",
    "monoblast",
    "monocyte",
    "myeloblast",
    "neutrophil",
    "platelet",
    "promyelocyte",
    "smudge_cell",
)

SOURCE_OF = {"a": "mendeley", "b": "tcia"}
"""Stain domain of the thesis (§3.4) -> source."""

# source -> folder of the archive -> final class (thesis §3.2.1, Table 6)
FOLDERS: dict[str, dict[str, str]] = {
    "mendeley": {
        "basophil": "basophil",
        "eosinophil": "eosinophil",
        "erythroblast": "erythroblast",
        "ig": "immature_granulocyte",
        "lymphocyte": "lymphocyte",
        "monocyte": "monocyte",
        "neutrophil": "neutrophil",
        "platelet": "platelet",
    },
    "tcia": {
        "BAS": "basophil",
        "EBO": "erythroblast",
        "EOS": "eosinophil",
        "KSC": "smudge_cell",
        "LYA": "lymphocyte",
        "LYT": "lymphocyte",
        "MMZ": "immature_granulocyte",
        "MOB": "monoblast",
        "MON": "monocyte",
        "MYB": "immature_granulocyte",
        "MYO": "myeloblast",
        "NGB": "neutrophil",
        "NGS": "neutrophil",
        "PMB": "promyelocyte",
        "PMO": "promyelocyte",
    },
}

# `refined`: the class of PBC's promyelocytes in haematology; they are recognised by their file-name prefix.
REFINED: dict[tuple[str, str, str], str] = {("mendeley", "ig", "PMY"): "promyelocyte"}


def label_of(source: str, folder: str, subtype: str | None, taxonomy: Taxonomy) -> str | None:
    """The class of an image; None if its folder is not a class folder of the source.

    Args:
        source: `mendeley` or `tcia`.
        folder: the archive's class folder (`ig`, `MYO`).
        subtype: file-name prefix (`PMY`); None if the source has none.
        taxonomy: `thesis` (Table 6) or `refined` (PBC's PMY images are promyelocytes).
    """
    if taxonomy == "refined" and subtype is not None and (source, folder, subtype) in REFINED:
        return REFINED[source, folder, subtype]
    return FOLDERS[source].get(folder)
