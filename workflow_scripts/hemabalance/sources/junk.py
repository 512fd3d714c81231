"""Files that operating systems leave in folders and archives beside what people put there."""

import re

SYSTEM_FOLDERS = frozenset(
    {
        "__MACOSX",
        ".AppleDouble",
        ".Spotlight-V100",
        ".Trashes",
        ".fseventsd",
        "$RECYCLE.BIN",
        "System Volume Information",
        "@eaDir",
        "#recycle",
        ".thumbnails",
        ".ipynb_checkpoints",
    }
)
"""Nothing in these folders is a person's photograph, even where it is an image: thumbnails, deleted files."""

_SYSTEM_FILE = re.compile(r"thumbs\.db|ehthumbs.*\.db|desktop\.ini|\.ds_store|\.localized|icon\r", re.IGNORECASE)


def system_folder_of(member: str) -> str | None:
    """Return the folder of the operating system that encloses the member (a '/'-separated path), or None."""
    return next((part for part in member.split("/")[:-1] if part in SYSTEM_FOLDERS), None)


def is_hidden(member: str) -> bool:
    """Whether the member or a folder on its path is hidden, or a folder of the operating system encloses it."""
    return any(part.startswith(".") for part in member.split("/")) or system_folder_of(member) is not None


def junk_of(member: str) -> str | None:
    """Say which junk the member is by its name, as a clause; None if the name could be a person's.

    Outside the system folders a name alone proves nothing: a hidden file may be a photograph, which its content tells.
    """
    if folder := system_folder_of(member):
        return f"in {folder}, a folder of the operating system"
    name = member.rpartition("/")[2]
    if name.startswith("._"):
        return "a resource fork of macOS"
    if _SYSTEM_FILE.fullmatch(name):
        return "a file of the operating system"
    return "a hidden file" if name.startswith(".") else None
