"""Images in folders: ``folder:`` (each top-level folder a class) and ``tree:`` (nested folders).

Hidden files and folders and what is no image by its suffix are passed over. Everything is sorted by name, by code
point, so that the order is the same on every platform.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from rankcon_cli.data.image_set import DataClasses, printable
from rankcon_cli.data.source import Part, Source, settle_splits
from rankcon_cli.errors import RankconError

_KINDS = "jpg jpeg jfif png bmp gif webp avif tif tiff ppm pgm pbm pnm"

#: In lower case; files with any other suffix are no images.
IMAGE_SUFFIXES = frozenset(f".{kind}" for kind in _KINDS.split())

_SPLIT_OF = {"train": "train", "training": "train", "test": "test", "testing": "test"} | dict.fromkeys(
    ("val", "valid", "validation"), "val"
)
_ARRANGE = (
    "arrange the images as PATH/CLASS/image.jpg, one folder a class, or PATH/train/CLASS/... and PATH/test/CLASS/..."
)


def open_folder(place: str, unlabeled_ok: bool) -> Source:
    """ImageFolder: every folder in ``place`` (or in its split folders) is a class, with its images anywhere beneath."""
    return _open(place, _top_level_classes, unlabeled_ok)


def open_tree(place: str, unlabeled_ok: bool) -> Source:
    """Nested folders: every folder that directly holds images is a class.

    It is named by its own name, or by its path in ``place`` (in its split folder) where two share that name.
    """
    return _open(place, _nested_classes, unlabeled_ok)


_Found = dict[str, list[Path]]  # images by class folder: its path, with /, in the folder of the split


def _open(place: str, find: Callable[[Path], tuple[_Found, list[str]]], unlabeled_ok: bool) -> Source:
    root = Path(place)
    if not os.path.isdir(root):
        raise RankconError(f"there is no folder {printable(place)}")
    own = _split_folders(root)
    found: dict[str, _Found] = {}
    notes = _stray_images(root) if own else []
    for split, folder in (own or {"all": root}).items():
        classes_there, remarks = find(folder)
        found[split] = classes_there or _unlabeled(root, folder, unlabeled_ok)
        notes += remarks + (_stray_images(folder) if classes_there else [])
    name_of = _class_names({key for one in found.values() for key in one})
    classes = tuple(sorted(set(name_of.values())))
    parts = {split: _part(root, one, name_of, classes) for split, one in found.items()}
    if own:
        parts = settle_splits(parts)
    return Source(DataClasses(classes, named=True), tuple(parts) if own else (), parts.__getitem__, tuple(notes))


def _class_names(keys: set[str]) -> dict[str, str]:
    """The name of each class folder: its own, or its path where that is not unique."""
    last = {key: printable(key.rsplit("/", 1)[-1]) for key in keys}
    shared = Counter(last.values())
    return {key: name if shared[name] == 1 else printable(key) for key, name in last.items()}


def _part(root: Path, found: _Found, name_of: Mapping[str, str], classes: tuple[str, ...]) -> Part:
    label_of = {name: label for label, name in enumerate(classes)}
    ordered = sorted(found, key=lambda key: label_of[name_of[key]])
    paths = [path for key in ordered for path in found[key]]
    labels = [label_of[name_of[key]] for key in ordered for _ in found[key]]
    names = tuple(printable(path.relative_to(root).as_posix()) for path in paths)
    return Part(paths, np.array(labels, dtype=np.int64), names)


def _unlabeled(root: Path, folder: Path, allowed: bool) -> _Found:
    """All images of a folder without class folders as one class, named after the data set's folder."""
    images, _ = _scan(folder)
    where = printable(str(folder))
    if not images:
        raise RankconError(f"there are no images in {where}", hint=f"image files are {_KINDS}; {_ARRANGE}")
    if not allowed:
        raise RankconError(f"{where} holds images directly, so their classes are unknown", hint=_ARRANGE)
    return {root.resolve().name: images}


def _stray_images(folder: Path) -> list[str]:
    count = len(_scan(folder)[0])
    return [f"image files directly in {printable(str(folder))} are of no class and left out ({count})"] if count else []


def _split_folders(root: Path) -> dict[str, Path]:
    """The folders of ``root`` by split where all of them are named like splits, train among them; else none."""
    names = [folder.name for folder in _scan(root)[1]]
    splits = [(name, _SPLIT_OF[name.lower()]) for name in names if name.lower() in _SPLIT_OF]
    roles = {role: root / name for name, role in splits}
    if "train" not in roles or len(roles) < 2:
        return {}
    if len(splits) < len(names) or len(roles) < len(splits):
        others = sorted(set(names) - {folder.name for folder in roles.values()})
        raise RankconError(
            f"{printable(str(root))} holds split folders ({', '.join(sorted(f.name for f in roles.values()))}) beside "
            f"others ({', '.join(map(printable, others[:5]))}), so its classes are not clear",
            hint="move the others away, or name the folder of one split, as folder:PATH/train",
        )
    return roles


def _top_level_classes(root: Path) -> tuple[_Found, list[str]]:
    found = {}
    for folder in _scan(root)[1]:
        images = [path for _, images in _walk(folder, {_identity(root)}) for path in images]
        if not images:
            raise RankconError(
                f"the class folder {printable(str(folder))} holds no images",
                hint="remove it, or put the images of its class there",
            )
        found[folder.name] = images
    return found, []


def _nested_classes(root: Path) -> tuple[_Found, list[str]]:
    found, empty = {}, []
    for folder, images in _walk(root, set()):
        if images and folder != root:
            found[folder.relative_to(root).as_posix()] = images
        elif not images and not _scan(folder)[1]:
            empty.append(printable(folder.relative_to(root).as_posix()))
    if not empty:
        return found, []
    return found, [f"folders without images are no classes ({len(empty)}): {', '.join(empty[:5])}"]


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[tuple[Path, list[Path]]]:
    """``folder`` and all folders beneath, each with its images, in order of name.

    Symbolic links are followed, but a real folder (``seen`` holds them) is entered once, so loops end.
    """
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        identity = _identity(current)
        if identity in seen:
            continue
        seen.add(identity)
        images, folders = _scan(current)
        yield current, images
        waiting += reversed(folders)


def _identity(folder: Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _scan(folder: Path) -> tuple[list[Path], list[Path]]:
    """Image files and folders directly in ``folder``, each sorted by name; a link that leads nowhere is a file."""
    images, folders = [], []
    try:
        with os.scandir(folder) as entries:
            visible = [(e.name, _is_folder(e)) for e in entries if e.name[0] != "." and e.name != "__MACOSX"]
    except OSError as error:
        raise RankconError(f"cannot list the folder {printable(str(folder))}: {error.strerror or error}") from error
    for name, is_folder in sorted(visible):
        if is_folder:
            folders.append(folder / name)
        elif os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:
            images.append(folder / name)
    return images, folders


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
