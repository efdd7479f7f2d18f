"""``rank derive``: a ranking from what exists."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import Force, Out, complete_file, emit, refuse_existing
from rankcon_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rankcon_cli.derive.similarity import Similarities
    from rankcon_cli.ranking.hierarchy import Hierarchy

#: Flag -> the kinds that take it.
_OF_KIND = {
    "--parts": ("openimages",),
    "--similarity": ("matrix", "table"),
    "--distance": ("matrix", "table"),
    "--data": ("run",),
    "--data-dir": ("run",),
}

#: Flag -> what it goes with; a table may be either.
_OF_FORM = dict.fromkeys(("--depth", "--names"), "hierarchies") | dict.fromkeys(
    ("--cuts", "--top-k", "--gaps", "--no-scores"), "numbers"
)


def _complete_kind() -> list[str]:
    from rankcon_cli.derive.sources import KINDS

    return [*KINDS, "folders", "run"]


_File = Annotated[
    str,
    typer.Argument(metavar="FILE", help="What to derive from; - for standard input.", autocompletion=complete_file),
]
_Kind = Annotated[
    str | None,
    typer.Option("--from", metavar="KIND", help="What FILE is, where it is not plain.", autocompletion=_complete_kind),
]
_By = Annotated[
    str | None,
    typer.Option(
        metavar="lca|path|means|confusion",
        autocompletion=lambda: ["lca", "path", "means", "confusion"],
        help="Hierarchies: depth of the lowest common ancestor (the default) or length of the path. "
        "Runs: class means (the default) or confusions.",
    ),
]
_Depth = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Trees: only groups at most N levels high; a class whose groups are all higher has nothing similar. "
        "DAGs, and --by path: the N nearest tiers of each class.",
    ),
]
_Order = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="Ids or names, one a line: these are the classes, in label order; others are left out. For a matrix of "
        "numbers alone: the names of its rows.",
    ),
]
_Names = Annotated[
    str | None,
    typer.Option(metavar="CSV", help="Hierarchies: names for the ids, lines of id,name without a header."),
]
_Parts = Annotated[bool, typer.Option("--parts", help="Open Images: a part is a kind of the whole, too.")]
_Similarity = Annotated[
    bool,
    typer.Option("--similarity", help="Matrices and tables: the numbers are similarities, larger is more similar."),
]
_Distance = Annotated[
    bool, typer.Option("--distance", help="Matrices and tables: the numbers are distances, smaller is more similar.")
]
_Cuts = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help="Matrices, tables, runs: a tier down to each of these values, as in 0.8,0.5."),
]
_TopK = Annotated[
    int | None, typer.Option(min=1, metavar="K", help="Matrices, tables, runs: the K most similar, one tier each.")
]
_Gaps = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Matrices, tables, runs: N tiers, cut at the widest gaps.")
]
_NoScores = Annotated[bool, typer.Option("--no-scores", help="Matrices, tables, runs: tiers without scores.")]
_Data = Annotated[str | None, typer.Option(metavar="SPEC", help="Runs: look at the images of this data set instead.")]
_DataDir = Annotated[Path | None, typer.Option(help="Runs: where torchvision's sets lie.")]
_Name = Annotated[str | None, typer.Option(metavar="TEXT", help="The name that the ranking gets.")]


def derive(
    file: _File,
    kind: _Kind = None,
    by: _By = None,
    depth: _Depth = None,
    order: _Order = None,
    names: _Names = None,
    parts: _Parts = False,
    similarity: _Similarity = False,
    distance: _Distance = False,
    cuts: _Cuts = None,
    top_k: _TopK = None,
    gaps: _Gaps = None,
    no_scores: _NoScores = False,
    data: _Data = None,
    data_dir: _DataDir = None,
    name: _Name = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Derive a ranking from a tree, a table of numbers or a run.

    Hierarchies, whose leaves are the classes. Classes are the more similar, the deeper the deepest node that holds both:

    \b
      node-link    networkx JSON, with edges or links; adjacency and tree data
      graphml gml  graphs, edges from parent to child
      edges        lines of: parent child (wordnet.is_a.txt, *_isa.txt)
      newick       ((cat,dog)pet,bird)animal;
      d3           {"name": ..., "children": [...]}; or {"pet": ["cat", "dog"], ...}
      openimages   the hierarchy of Open Images (--names class-descriptions.csv)
      coco lvis    annotations, of which only the categories are read
      inaturalist  the same, from kingdom to genus
      folders      nested folders of images, as --data tree:FOLDER has them
      cifar100     lines of: class,superclass; or JSON with "superclasses"

    Numbers, from which tiers are cut:

    \b
      matrix       a square CSV with class names (say --similarity or --distance)
      table        class,similar,score or parent,child columns; a,b,distance
      run          a run directory: what the network finds similar, a draft

    The kind is guessed where FILE makes it plain. The ranking is printed, or written to --out. Where nothing can be
    ranked, as in a flat folder, it holds the classes alone: a start for rankcon rank edit, set or elicit.
    """
    from dataclasses import replace

    from rankcon_cli.cli.logs import listen_to_the_library
    from rankcon_cli.derive.draft import draft_of_hierarchy, draft_of_numbers, summary
    from rankcon_cli.derive.order import read_order
    from rankcon_cli.ranking.hierarchy import Hierarchy

    listen_to_the_library()
    refuse_existing(out, force)
    given = {"--depth": depth, "--names": names, "--parts": parts, "--similarity": similarity, "--distance": distance}
    given |= {"--cuts": cuts, "--top-k": top_k, "--gaps": gaps, "--no-scores": no_scores}
    given |= {"--data": data, "--data-dir": data_dir}
    flags = [flag for flag, value in given.items() if value not in (None, False)]
    _refuse_contradictions(similarity, distance, (file, order, names))
    chosen = read_order(order) if order is not None else None
    kind = kind or _kind_of_place(file)
    if kind in ("folders", "run"):
        _refuse_strangers(flags, kind)
        found = _from_folders(file) if kind == "folders" else _from_run(file, by, data, data_dir)
    else:
        said = distance if similarity or distance else None
        kind, found = _from_file(file, kind, flags, parts, said, chosen.entries if chosen else None)
    if isinstance(found, Hierarchy):
        _refuse_strangers(flags, kind, "hierarchies")
        ranking, how = draft_of_hierarchy(found, kind, by=by, depth=depth, order=chosen, names=names)
    else:
        _refuse_strangers(flags, kind, "numbers")
        rule = {"cuts": _numbers(cuts), "top_k": top_k, "gaps": gaps, "scores": not no_scores}
        ranking, how = draft_of_numbers(found, kind, by=by, order=chosen, **rule)
    words = summary(ranking)
    source = f"derived from {_file_name(file)} ({kind}), {how}"
    emit(replace(ranking, name=name and _printable(name), source=source), out, force=force)
    console.note(f"{kind}: {words}")


