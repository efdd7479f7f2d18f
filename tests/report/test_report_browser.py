"""The page in a real browser, from disk and with the network cut: what its script does, and what it is without it."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from renamed_result import renamed

from rankcon_cli.ood.result import ID, OodResult
from rankcon_cli.report.page import render_html
from rankcon_cli.wording import percent

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
HOSTILE = {
    "3": "</script><script>alert(1)</script>",
    "0": "\"'><img src=x onerror=alert(2)>]]>",
    "1": "\u202eعربي 🦊",
    "withheld": "<b>{{ 7 * 7 }}</b>",
    "ranked": "</title><script>alert(3)</script>",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the path")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(result: OodResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved(result, tmp_path_factory.mktemp("report") / "report.html")


def saved(result: OodResult, path: Any) -> str:
    path.write_text(render_html(result), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address in a context of its own; in the end nothing may have been reported or asked of the network."""
    contexts, reported = [], []

    def open_page(address: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1000, "height": 900}} | options)
        contexts.append(context)
        context.set_offline(True)
        context.route(
            re.compile(r"^(?!file:|data:)"), lambda route: (reported.append(route.request.url), route.abort())
        )
        page = context.new_page()
        page.on("console", lambda message: reported.append(message.text))
        page.on("pageerror", lambda error: reported.append(str(error)))
        page.on("dialog", lambda dialog: (reported.append(dialog.message), dialog.dismiss()))
        page.on(
            "request", lambda request: None if request.url.startswith(("file:", "data:")) else reported.append(request)
        )
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert reported == []


def rates(page: Any) -> dict[str, str]:
    """The rows below the slider: what is counted -> its share."""
    rows = page.locator("#live-rates tr").all()
    return {row.locator("th").inner_text(): row.locator(".share").inner_text().strip() for row in rows}


def curve(page: Any) -> str:
    return page.locator("#live-roc path.curve").get_attribute("d")


def test_the_headline_and_the_threshold_in_use_are_shown_first(opened, report: str, result: OodResult):
    page = opened(report)
    assert page.locator("#pick-run option:checked").inner_text() == "ranked"
    assert page.locator("#pick-score").input_value() == "knn"
    assert page.locator("#pick-feature").input_value() == "projection"
    assert page.locator("#threshold-value").inner_text() == f"{result.threshold.value:.4g} (in use)"
    flagged = {rate.set: rate.flagged for rate in result.rates if not rate.class_name}
    wanted = {f"{ood.name} caught": f"{100 * flagged[ood.name]:.1f}\u00a0%" for ood in result.sets}
    assert rates(page) == {"Known images kept": f"{100 * (1 - flagged[ID]):.1f}\u00a0%"} | wanted


def test_controls_change_what_is_shown(opened, report: str, result: OodResult):
    page = opened(report)
    measured = {(m.run, m.score, m.feature, m.ood): m for m in result.measurements}

    def shown() -> tuple[str, str]:
        return page.locator("#live-measures dd").first.inner_text(), curve(page)

    def changed_to(*key: str) -> None:
        nonlocal before
        auroc, drawn = shown()
        assert auroc == f"{measured[key].auroc:.3f}" and drawn != before
        before = drawn

    before = ""
    changed_to("ranked", "knn", "projection", "withheld")
    page.select_option("#pick-set", label="mirrored")
    changed_to("ranked", "knn", "projection", "mirrored")
    page.select_option("#pick-score", "tier-gap")
    changed_to("ranked", "tier-gap", "projection", "mirrored")
    assert "(in use)" not in page.locator("#threshold-value").inner_text()
    page.select_option("#pick-feature", "encoder")
    changed_to("ranked", "tier-gap", "encoder", "mirrored")
    # This run has neither the score nor the other feature.
    page.select_option("#pick-run", label="cross-entropy")
    changed_to("cross-entropy", "knn", "encoder", "mirrored")
    assert page.locator("#pick-feature option").all_inner_texts() == ["encoder"]
    assert "experimental" not in " ".join(page.locator("#pick-score option").all_inner_texts())


