"""``rank derive``: a ranking from what exists."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rankcon_cli.cli.console import console
from rankcon_cli.cli.rank.common import Force, Out, emit
from rankcon_cli.errors import RankconError, UsageError

if TYPE_CHECKING:
    from rankcon_cli.derive.similarity import Similarities
    from rankcon_cli.ranking import Ranking
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


def derive(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What to derive from; - for standard input.")],
    kind: Annotated[
        str | None, typer.Option("--from", metavar="KIND", help="What FILE is, where it is not plain.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="lca|path|means|confusion",
            help="Hierarchies: depth of the lowest common ancestor (the default) or length of the path. "
            "Runs: class means (the default) or confusions.",
        ),
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Hierarchies: at most N tiers a class, the nearest.")
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="Ids or names, one a line: these are the classes, in label order; others are left out."
        ),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(metavar="CSV", help="Hierarchies: names for the ids, lines of id,name without a header."),
    ] = None,
    parts: Annotated[bool, typer.Option("--parts", help="Open Images: a part is a kind of the whole, too.")] = False,
    similarity: Annotated[
        bool,
        typer.Option("--similarity", help="Matrices and tables: the numbers are similarities, larger is more similar."),
    ] = False,
    distance: Annotated[
        bool,
        typer.Option("--distance", help="Matrices and tables: the numbers are distances, smaller is more similar."),
    ] = False,
    cuts: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...", help="Matrices, tables, runs: a tier down to each of these values, as in 0.8,0.5."
        ),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, metavar="K", help="Matrices, tables, runs: the K most similar, one tier each.")
    ] = None,
    gaps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Matrices, tables, runs: N tiers, cut at the widest gaps.")
    ] = None,
    no_scores: Annotated[
        bool, typer.Option("--no-scores", help="Matrices, tables, runs: tiers without scores.")
    ] = False,
    data: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Runs: look at the images of this data set instead.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Runs: where torchvision's sets lie.")] = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="The name that the ranking gets.")] = None,
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
      d3           {"name": ..., "children": [...]}
      openimages   the hierarchy of Open Images (--names class-descriptions.csv)
      coco lvis    annotations, of which only the categories are read
      inaturalist  the same, from kingdom to genus
      folders      nested folders of images, as --data tree:FOLDER has them
      cifar100     lines of: class,superclass; or JSON with "superclasses"

    Numbers, from which tiers are cut:

    \b
      matrix       a square CSV with class names (say --similarity or --distance)
      table        parent,child or class,similar,score columns; a b distance
      run          a run directory: what the network finds similar, a draft

    The kind is guessed where FILE makes it plain. The ranking is printed, or written to --out.
    """
    from dataclasses import replace

    from rankcon_cli.cli.logs import listen_to_the_library
    from rankcon_cli.ranking.hierarchy import Hierarchy

    listen_to_the_library()
    given = {"--depth": depth, "--names": names, "--parts": parts, "--similarity": similarity, "--distance": distance}
    given |= {"--cuts": cuts, "--top-k": top_k, "--gaps": gaps, "--no-scores": no_scores}
    given |= {"--data": data, "--data-dir": data_dir}
    flags = [flag for flag, value in given.items() if value not in (None, False)]
    if similarity and distance:
        raise UsageError("--similarity and --distance exclude each other")
    kind = kind or _kind_of_folder(file)
    if kind in ("folders", "run"):
        _refuse_strangers(flags, kind)
        found = _from_folders(file) if kind == "folders" else _from_run(file, by, data, data_dir)
    else:
        kind, found = _from_file(file, kind, flags, parts, distance if similarity or distance else None)
    if isinstance(found, Hierarchy):
        _refuse_strangers(flags, kind, "hierarchies")
        ranking, how = _rank_hierarchy(found, by, depth, order, names)
    else:
        _refuse_strangers(flags, kind, "numbers")
        ranking, how = _rank_numbers(found, kind, by, order, cuts, top_k, gaps, no_scores)
    source = f"derived from {_file_name(file)} ({kind}), {how}"
    emit(replace(ranking, name=name and _printable(name), source=source), out, force=force)
    console.note(_summary(ranking, kind))


def _kind_of_folder(file: str) -> str | None:
    """``run`` or ``folders`` for a folder, None for a file."""
    if file == "-" or not os.path.isdir(file):
        return None
    return "run" if os.path.exists(os.path.join(file, "run.json")) else "folders"