def _refuse_contradictions(similarity: bool, distance: bool, files: "Sequence[str | None]") -> None:
    if similarity and distance:
        raise UsageError("--similarity and --distance exclude each other")
    if files.count("-") > 1:
        raise UsageError("only one of FILE, --order and --names can be - (standard input)")


def _kind_of_place(file: str) -> str | None:
    """``run`` or ``folders`` for a folder, which may be spelled as a data spec; None for a file."""
    if _spec_of_folder(file) is not None:
        return "folders"
    if file == "-" or not os.path.isdir(file):
        return None
    return "run" if os.path.exists(os.path.join(file, "run.json")) else "folders"


def _spec_of_folder(file: str) -> tuple[str, str] | None:
    """``folder`` or ``tree`` and the path, where ``file`` is such a data spec and no path."""
    if not file.startswith(("folder:", "tree:")) or os.path.exists(file):
        return None
    from rankcon_cli.data.spec import parse_spec

    spec = parse_spec(file)
    return spec.source, spec.place


def _from_file(
    file: str,
    kind: str | None,
    flags: list[str],
    parts: bool,
    distance: bool | None,
    names: "Sequence[str] | None",
) -> "tuple[str, Hierarchy | Similarities]":
    """The kind of a file, guessed where it is not given, and what the file says."""
    from rankcon_cli.derive.guess import guess
    from rankcon_cli.derive.reading import opened
    from rankcon_cli.derive.sources import KINDS, PLACES, read
    from rankcon_cli.wording import did_you_mean, quoted

    if kind is not None and kind not in KINDS:
        known = (*KINDS, *PLACES)
        message = f"there is no kind {quoted(kind)}{did_you_mean(kind, known)}"
        raise UsageError(message, hint=f"--from takes {', '.join(known)}")
    with opened(file) as source:
        kind = kind or guess(source)
        _refuse_strangers(flags, kind)
        return kind, read(kind, source, parts=parts, distance=distance, names=names)


def _from_folders(file: str) -> "Hierarchy":
    """The hierarchy of the classes that the data spec ``tree:FILE`` has, or ``folder:PATH`` where FILE says so."""
    from rankcon_cli.data.folders import open_folder, open_tree
    from rankcon_cli.derive.folders import folder_hierarchy

    form, path = _spec_of_folder(file) or ("tree", file)
    source = (open_folder if form == "folder" else open_tree)(path, False)
    folders: dict[str, str] = {}
    for split in source.splits or ("all",):
        part = source.read(split)
        for image, label in zip(part.names, part.labels.tolist(), strict=True):
            steps = image.split("/")[1 if source.splits else 0 : -1]
            folder = steps[:1] if form == "folder" else steps
            folders.setdefault(source.classes.names[label], "/".join(folder))
    for note in source.notes:
        console.note(note)
    return folder_hierarchy({name: folders[name] for name in source.classes.names}, file)


def _from_run(file: str, by: str | None, data: str | None, data_dir: Path | None) -> "Similarities":
    from rankcon_cli.data import DataOptions
    from rankcon_cli.evaluation.similarity import from_run

    if by not in (None, "means", "confusion"):
        raise UsageError(f"--by of a run is means or confusion, not {by!r}")
    options = DataOptions(data_dir=data_dir) if data_dir else None
    return from_run(Path(file), by=by or "means", data=data, options=options, progress=console.progress())


def _refuse_strangers(flags: list[str], kind: str, form: str | None = None) -> None:
    """UsageError for a flag that the kind has no use for, or its ``form``: ``hierarchies`` or ``numbers``."""
    if kind != "table":
        form = "numbers" if kind in ("matrix", "run") else "hierarchies"
    for flag in flags:
        kinds = _OF_KIND.get(flag, (kind,))
        if kind not in kinds:
            raise UsageError(f"{flag} goes with --from {' or '.join(kinds)}, not with {kind}")
        if form is not None and _OF_FORM.get(flag, form) != form:
            raise UsageError(f"{flag} goes with {_OF_FORM[flag]}, and {kind} gives {form}")


def _numbers(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"--cuts takes numbers with commas between them, as in 0.8,0.5, not {text!r}") from None


def _file_name(file: str) -> str:
    """What a file or folder is called, without the way to it."""
    return "standard input" if file == "-" else _printable(os.path.basename(os.path.abspath(file)))


def _printable(text: str) -> str:
    """The text in the form NFC, in which rankings are read, with what is no UTF-8 escaped."""
    import unicodedata

    return unicodedata.normalize("NFC", text).encode("utf-8", "backslashreplace").decode()
