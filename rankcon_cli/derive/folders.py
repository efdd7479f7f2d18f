"""Class folders as a hierarchy: every folder above them holds the classes beneath it."""

from collections.abc import Mapping

from rankcon_cli.ranking.hierarchy import Hierarchy


def folder_hierarchy(folders: Mapping[str, str], file: str) -> Hierarchy:
    """The hierarchy of class folders.

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
    below = {node: tuple(found) for node, found in children.items()}
    return Hierarchy(below, names, tuple(folders.values()), file)
