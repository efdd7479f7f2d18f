"""The HTML page: well formed, self-contained, the same bytes each time, and never running what a name says."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from rankcon_cli.errors import RankconError
from rankcon_cli.ood.result import FooledImage, OodResult, OodSet, Points, RunSummary, Swallowed
from rankcon_cli.report.page import render_html, write_report

VOID = {"meta", "img", "br"}
SCRIPT = "<script>alert(1)</script>"
HOSTILE = (SCRIPT, "\"><img src=x onerror='alert(2)'>", "{{ 7 * 7 }} $x_2$ 100 % \\frac", "two\nlines \x00 \udcff")
BIDI = "\u202eعربي 🦊"


class Page(HTMLParser):
    """Collects tags, attributes and text, and fails where an end tag does not match."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if self.open[-1:] != ["style"] else ""

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


@pytest.fixture(scope="module")
def html(result: OodResult) -> str:
    return render_html(result)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def renamed(result: OodResult, names: dict[str, str]) -> OodResult:
    """``result`` with every class, set and run name that is a key of ``names`` replaced."""

    def new(value):
        if isinstance(value, str):
            return names.get(value, value)
        if isinstance(value, tuple):
            return tuple(map(new, value))
        if isinstance(value, dict):
            return {new(key): entry for key, entry in value.items()}
        if hasattr(value, "__dataclass_fields__"):
            return replace(value, **{name: new(getattr(value, name)) for name in value.__dataclass_fields__})
        return value

    return new(result)


def test_page_is_one_balanced_document(page: Page):
    assert page.tags["h1"] == page.tags["main"] == page.tags["title"] == 1
    assert page.tags["table"] == page.tags["caption"]
    assert ("html", "lang", "en") in page.attributes
    assert page.tags["th"] == len(page.values("scope"))


def test_ids_are_unique_and_links_lead_somewhere(page: Page):
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    links = [value[1:] for value in page.values("href")]
    links += [name for value in page.values("clip-path") for name in re.findall(r"#([\w-]+)", value)]
    links += [name for value in page.values("aria-labelledby") for name in value.split()]
    assert set(links) <= set(ids)


def test_nothing_is_loaded_and_nothing_runs(page: Page, html: str):
    assert "http:" not in html and "https:" not in html and "@import" not in html
    assert not page.tags.keys() & {"script", "link", "iframe", "object", "embed", "form"}
    assert all(value.startswith("data:image/png;base64,") for value in page.values("src"))
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]


def test_hostile_names_are_text_everywhere(result: OodResult, page: Page):
    names = dict(zip(("3", "4", "withheld", "ranked"), HOSTILE, strict=True)) | {"9": SCRIPT + BIDI}
    hostile = Page(render_html(renamed(result, names)))
    assert hostile.tags == page.tags
    assert hostile.text.count(SCRIPT) > 5
    assert SCRIPT in " ".join(hostile.values("alt"))
    assert "{{ 7 * 7 }} $x_2$" in hostile.text
    assert "\x00" not in hostile.text and "\udcff" not in hostile.text


def test_names_are_isolated_from_the_direction_of_the_sentence(result: OodResult):
    html = render_html(renamed(result, {"withheld": BIDI}))
    cells = re.sub(r"<(svg|title).*?</\1>", "", html, flags=re.DOTALL)
    visible = re.sub(r'="[^"]*"', "", cells)
    assert visible.count(BIDI) == visible.count(f"<bdi>{BIDI}") > 5