def test_the_slider_moves_by_keyboard_and_back(opened, report: str, result: OodResult):
    page = opened(report)
    slider, output = page.get_by_label("Threshold", exact=True), page.locator("#threshold-value")
    first, drawn = rates(page), page.locator("#live-histogram path.cut").get_attribute("d")
    slider.focus()
    page.keyboard.press("Home")
    assert (
        set(rates(page).values()) == {"0.0\u00a0%", "100.0\u00a0%"} and rates(page)["withheld caught"] == "100.0\u00a0%"
    )
    page.keyboard.press("End")
    assert rates(page)["Known images kept"] == "100.0\u00a0%" and rates(page)["static caught"] == "0.0\u00a0%"
    page.keyboard.press("ArrowLeft")
    assert page.locator("#live-histogram path.cut").get_attribute("d") != drawn
    assert "keeps" in slider.get_attribute("aria-valuetext") and output.inner_text() in slider.get_attribute(
        "aria-valuetext"
    )
    page.get_by_role("button", name="Back to the one in use").click()
    assert rates(page) == first and output.inner_text().endswith("(in use)")


def test_an_image_shows_on_hover_focus_and_touch(opened, report: str):
    page = opened(report)
    card, stage = page.locator("#point"), page.locator(".stage").first
    assert card.is_hidden()
    stage.scroll_into_view_if_needed()
    box, first = (
        stage.bounding_box(),
        page.evaluate("[...data.pictures[0].places.slice(0, 2), data.pictures[0].size[0]]"),
    )
    scale = box["width"] / first[2]
    page.mouse.move(box["x"] + first[0] * scale, box["y"] + first[1] * scale)
    assert card.is_visible() and "known class" in card.inner_text() and "outlier score" in card.inner_text()
    assert (
        page.evaluate(
            "(c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size)"
            "(document.querySelector('#point canvas'))"
        )
        > 3
    )
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] + 40)
    assert card.is_hidden()
    page.locator("#pick-picture input").first.focus()
    page.keyboard.press("Tab")
    assert card.is_visible()
    before = card.inner_text()
    page.keyboard.press("ArrowRight")
    assert card.is_visible() and card.inner_text() != before
    page.keyboard.press("Escape")
    assert card.is_hidden()


def test_a_tap_shows_an_image(opened, report: str):
    page = opened(report, has_touch=True, viewport={"width": 360, "height": 740})
    stage = page.locator(".stage").first
    stage.scroll_into_view_if_needed()
    box, first = (
        stage.bounding_box(),
        page.evaluate("[...data.pictures[0].places.slice(0, 2), data.pictures[0].size[0]]"),
    )
    scale = box["width"] / first[2]
    page.touchscreen.tap(box["x"] + first[0] * scale, box["y"] + first[1] * scale)
    card = page.locator("#point")
    assert card.is_visible()
    inner = card.bounding_box()
    assert inner["x"] >= 0 and inner["x"] + inner["width"] <= 360


def test_pictures_are_exchanged(opened, report: str):
    page = opened(report)
    figures = page.locator("[data-picture]")
    assert [figure.is_visible() for figure in figures.all()] == [True, False]
    page.get_by_role("radio", name="PCA").check()
    assert [figure.is_visible() for figure in figures.all()] == [False, True]


def test_hostile_names_stay_text(opened, result: OodResult, tmp_path):
    page = opened(saved(renamed(result, HOSTILE), tmp_path / "a'b <i> 🦊.html"))
    assert HOSTILE["withheld"] in page.locator("#pick-set").inner_text()
    assert f"{HOSTILE['withheld']} caught" in rates(page)
    assert page.locator("#pick-run option:checked").inner_text() == HOSTILE["ranked"]
    page.locator(".stage").first.focus()
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    assert page.locator("#point").is_visible()
    assert page.evaluate("document.querySelectorAll('script').length") == 2
    assert page.evaluate("document.querySelectorAll('main b, img[onerror]').length") == 0
    assert HOSTILE["3"] in page.locator("#swallowed").inner_text()
    assert set(HOSTILE.values()) - {HOSTILE["withheld"], HOSTILE["ranked"]} <= set(page.evaluate("data.points.classes"))


