"""The HTML page: well formed, self-contained, the same bytes each time, and never running what a name says."""

import base64
import hashlib
import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from renamed_result import renamed

from rankcon_cli.ood.result import ID, Group, OodResult, OodSet, Picture, Points, RunSummary, Swallowed, WorstImage
from rankcon_cli.report.curves import histogram
from rankcon_cli.report.embedding import embeddings
from rankcon_cli.report.images import display_size, sheet
from rankcon_cli.report.interactive import thresholds
from rankcon_cli.report.labels import place_labels
from rankcon_cli.report.page import render_html
from rankcon_cli.report.svg import drawing

VOID = {"meta", "img", "br", "input"}
SCRIPT = "<script>alert(1)</script>"
HOSTILE = (SCRIPT, "\"><img src=x onerror='alert(2)'>", "{{ 7 * 7 }} $x_2$ 100 % \\frac ]]>", "two\nlines \x00 \udcff")
BIDI = "\u202eعربي 🦊"
#: Of the made-up result: three figures a set, and two pictures.
FIGURES = 4 * 3 + 2


class Page(HTMLParser):
    """Collects tags, attributes and text, and fails where an end tag does not match."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["script"]:
            self.scripts[-1] += data
        elif self.open[-1:] != ["style"]:
            self.text += data

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]

    def data(self) -> dict:
        """What the page's script reads."""
        return json.loads(self.scripts[0])

    def section(self, title: str) -> str:
        """The text from a heading to the end."""
        return self.text[self.text.index(title) :]


@pytest.fixture(scope="module")
def html(result: OodResult) -> str:
    return render_html(result)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


@pytest.fixture(scope="session")
def small(result: OodResult) -> OodResult:
    """The result with one set and few points, which is drawn in a fraction of the time."""
    names = {ID, "withheld"}
    clouds = tuple(
        replace(
            cloud,
            xy=cloud.xy[:20],
            class_names=cloud.class_names[:20],
            names=cloud.names[:20],
            scores=cloud.scores[:20],
            images=cloud.images[:20],
        )
        for cloud in result.pictures[1].clouds
        if cloud.set in names
    )
    return replace(
        result,
        sets=result.sets[:1],
        measurements=tuple(m for m in result.measurements if m.ood in names),
        aggregates=tuple(a for a in result.aggregates if a.target in names),
        scores={key: value for key, value in result.scores.items() if key[3] in names},
        worst=tuple(image for image in result.worst if image.set in names),
        rates=tuple(rate for rate in result.rates if rate.set in names),
        pictures=(replace(result.pictures[1], clouds=clouds),),
    )


def without_picture_points(result: OodResult) -> tuple[Picture, ...]:
    return tuple(
        replace(picture, clouds=tuple(Points(c.set, np.empty((0, 2)), ()) for c in picture.clouds))
        for picture in result.pictures
    )


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
    links += page.values("for")
    links += [name for value in page.values("aria-labelledby") for name in value.split()]
    assert set(links) <= set(ids)


def test_nothing_is_loaded_and_only_the_pages_own_script_runs(page: Page, html: str):
    elsewhere = html.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert "http:" not in elsewhere and "https:" not in elsewhere and "@import" not in html
    assert not page.tags.keys() & {"link", "iframe", "object", "embed", "form", "base"}
    assert all(value.startswith("data:image/png;base64,") for value in page.values("src"))
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    policy = next(v for v in page.values("content") if "default-src" in v)
    own = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; img-src data:;") and f"script-src 'sha256-{own}';" in policy
    assert page.tags["script"] == 2 and ("script", "type", "application/json") in page.attributes


def test_the_script_is_small_and_sets_no_html(page: Page):
    script = page.scripts[1]
    assert len(script.splitlines()) < 300
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|fetch\(|XMLHttp", script
    )