def test_same_bytes_twice_whatever_the_users_matplotlib_settings(result: OodResult, html: str):
    import matplotlib as mpl

    with mpl.rc_context({"lines.linewidth": 9, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert render_html(result) == html
        assert mpl.rcParams["lines.linewidth"] == 9


def test_numbers_of_the_measurements_are_printed(result: OodResult, page: Page):
    for found in result.measurements:
        assert f"{found.auroc:.3f}" in page.text
        assert f"{100 * found.fpr95_id_pos:.1f}\u00a0%" in page.text
    assert "98.1\u00a0%" in page.text and "–" in page.text


def test_every_figure_says_what_it_shows(page: Page):
    labels = page.values("aria-label")
    assert page.values("role").count("img") == 5
    assert any("ranked 0." in label and "supcon 0." in label for label in labels)
    assert not any("<bdi>" in label for label in labels)


def test_size_of_the_page_is_bounded(html: str, result: OodResult, changed: Callable[..., OodResult]):
    assert len(html.encode()) < 400_000
    random = np.random.default_rng(0)
    clouds = tuple(Points(name, random.normal(size=(5000, 2)), ("7",) * 5000) for name in ("id", "withheld"))
    scores = {key: random.normal(size=10_000) for key in result.scores}
    photo = random.integers(0, 256, (3, 500, 400), dtype=np.uint8)
    fooled = tuple(FooledImage("withheld", f"{i}", "3", "5", 0.5, 0.5, photo) for i in range(100))
    large = render_html(changed(points=clouds, scores=scores, fooled=fooled))
    assert len(large.encode()) < 2_000_000
    assert "2,000 known and 1,500 unknown" in large
    assert Page(large).tags["img"] == 12


def test_one_run_without_baselines_has_no_best(changed: Callable[..., OodResult], result: OodResult):
    html = render_html(changed(runs=result.runs[:1]))
    assert "(best)" not in html.split('id="all"')[0]
    assert "beside" not in Page(html).text.split("The answer")[0]


def test_five_sets(changed: Callable[..., OodResult], result: OodResult):
    names = [f"set {i}" for i in range(5)]
    one = result.sets[0]
    html = render_html(
        changed(
            sets=tuple(replace(one, name=name) for name in names),
            measurements=tuple(
                replace(m, ood=name) for name in names for m in result.measurements if m.ood == one.name
            ),
            scores={(*key[:3], name): value for key, value in result.scores.items() for name in ("id", *names)},
        )
    )
    page = Page(html)
    assert page.values("role").count("img") == 11
    assert len(set(page.values("id"))) == len(page.values("id"))


def test_a_run_without_the_headline_feature_stands_on_another(page: Page, changed: Callable[..., OodResult]):
    headline = page.text.split("Every score")[0]
    assert re.search(r"cross-entropy\s*encoder", headline)
    assert "has no headline score" in Page(render_html(changed(headline=("vim", "logits")))).text


def test_a_result_with_nothing_in_it(changed: Callable[..., OodResult], result: OodResult):
    bare = changed(
        runs=(RunSummary("alone", "runs/alone", "supcon", {}),),
        sets=(),
        measurements=(),
        scores={},
        swallowed=(),
        fooled=(),
        points=(),
        facts=(),
        warnings=(),
    )
    assert "no unknown images" in Page(render_html(bare)).text
    named = render_html(replace(bare, sets=result.sets, points=(Points("id", np.empty((0, 2)), ()),)))
    assert "There are no points to draw" in named and "No scores to draw" in named


def test_measures_without_a_value_are_dashes(changed: Callable[..., OodResult], result: OodResult):
    nan = float("nan")
    html = render_html(
        changed(
            runs=tuple(replace(run, measures={"accuracy": None, "order_satisfaction": nan}) for run in result.runs),
            measurements=tuple(replace(m, auroc=nan, fpr95_ood_pos=nan) for m in result.measurements),
            scores={key: np.full_like(value, nan) for key, value in result.scores.items()},
        )
    )
    assert not re.search(r"\bnan\b", html, re.IGNORECASE)
    assert Page(html).text.count("–") >= 6 + 2 * len(result.measurements)


@pytest.mark.parametrize("constant", [0.0, -3e9])
def test_constant_scores_are_drawn(changed: Callable[..., OodResult], result: OodResult, constant: float):
    page = Page(render_html(changed(scores={key: np.full(5, constant) for key in result.scores})))
    assert page.values("role").count("img") == 5


@pytest.mark.parametrize("count", [2, 1000])
def test_few_and_many_classes(changed: Callable[..., OodResult], count: int):
    classes = tuple(f"class {i}" for i in range(count))
    swallowed = tuple(Swallowed("withheld", f"new {i}", name, i % 7 + 1, 10) for i, name in enumerate(classes))
    cloud = Points("id", np.random.default_rng(0).normal(size=(count, 2)), classes)
    many = OodSet("withheld", "x", "withheld", 10 * count, tuple(f"new {i}" for i in range(count)))
    page = Page(render_html(changed(id_classes=classes, swallowed=swallowed, points=(cloud,), sets=(many,))))
    legend_lines = page.tags["li"]
    assert legend_lines < 60
    assert ("993 other known classes" in page.text) == (count == 1000)
    assert ("20 most one-sided of 1000" in page.text) == (count == 1000)


def test_tiny_images_are_enlarged_and_photos_shrunk(changed: Callable[..., OodResult]):
    def shown(*shape: int) -> Page:
        image = FooledImage("withheld", "a", "3", "5", 0.5, 0.5, np.zeros(shape, np.uint8))
        return Page(render_html(changed(fooled=(image,))))

    assert ("img", "width", "112") in shown(1, 8, 8).attributes
    wide = shown(3, 50, 500).attributes
    assert ("img", "width", "112") in wide and ("img", "height", "11") in wide


def test_write_report_writes_both_files_or_says_why(result: OodResult, html: str, tmp_path):
    page_path, json_path = write_report(result, tmp_path / "new" / "dir")
    assert (page_path.name, json_path.name) == ("report.html", "report.json")
    assert page_path.read_text(encoding="utf-8") == html
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RankconError, match="cannot write"):
        write_report(result, tmp_path / "file")


def test_report_needs_no_torch_and_imports_fast():
    code = (
        "import sys, rankcon_cli.report.page, rankcon_cli.ood.result;"
        "print(sorted({'torch', 'matplotlib', 'sklearn', 'PIL', 'jinja2'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