def _from_file(
    file: str, kind: str | None, flags: list[str], parts: bool, distance: bool | None
) -> "tuple[str, Hierarchy | Similarities]":
    """The kind of a file, guessed where it is not given, and what the file says."""
    from rankcon_cli.derive.reading import opened
    from rankcon_cli.derive.sources import KINDS, guess, read
    from rankcon_cli.wording import did_you_mean, quoted

    if kind is not None and kind not in KINDS:
        known = (*KINDS, "folders", "run")
        message = f"there is no kind {quoted(kind)}{did_you_mean(kind, known)}"
        raise UsageError(message, hint=f"--from takes {', '.join(known)}")
    with opened(file) as source:
        kind = kind or guess(source)
        _refuse_strangers(flags, kind)
        return kind, read(kind, source, parts=parts, distance=distance)


def _from_folders(file: str) -> "Hierarchy":
    """The hierarchy of the classes that the data spec ``tree:FILE`` has."""
    from rankcon_cli.data.folders import open_tree
    from rankcon_cli.derive.folders import folder_hierarchy

    source = open_tree(file, False)
    folders: dict[str, str] = {}
    for split in source.splits or ("all",):
        part = source.read(split)
        for image, label in zip(part.names, part.labels.tolist(), strict=True):
            steps = image.split("/")[1 if source.splits else 0 : -1]
            folders.setdefault(source.classes.names[label], "/".join(steps))
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


def _rank_hierarchy(
    hierarchy: "Hierarchy", by: str | None, depth: int | None, order: str | None, names: str | None
) -> "tuple[Ranking, str]":
    """The ranking, and how it was made in words."""
    from rankcon_cli.derive.order import read_names, read_order, select, with_names
    from rankcon_cli.derive.tiers import rank_hierarchy

    if by not in (None, "lca", "path"):
        raise UsageError(f"--by of a hierarchy is lca or path, not {by!r}")
    if names is not None:
        hierarchy = with_names(hierarchy, read_names(names), names)
    if order is not None:
        hierarchy = select(hierarchy, read_order(order), order)
    ranking = rank_hierarchy(hierarchy, by=by or "lca", depth=depth)
    others = len(ranking.classes) - 1
    flat = all(len(listing.tiers) == 1 and len(listing.tiers[0].of) == others for listing in ranking.rankings.values())
    if not ranking.groups and flat:
        raise RankconError(
            f"{hierarchy.file} ranks nothing: no node holds two or more of the classes and not all of them",
            hint="see with --order which nodes are the classes, or begin by hand: rankcon rank edit --new",
        )
    how = "by length of path" if by == "path" else "by depth of the lowest common ancestor"
    return ranking, how if depth is None else f"{how}, to depth {depth}"


def _rank_numbers(
    similarities: "Similarities",
    kind: str,
    by: str | None,
    order: str | None,
    cuts: str | None,
    top_k: int | None,
    gaps: int | None,
    no_scores: bool,
) -> "tuple[Ranking, str]":
    """The ranking, and how it was made in words."""
    from rankcon_cli.derive.order import arrange, read_order
    from rankcon_cli.derive.similarity import DEFAULT_TOP_K, to_ranking

    if by is not None and kind != "run":
        raise UsageError(f"--by goes with hierarchies and runs, not with a {kind} of numbers")
    if order is not None:
        similarities = arrange(similarities, read_order(order), f"the {kind}", order)
    ranking = to_ranking(similarities, cuts=_numbers(cuts), top_k=top_k, gaps=gaps, scores=not no_scores)
    rules = {f"cuts {cuts}": cuts, f"the {top_k} most similar": top_k, f"cut at {gaps} gaps": gaps}
    usual = "tiers as given" if similarities.declared else f"the {DEFAULT_TOP_K} most similar"
    made = [words for words, value in rules.items() if value is not None] or [usual]
    return ranking, ", ".join([*([f"by {by or 'means'}"] if kind == "run" else []), *made])


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


def _summary(ranking: "Ranking", kind: str) -> str:
    """``coco: 80 classes, 11 groups, 1 tier at most``."""
    from rankcon_cli.ranking.document import is_group
    from rankcon_cli.wording import counted

    high: dict[str, int] = {}
    for group, tier in ranking.groups.items():  # inner ones first
        high[group] = 1 + max((high[member[1:]] for member in tier.of if is_group(member)), default=0)
    most = max([*high.values(), *(len(listing.tiers) for listing in ranking.rankings.values())], default=0)
    counts = {"class": len(ranking.classes), "group": len(ranking.groups), "list": len(ranking.rankings)}
    parts = [counted(number, noun) for noun, number in counts.items() if number]
    return f"{kind}: {', '.join(parts)}; at most {counted(most, 'tier')} a class"