def test_hostile_names_are_text_everywhere(small: OodResult):
    names = dict(zip(("3", "4", "withheld", "ranked"), HOSTILE, strict=True)) | {
        "9": SCRIPT + BIDI,
        "runs/ranked": f"runs/{SCRIPT}",
        "withheld/0000.png": f"withheld/{SCRIPT}.png",
        "digits": f"npz:{SCRIPT}",
    }
    hostile = Page(render_html(renamed(small, names)))
    assert hostile.tags == Page(render_html(small)).tags
    assert hostile.text.count(SCRIPT) > 5
    assert SCRIPT in " ".join(hostile.values("alt"))
    assert "{{ 7 * 7 }} $x_2$" in hostile.text
    assert "\x00" not in hostile.text and "\udcff" not in hostile.text
    assert not re.search("[<>&\u2028\u2029]", hostile.scripts[0])
    assert SCRIPT in hostile.data()["points"]["classes"]
    assert f"withheld/{SCRIPT}.png" in hostile.data()["points"]["names"]


def test_names_are_isolated_from_the_direction_of_the_sentence(small: OodResult):
    html = render_html(renamed(small, {"withheld": BIDI}))
    cells = re.sub(r"<(svg|title|script).*?</\1>", "", html, flags=re.DOTALL)
    visible = re.sub(r'="[^"]*"', "", cells)
    assert visible.count(BIDI) == visible.count(f"<bdi>{BIDI}") > 5


def test_long_names_are_cut_in_titles_alone(small: OodResult):
    page = Page(render_html(renamed(small, {"ranked": "r" * 1000})))
    title = page.text[: page.text.index("Skip to the answer")]
    assert "r" * 59 + "…" in title and "r" * 60 not in title
    assert "Does “" + "r" * 59 + "…” notice" in page.text


