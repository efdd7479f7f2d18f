"""Pictures of the editor for the documentation: python docs/images/screens.py, on a system with pseudo-terminals."""

import io
import re
import sys
import tempfile
from itertools import groupby
from pathlib import Path

import pyte
from rich.console import Console
from rich.text import Text

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
sys.path.insert(0, str(ROOT))

from tests.editor.conftest import TerminalDriver  # noqa: E402 (the driver that the tests use)

FONT = "Menlo, Consolas, 'DejaVu Sans Mono', monospace"


class Screen(pyte.Screen):
    """pyte knows no dim letters: they are shown in grey."""

    def select_graphic_rendition(self, *attributes: int, **private: bool) -> None:
        super().select_graphic_rendition(*(90 if attribute == 2 else attribute for attribute in attributes), **private)


class Driver(TerminalDriver):
    screen_class = Screen


def picture(driver: TerminalDriver, name: str) -> None:
    """Write what the screen shows, without the empty lines below."""
    screen = driver.screen
    text = Text()
    for y in range(len(driver.text.splitlines())):
        cells = (screen.buffer[y][x] for x in range(screen.columns))
        for style, run in groupby(cells, _style):
            text.append("".join(cell.data for cell in run), style)
        text.append("\n")
    console = Console(record=True, width=screen.columns, file=io.StringIO(), force_terminal=True)
    console.print(text, end="")
    svg = console.export_svg(title="rankcon rank edit my.json", unique_id=name)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # they are fetched from elsewhere
    svg = re.sub(r"font-family: [^;]+;", f"font-family: {FONT};", svg)
    lines = (line.rstrip() for line in svg.splitlines())
    (FOLDER / f"{name}.svg").write_text("\n".join(line for line in lines if line) + "\n")


def _style(cell: "pyte.screens.Char") -> str:
    color = {"default": "", "brown": "yellow", "brightblack": "bright_black"}.get(cell.fg, cell.fg)
    return f"{'bold ' if cell.bold else ''}{color}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "my.json"
        ranking = (ROOT / "rankings" / "cifar10.json").read_text()
        file.write_text(ranking.replace('  "symmetric": true,\n', ""))  # so that the other direction is asked about
        rankcon = Driver(["rank", "edit", str(file)], file.with_suffix(".out"), columns=78)
        rankcon.wait("10 classes", "all keys")
        picture(rankcon, "editor-map")
        rankcon.press("down", "enter")
        rankcon.wait(" automobile", "Esc map")
        rankcon.press("a")
        rankcon.wait("add to automobile", "find:")
        rankcon.press("r")
        rankcon.wait("find: r")
        rankcon.press("down", "tab")
        rankcon.wait("1 marked")
        picture(rankcon, "editor-add")
        rankcon.press("esc")
        rankcon.wait("find: ▏")
        rankcon.press("esc")
        rankcon.wait("Esc map")
        rankcon.press("right")
        rankcon.wait(" bird  3 of 10")
        rankcon.press("down")
        rankcon.wait("» 2")
        rankcon.press("i")
        rankcon.wait("as tier 2", "find:")
        rankcon.press("ship", "enter")
        rankcon.wait("as tier 3")
        rankcon.press("esc")
        rankcon.wait("also bird to ship?")
        rankcon.press("down", "enter")
        rankcon.wait("ship added to bird", "Esc map")
        picture(rankcon, "editor-class")
        rankcon.press("\x03")
        rankcon.end()


if __name__ == "__main__":
    main()