def test_nothing_overflows_a_phone(opened, report: str, result: OodResult, tmp_path):
    long = renamed(result, {"withheld": "w" * 300, "ranked": "r" * 300, "3": "c" * 300, "withheld/0000.png": "f" * 300})
    for address in (report, saved(long, tmp_path / "long.html")):
        page = opened(address, viewport={"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_what_a_row_is_about_stays_in_sight_on_a_phone(opened, report: str):
    page = opened(report, viewport={"width": 360, "height": 740})
    region = page.locator("[aria-labelledby=main-caption]")
    region.evaluate("region => { region.scrollLeft = 250 }")
    head, cell = region.locator("tbody th[scope=row]").first, region.locator("tbody td").first
    assert head.bounding_box()["x"] == region.bounding_box()["x"] > cell.bounding_box()["x"]
    assert region.locator(".group bdi").first.bounding_box()["x"] > region.bounding_box()["x"]
    assert head.evaluate("head => getComputedStyle(head).backgroundColor") == cell.evaluate(
        "cell => getComputedStyle(cell).backgroundColor"
    )


def test_bars_are_drawn_in_forced_colours(opened, report: str):
    page = opened(report, forced_colors="active")
    colour = "e => getComputedStyle(e).backgroundColor"
    assert page.locator("#swallowed .bar").first.evaluate(colour) != page.locator("body").evaluate(colour)


def test_dark_mode_and_paper_have_their_colours(opened, report: str):
    def brightness(page: Any, selector: str, name: str) -> float:
        colour = page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).{name}")
        return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3

    page = opened(report, color_scheme="dark")
    assert brightness(page, "body", "backgroundColor") < 60 < 180 < brightness(page, "body", "color")
    assert brightness(page, "#live-roc text", "fill") > 180
    assert brightness(page, ".triple svg text", "fill") > 180
    page.emulate_media(media="print", color_scheme="dark")
    assert brightness(page, "body", "backgroundColor") > 240 and brightness(page, "body", "color") < 60
    assert [figure.is_visible() for figure in page.locator("[data-picture]").all()] == [True, True]
    assert page.locator("#explorer").is_hidden() and page.locator("nav").is_hidden()
    assert page.locator("#pick-picture").is_hidden()
    assert page.locator("#by-class-caption").is_visible()


def test_without_script_all_is_there_and_no_control_is_dead(opened, report: str, result: OodResult):
    page = opened(report, java_script_enabled=False)
    assert page.locator("select:visible, input:visible, button:visible").count() == 0
    assert page.locator("#point").is_hidden() and page.locator("#picture-hint").is_hidden()
    assert page.locator("main svg[role=img]:visible").count() == 3 * len(result.sets) + len(result.pictures)
    assert all(figure.is_visible() for figure in page.locator("[data-picture]").all())
    page.locator("#all summary").first.click()
    assert page.locator("#full-caption-1").is_visible()


def test_a_result_without_scores_or_pictures_opens(opened, result: OodResult, tmp_path):
    page = opened(saved(replace(result, scores={}, pictures=(), threshold=None), tmp_path / "bare.html"))
    assert page.locator("#explorer").is_hidden()
    assert page.locator("h1").is_visible()


def test_the_script_rounds_as_the_tables_do(opened, report: str):
    shares = [n / 400 for n in range(401)]
    assert opened(report).evaluate("shares => shares.map(percent)", shares) == [percent(share) for share in shares]


def test_every_control_has_a_name_and_every_stop_can_be_reached(opened, report: str):
    page = opened(report)
    names = page.evaluate(
        "[...document.querySelectorAll('select, input, button, [tabindex=\"0\"], summary')].filter(e => e.checkVisibility())"
        ".map(e => e.labels?.length ? e.labels[0].textContent : e.getAttribute('aria-label') || e.textContent"
        " || document.getElementById(e.getAttribute('aria-labelledby'))?.textContent)"
    )
    assert len(names) > 15 and all(name and name.strip() for name in names)
