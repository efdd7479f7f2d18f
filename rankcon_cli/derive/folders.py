"""Class folders as a hierarchy: every folder above them holds the classes beneath it."""

import logging
import re
from collections.abc import Mapping

from rankcon_cli.ranking.hierarchy import Hierarchy
from rankcon_cli.wording import counted, listed

log = logging.getLogger("rankcon")

_NO_UTF8 = re.compile(r"\\ud[c-f][0-9a-f]{2}")  # how data sets spell a byte of a name that is no UTF-8


def folder_hierarchy(folders: Mapping[str, str], file: str) -> Hierarchy:
    """The hierarchy of class folders. Names that are not those of the folders are logged, or warned of.

    Args:
        folders: class name -> its folder below the root, with ``/``, in label order. One class folder may hold another.
        file: what messages call it.
    """
    children: dict[str, dict[str, None]] = {}
    names = {"\0": ""}
    for folder in folders.values():
        parent, path = "\0", ""
        for part in folder.split("/"):
            path = f"{path}/{part}" if path else part
            children.setdefault(parent, {})[path] = None
            names[path] = part
            parent = path
    names |= {folder: name for name, folder in folders.items()}
    _tell_names(folders, file)
    below = {node: tuple(found) for node, found in children.items()}
    return Hierarchy(below, names, tuple(folders.values()), file)


def _tell_names(folders: Mapping[str, str], file: str) -> None:
    """Log which classes are called by their paths, and warn of names that are no UTF-8 and stand there with escapes."""
    paths = [name for name, folder in folders.items() if name != folder.rsplit("/", 1)[-1]]
    if paths:
        many = counted(len(paths), "class")
        log.info("%s: %s of the same name as another, called by the path: %s", file, many, listed(paths, 2))
    broken = [folder for folder in folders.values() if _NO_UTF8.search(folder)]
    if broken:
        names = listed(broken, 2)
        log.warning(
            "%s: names that are no UTF-8 stand here with escapes, as in the data: %s; better rename", file, names
        )
