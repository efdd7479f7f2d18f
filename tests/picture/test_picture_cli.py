"""``rank plot``: what is written where, hostile names, and the exit codes."""

import re
import subprocess
import sys
import warnings
from html.parser import HTMLParser

import pytest

from rankcon_cli.picture.graph import graph
from rankcon_cli.picture.heatmap import heatmap
from rankcon_cli.picture.html import html_page
from rankcon_cli.picture.order import by_blocks
from rankcon_cli.picture.png import png, undrawn
from rankcon_cli.picture.svg import svg_document
from rankcon_cli.picture.text import isolated, printable, shortened, width

SCRIPT = "<script>alert(1)</script>"


class Page(HTMLParser):
    """The tags of a page, its text, and its addresses."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("href", "src") and value]

    def handle_data(self, data):
        self.text += data


def test_svg_goes_to_a_pipe(rankcon, picture):
    code, out, err = rankcon("plot", "cifar10")
    assert (code, err) == (0, "") and "cifar10" in picture(out).texts
    assert rankcon("plot", "cifar10", "--out", "-")[1] == out
    assert rankcon("plot", "cifar10", "--kind", "graph")[1] != out


def test_without_out_a_terminal_gets_no_picture(rankcon, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    code, out, err = rankcon("plot", "cifar10")
    assert (code, out) == (2, "") and "--out" in err


@pytest.mark.parametrize("kind", ["heatmap", "graph"])
@pytest.mark.parametrize("suffix", ["svg", "png", "html", "SVG"])
def test_each_kind_in_each_form(rankcon, tmp_path, hostile_file, kind, suffix):
    out = tmp_path / f"picture.{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, stdout, err = rankcon("plot", hostile_file, "--kind", kind, "--out", out)
    boxes = f"{out}: 2 names drawn with boxes for letters that the font lacks; SVG and HTML show them\n"
    assert (code, stdout, err) == (0, "", f"{out}: written\n" + boxes * (suffix == "png"))
    begins = {"svg": b"<?xml", "png": b"\x89PNG", "html": b"<!DOCTYPE html>"}
    assert out.read_bytes().startswith(begins[suffix.lower()])


@pytest.mark.parametrize("kind", ["heatmap", "graph"])
def test_hostile_names_are_text(rankcon, hostile_file, picture, kind):
    svg = rankcon("plot", hostile_file, "--kind", kind)[1]
    drawn = picture(svg)  # it is well-formed
    assert not drawn.all("script")
    assert SCRIPT in " ".join(drawn.titles)
    assert "$x_2$ \\frac" in drawn.texts and "[bold]x[/bold]" in drawn.texts and "@home" in drawn.texts
    assert max(map(len, drawn.texts)) < 120
    assert any("\u2068\u202eevil\u2069" in title for title in drawn.titles)  # isolated from its sentence


def test_a_page_is_one_file_without_scripts(rankcon, hostile_file, tmp_path):
    out = tmp_path / "page.html"
    rankcon("plot", hostile_file, "--out", out)
    html = out.read_text(encoding="utf-8")
    page = Page(html)
    assert not {"script", "link", "img", "iframe"} & set(page.tags) and page.addresses == []
    assert "default-src 'none'" in html and "prefers-color-scheme" in html
    assert html.count("http") == html.count("http://www.w3.org/2000/svg") + html.count("http-equiv")
    assert page.tags.count("dt") == 12 and SCRIPT in page.text
    assert "x" * 3000 in page.text  # the text below the picture cuts no name


def test_a_png_says_which_names_it_cannot_draw(rankcon, tmp_path, hostile, cifar10):
    texts = undrawn(heatmap(hostile, by_blocks(hostile), "猫"))
    assert len(texts) == 3 and "猫" in texts and any(text.startswith("猫と犬") for text in texts)
    assert "\U0001f469\u200d\U0001f467 family" in texts
    assert undrawn(heatmap(cifar10, range(10), "t")) == []
    assert rankcon("plot", "cifar10", "--out", tmp_path / "a.png")[2] == f"{tmp_path / 'a.png'}: written\n"


def test_a_page_is_bounded_where_each_class_has_hundreds_of_tiers(one_by_one):
    order = list(range(300))
    html = html_page(heatmap(one_by_one, order, "deep"), one_by_one, order)
    page = Page(html)
    assert page.tags.count("dd") == 300 * 13 and page.text.count("and 287 more tiers") == 300
    assert len(html) < 500_000


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (["--out", "a.gif"], 2, "must end in"),
        (["--out", "a"], 2, "must end in"),
        (["--kind", "pie"], 2, "--kind takes"),
        (["--order", "colour"], 2, "--order takes"),
        (["--tiers", "2"], 2, "--tiers is for the graph"),
        (["--kind", "graph", "--order", "label"], 2, "--order is for the heat map"),
        (["--kind", "graph", "--tiers", "0"], 2, "--tiers"),
        (["--out", "/dev/null/a.svg"], 3, "cannot write"),
    ],
)
def test_what_is_refused(rankcon, arguments, code, words):
    found, out, err = rankcon("plot", "cifar10", *arguments)
    assert (found, out) == (code, "") and words in err and "Traceback" not in err


def test_nothing_is_overwritten_without_force(rankcon, tmp_path):
    out = tmp_path / "a.svg"
    out.write_text("mine")
    code, _, err = rankcon("plot", "cifar10", "--out", out)
    assert code == 3 and "--force" in err and out.read_text() == "mine"
    assert rankcon("plot", "cifar10", "--out", out, "--force")[0] == 0
    assert out.read_text().startswith("<?xml")


def test_a_folder_in_the_way(rankcon, tmp_path):
    (tmp_path / "a.svg").mkdir()
    assert rankcon("plot", "cifar10", "--out", tmp_path / "a.svg", "--force")[0] == 3


def test_the_title_is_the_name_or_the_file(rankcon, tmp_path, picture):
    path = tmp_path / "my own.json"
    path.write_text('{"format": "rankcon/ranking", "version": 1, "classes": ["a", "b"]}')
    (path_shown,) = {text for text in picture(rankcon("plot", path)[1]).texts if "own.json" in text or "…" in text}
    assert path_shown


def test_order_by_label(rankcon, picture, cifar10):
    texts = picture(rankcon("plot", "cifar10", "--order", "label")[1]).texts
    assert [text for text in texts if text in cifar10.classes] == 2 * list(cifar10.classes)


def test_a_thousand_classes_in_all_forms(thousand):
    order = by_blocks(thousand)
    for scene in (heatmap(thousand, order, "many"), graph(thousand, "many")):
        assert len(svg_document(scene)) < 1_000_000
        assert len(html_page(scene, thousand, order)) < 1_500_000
    assert len(png(heatmap(thousand, order, "many"))) < 1_000_000


def test_the_users_matplotlib_settings_do_not_matter(cifar10):
    import matplotlib as mpl

    scene = heatmap(cifar10, range(10), "t")
    plain = png(scene)
    with mpl.rc_context({"lines.linewidth": 9, "axes.facecolor": "red", "savefig.dpi": 30, "font.size": 30}):
        assert png(scene) == plain


def test_texts():
    assert printable("a\udcff\x00b\ufffe") == "a\ufffd\ufffdb\ufffd"
    assert shortened("a  b\nc", 5) == "a b c" and shortened("abcdef", 4) == "abc…"
    assert isolated("plain, 猫") == "plain, 猫" and isolated("\u0645") == "\u2068\u0645\u2069"
    assert width("猫", 10) == 10 and width("e\u0301", 10) == width("e", 10) > 0


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = (
        "import sys, rankcon_cli.cli.rank.plot, rankcon_cli.cli.rank.show, rankcon_cli.picture.heatmap,"
        " rankcon_cli.picture.graph, rankcon_cli.picture.terminal, rankcon_cli.picture.svg;"
        "print(sorted({'numpy', 'scipy', 'matplotlib', 'PIL', 'rich', 'networkx', 'torch'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.sub(r"'rich'(, )?", "", result.stdout) == "[]\n"
