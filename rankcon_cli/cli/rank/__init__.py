"""``rankcon rank``: one plain function a verb, each file one subject; this table makes commands of them."""

import importlib

import typer

from rankcon_cli.cli.command import command

#: Verb -> module of this package and function, in the order of the help.
VERBS = {
    "elicit": ("elicit", "elicit"),
    "validate": ("check", "validate"),
    "fmt": ("check", "fmt"),
    "show": ("show", "show"),
    "derive": ("derive", "derive"),
    "plot": ("plot", "plot"),
    "edit": ("edit", "edit"),
    "query": ("query", "query"),
    "set": ("change", "set_"),
    "add": ("change", "add"),
    "remove": ("change", "remove"),
    "move": ("change", "move"),
    "score": ("change", "score"),
    "group": ("change", "group"),
    "note": ("change", "note"),
    "diff": ("compare", "diff"),
    "merge": ("compare", "merge"),
    "subset": ("select", "subset"),
    "rename": ("select", "rename"),
    "convert": ("convert", "convert"),
}

_HELP = "Author, check, compare and show rankings of classes."


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