def test_same_bytes_twice_whatever_the_users_matplotlib_settings(small: OodResult):
    import matplotlib as mpl

    html = render_html(small)
    with mpl.rc_context({"lines.linewidth": 9, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert render_html(small) == html
        assert mpl.rcParams["lines.linewidth"] == 9


def test_numbers_of_the_aggregates_are_printed(result: OodResult, page: Page):
    for found in result.aggregates:
        assert f"{found.metrics['auroc'].value:.3f}" in page.text
        assert f"{100 * found.metrics['fpr95_id_pos'].value:.1f}\u00a0%" in page.text
    assert "± 0.0" in page.text  # over seeds
    low, high = next(m for m in result.measurements if m.run == "cross-entropy").intervals["auroc"]
    assert f"[{low:.3f}, {high:.3f}]" in page.text


def test_the_data_of_the_script_are_counts_of_the_scores(result: OodResult, page: Page):
    data = page.data()
    first = data["curves"][0]
    assert (data["runs"][first["run"]], first["score"], first["feature"]) == ("ranked", *result.headline)
    assert data["threshold"] == result.threshold.value and data["threshold"] in first["stops"]
    assert len(data["curves"]) == len({key[:3] for key in result.scores})
    for curve in data["curves"]:
        key = (data["runs"][curve["run"]], curve["score"], curve["feature"])
        stops = np.array(curve["stops"])
        assert (np.diff(stops) > 0).all() and len(stops) < 130
        for name, counts, n in zip(
            (ID, *data_sets(data)), [curve["known"], *curve["unknown"]], curve["n"], strict=True
        ):
            scores = result.scores[*key, name]
            assert counts == [int((scores > stop).sum()) for stop in stops]
            assert (counts[0], counts[-1], n) == (len(scores), 0, len(scores))
    shown = {rate.set: rate.flagged for rate in result.rates if not rate.class_name}
    at = first["stops"].index(data["threshold"])
    assert first["known"][at] / first["n"][0] == pytest.approx(shown[ID])


def data_sets(data: dict) -> list[str]:
    return [entry["name"] for entry in data["sets"]]


def test_the_points_of_the_script_are_those_of_the_pictures(result: OodResult, page: Page):
    points = page.data()["points"]
    clouds = result.pictures[0].clouds
    assert [points["classes"][i] for i in points["members"]] == [name for c in clouds for name in c.class_names]
    assert points["scores"] == [float(score) for c in clouds for score in c.scores]
    assert points["tiles"] == list(range(len(points["members"])))
    for picture in page.data()["pictures"]:
        places = np.array(picture["places"]).reshape(-1, 2)
        assert len(places) == len(points["members"])
        assert (places >= 0).all() and (places <= picture["size"]).all()


def test_thresholds_span_every_score():
    inside, outside = np.array([1.0, 2.0, 3.0]), [np.array([2.5, 7.25]), np.array([])]
    stops = thresholds(inside, outside, in_use=2.123456789)
    assert 2.123456789 in stops and stops[0] < 1.0 and stops[-1] == 7.25
    constant = thresholds(np.full(5, 3e9), [np.full(5, 3e9)])
    assert constant[0] < 3e9 <= constant[-1]


def test_every_figure_says_what_it_shows(page: Page):
    labels = page.values("aria-label")
    assert page.values("role").count("img") == FIGURES + 1  # and the thumbnail that the script draws
    assert any("ranked 0." in label and "supcon 0." in label for label in labels)
    assert not any("<bdi>" in label for label in labels)


def test_size_of_the_page_is_bounded(html: str, result: OodResult, changed: Callable[..., OodResult]):
    assert len(html.encode()) < 700_000
    random = np.random.default_rng(0)
    clouds = tuple(Points(name, random.normal(size=(5000, 2)), ("7",) * 5000) for name in (ID, "withheld"))
    scores = {key: random.normal(size=10_000) for key in result.scores}
    photo = random.integers(0, 256, (3, 500, 400), dtype=np.uint8)
    worst = tuple(WorstImage("withheld", f"{i}", "3", "5", 0.5, 0.0, 0.5, photo) for i in range(100))
    large = render_html(changed(pictures=(Picture("PCA", clouds),), scores=scores, worst=worst))
    assert len(large.encode()) < 2_000_000
    assert "2,000 of known classes in colour, 1,500 of unknown" in large
    assert Page(large).tags["img"] == 12


def test_the_thumbnails_of_a_large_report_are_one_picture():
    random = np.random.default_rng(0)
    digits = [np.full((1, 28, 30), i % 256, np.uint8) for i in range(10)]
    flat = sheet(digits)
    assert (flat.columns, flat.pitch, flat.width, flat.height) == (4, (32, 32), 30, 28)
    assert flat.uri.startswith("data:image/png;base64,")
    noise = sheet(list(random.integers(0, 256, (50, 3, 32, 32), dtype=np.uint8)))
    assert noise.uri.startswith("data:image/jpeg;base64,")


def test_one_run_without_baselines_has_no_best(small: OodResult):
    alone = replace(
        small,
        runs=small.runs[:1],
        groups=(Group("ranked", ("ranked",)),),
        aggregates=tuple(a for a in small.aggregates if a.group == "ranked"),
        measurements=tuple(m for m in small.measurements if m.run == "ranked"),
        comparisons=(),
    )
    html = render_html(alone)
    assert "(best)" not in html.split('id="all"')[0]
    text = Page(html).text
    assert "beside" not in text.split("The answer")[0]
    assert "What the ranking changed" not in text and "over 2 seeds" not in text
    # Measures of the known classes have no interval.
    assert re.search(r"The runs on known classes alone[^★]*smaller is better\. One run each\.\s", text)
    assert {curve["run"] for curve in Page(html).data()["curves"]} == {0}


def test_seven_sets(changed: Callable[..., OodResult], result: OodResult):
    names = [f"set {i}" for i in range(7)]
    one = result.sets[0]
    html = render_html(
        changed(
            sets=tuple(replace(one, name=name) for name in names),
            measurements=tuple(
                replace(m, ood=name) for name in names for m in result.measurements if m.ood == one.name
            ),
            aggregates=tuple(
                replace(a, target=name)
                for name in (*names, "withheld")
                for a in result.aggregates
                if a.target == one.name
            ),
            scores={(*key[:3], name): value for key, value in result.scores.items() for name in ("id", *names)},
        )
    )
    page = Page(html)
    assert page.values("role").count("img") == 7 * 3 + 3
    assert len(set(page.values("id"))) == len(page.values("id"))
    assert "withheld mean of 7 sets" in page.text


def test_a_run_without_the_headline_feature_stands_on_another(page: Page, small: OodResult):
    headline = page.text.split("Every score")[0]
    assert re.search(r"cross-entropy\s*encoder", headline)
    assert "has no headline score" in Page(render_html(replace(small, headline=("vim", "logits")))).text


def test_a_result_with_nothing_in_it(changed: Callable[..., OodResult], result: OodResult):
    bare = changed(
        runs=(RunSummary("alone", "runs/alone", "supcon", {}, group="alone"),),
        groups=(Group("alone", ("alone",)),),
        sets=(),
        infos=(),
        measurements=(),
        aggregates=(),
        comparisons=(),
        scores={},
        swallowed=(),
        worst=(),
        pictures=(),
        facts=(),
        warnings=(),
        tuning=None,
        threshold=None,
        rates=(),
        left_out=(),
    )
    page = Page(render_html(bare))
    assert "no unknown images" in page.text and "No threshold was set" in page.text
    assert page.data()["curves"] == page.data()["pictures"] == [] and page.data()["points"] is None
    empty = without_picture_points(result)
    named = render_html(replace(bare, sets=result.sets, pictures=empty))
    assert "There are no points to draw" in named and "No scores to draw" in named


def test_measures_without_a_value_are_dashes(small: OodResult):
    nan = float("nan")

    def lost(aggregate):
        return replace(aggregate, metrics={key: replace(e, value=nan) for key, e in aggregate.metrics.items()})

    html = render_html(
        replace(
            small,
            runs=tuple(replace(run, measures={"accuracy": None, "order_satisfaction": nan}) for run in small.runs),
            measurements=tuple(replace(m, auroc=nan, fpr95_ood_pos=nan) for m in small.measurements),
            aggregates=tuple(map(lost, small.aggregates)),
            comparisons=(),
            scores={key: np.full_like(value, nan) for key, value in small.scores.items()},
        )
    )
    assert not re.search(r"\bnan\b", html, re.IGNORECASE)
    assert Page(html).text.count("–") >= 6 + 2 * len(small.aggregates)


@pytest.mark.parametrize("constant", [0.0, -3e9])
def test_constant_scores_are_drawn(small: OodResult, constant: float):
    page = Page(render_html(replace(small, scores={key: np.full(5, constant) for key in small.scores})))
    assert page.values("role").count("img") == 3 + 1 + 1


def test_infinite_scores_keep_their_place(small: OodResult):
    key = ("ranked", *small.headline, ID)
    scores = small.scores | {key: np.array([0.0, 1.0, np.inf, -np.inf, np.nan])}
    curve = Page(render_html(replace(small, scores=scores))).data()["curves"][0]
    assert curve["n"][0] == 4
    assert curve["known"][0] == 4


@pytest.mark.parametrize("count", [2, 1000])
def test_few_and_many_classes(small: OodResult, count: int):
    classes = tuple(f"class {i}" for i in range(count))
    swallowed = tuple(Swallowed("withheld", f"new {i}", name, i % 7 + 1, 10) for i, name in enumerate(classes))
    cloud = Points(ID, np.random.default_rng(0).normal(size=(count, 2)), classes)
    picture = Picture("PCA", (cloud,), tuple(itertools.pairwise(classes)))
    many = OodSet("withheld", "x", "withheld", 10 * count, tuple(f"new {i}" for i in range(count)))
    page = Page(render_html(replace(small, id_classes=classes, swallowed=swallowed, pictures=(picture,), sets=(many,))))
    assert page.tags["li"] < 65
    assert ("993 other known classes" in page.text) == (count == 1000)
    assert ("20 most one-sided of 1000" in page.text) == (count == 1000)


def test_edges_of_the_ranking_are_drawn_between_classes_that_are_there(changed: Callable[..., OodResult]):
    cloud = Points(ID, np.array([[0.0, 0.0], [1.0, 0.5]]), ("0", "1"))
    legend = "the one the ranking calls most similar"
    with drawing():
        drawn = [
            any(
                legend in key.text
                for key in embeddings(changed(pictures=(Picture("PCA", (cloud,), edges),)))[0].plot.legend
            )
            for edges in ((("0", "1"),), (("0", "elsewhere"),), (("0", "0"),), ())
        ]
    assert drawn == [True, False, False, False]


def test_names_in_a_picture_do_not_cover_each_other():
    anchors = [(100.0, 100.0)] * 30
    places = place_labels(anchors, ["name"] * 30, 12, (400, 300))
    kept = [place for place in places if place is not None]
    assert places[0] == (100.0, 100.0) and 5 < len(kept) < 30
    for i, (x, y) in enumerate(kept):
        assert all(abs(x - other_x) > 24 or abs(y - other_y) > 12 for other_x, other_y in kept[:i])
    edge = place_labels([(2.0, 2.0)], ["at"], 12, (400, 300))[0]
    assert edge is not None and edge != (2.0, 2.0)  # moved into the picture


def test_worst_images_are_wrong_at_the_threshold(result: OodResult, page: Page, small: OodResult):
    strips = page.section("The worst misses and false alarms")
    assert re.search(r"Misses among static\s*None: the threshold catches every image of this set", strips)
    wrong = [w for w in result.worst if (w.score > result.threshold.value) == (w.set == ID)]
    assert 0 < len(wrong) < len(result.worst) and page.tags["img"] == len(wrong)
    # Without a threshold nothing is right or wrong, and all are shown for what they are.
    free = Page(render_html(replace(small, threshold=None, rates=())))
    assert free.tags["img"] == len(small.worst) and "There is no threshold to be wrong at" in free.text


def test_the_threshold_says_where_it_comes_from_and_how_to_use_it(small: OodResult, page: Page):
    text = page.section("The threshold, and how to use it")
    assert "118 known validation images" in text and "to keep 95\u00a0%" in text
    assert "| rankcon score runs/ranked -" in text
    spaced = replace(small, runs=(replace(small.runs[0], path="my runs/a"), *small.runs[1:]))
    assert "rankcon score 'my runs/a' -" in Page(render_html(spaced)).text


def test_comparisons_say_what_they_do_not_cover(page: Page, small: OodResult):
    assert "p values are not corrected for their number: of 4, 0.2 would" in page.text
    assert "Another seed may turn it round" not in page.text
    one_seed = tuple(replace(c, how="bootstrap", n=1) for c in small.comparisons)
    assert "Another seed may turn it round" in Page(render_html(replace(small, comparisons=one_seed))).text


def test_terms_and_sides_are_named(page: Page, small: OodResult):
    assert "ID, in-distribution: test images of the known classes" in page.text
    assert re.search(r"against supcon ranked less supcon", page.text)
    assert "the cosine to the mean of the nearest known class" in page.section("The worst misses")
    assert re.search(r"known images\s*images of the set\s*the threshold, a dot on the ROC curve", page.text)
    bare = replace(small.runs[0], details={"ranking_hash": "9f2c", "ce_weight": None})
    runs = Page(render_html(replace(small, runs=(bare, *small.runs[1:])))).section("Runs")
    assert "ranking hash: 9f2c" in runs and "ce weight" not in runs and "None" not in runs


def test_a_histogram_has_room_for_the_title_of_its_axis(small: OodResult):
    with drawing():
        figure = histogram(small, small.sets[0], "key").figure
        [axes] = figure.axes
        axes.set_yticks([0.125], ["12.5 %"])
        assert axes.yaxis.get_tightbbox().x0 >= 0 and axes.xaxis.get_tightbbox().y0 >= 0


def test_experimental_and_left_out_scores_are_marked(page: Page):
    text = page.section("Every score")
    assert re.search(r"tier-gap\s*experimental", text)
    assert "Left out: odin, it needs the images: ask for it by name." in text


def test_tiny_images_are_enlarged_and_photos_shrunk():
    shown = [display_size(np.zeros(shape)) for shape in ((1, 8, 8), (3, 50, 500), (3, 60, 60))]
    assert shown == [(112, 112), (112, 11), (60, 60)]


def test_report_needs_no_torch_and_imports_fast():
    code = (
        "import sys, rankcon_cli.report.page, rankcon_cli.ood.result;"
        "print(sorted({'torch', 'matplotlib', 'sklearn', 'PIL', 'jinja2'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
