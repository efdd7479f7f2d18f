"""``rankcon rank``: one plain function a verb, each file one subject; this table makes commands of them."""

import importlib

import typer

from rankcon_cli.cli.command import command

#: Verb -> module of this package and function, in the order of the help: make one, change it, look, compare, convert.
VERBS = {
    "edit": ("edit", "edit"),
    "elicit": ("elicit", "elicit"),
    "derive": ("derive", "derive"),
    "validate": ("check", "validate"),
    "fmt": ("check", "fmt"),
    "show": ("show", "show"),
    "query": ("query", "query"),
    "plot": ("plot", "plot"),
    "set": ("change", "set_"),
    "add": ("change", "add"),
    "remove": ("change", "remove"),
    "move": ("change", "move"),
    "score": ("change", "score"),
    "group": ("change", "group"),
    "note": ("change", "note"),
    "subset": ("select", "subset"),
    "rename": ("select", "rename"),
    "diff": ("compare", "diff"),
    "merge": ("compare", "merge"),
    "convert": ("convert", "convert"),
}

_HELP = """Author, check, compare and draw rankings of classes.

A ranking says, for each class, which other classes are similar to it, most similar first. It is a JSON file
(docs/ranking-file.md), made for people and for diffs.

\b
Make one
  rankcon rank edit my.json --new --data folder:photos     on a terminal
  rankcon rank elicit my.json --data folder:photos         by answering questions
  rankcon rank derive wordnet.is_a.txt --out my.json       from a tree, a table, a run

\b
Check it, look at it
  rankcon rank validate my.json --data folder:photos
  rankcon rank show my.json bird cat
  rankcon rank plot my.json --out my.svg

\b
Change it from a script; with - for FILE, verbs are filters
  rankcon rank set my.json bird 'airplane > kite, balloon > @groups'
  rankcon rank derive --from coco annotations.json |
    rankcon rank subset - --classes names.txt |
    rankcon rank add - bird kite --tier 1 > my.json

FILE is a ranking file, - for standard input, or the bare name of a ranking that ships with rankcon: cifar10,
cifar100, coco, digits, fashion-mnist, voc, and as the paper lists them cifar10-paper and voc-paper. Verbs that read a
ranking read class graphs too (node-link JSON, GraphML).

Exit codes: 0 done; 1 a check said no (validate, fmt --check, diff, query); 2 the command line makes no sense; 3 a
fault that the message explains; 130 interrupted."""


def build_app(wanted: str | None = None) -> typer.Typer:
    """The app with the verb ``wanted`` alone where there is one of that name, else with all of them (see main)."""
    app = typer.Typer(help=_HELP, no_args_is_help=True, rich_markup_mode=None, callback=_rank)
    for verb in [wanted] if wanted in VERBS else VERBS:
        module, function = VERBS[verb]
        command(app, verb, logs=False)(getattr(importlib.import_module(f"{__name__}.{module}"), function))
    return app


def _rank() -> None:
    """A callback keeps Typer from making a single verb the whole app."""


def register(parent: typer.Typer, wanted: str | None = None) -> None:
    parent.add_typer(build_app(wanted), name="rank", help=_HELP)
