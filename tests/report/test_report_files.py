"""The report as files: tables for programs and papers, figures, and what an earlier report leaves behind."""

import csv
import io
import json
import logging
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rankcon_cli.errors import RankconError, UsageError
from rankcon_cli.ood.result import Estimate, OodResult
from rankcon_cli.report import files, tables
from rankcon_cli.report.cells import Cell, Column, Row, Section, Table
from rankcon_cli.report.figures import figure_files, slugs
from rankcon_cli.report.files import check_free, write_report
from rankcon_cli.report.latex import escape_latex, provenance, to_latex
from rankcon_cli.report.text_tables import escape_markdown, harmless, to_csv, to_markdown

HOSTILE = '=HYPERLINK("x")|a_b*c*<script>\n[bold] 50% & #1 ~^\\{}$ caf\udce9 \u202e🦊é\x1b'


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def table_of(label: str, title: str = "set") -> Table:
    number = Cell("0.500", True, "± 0.010", Estimate(0.5, 2, 0.01))
    sections = (Section(title, "near", (Row((label,), (number,)), Row(("other",), (Cell("–"),)))),)
    return Table("main", "A caption.", ("OOD set", "Kind"), ("Group",), (Column("auroc", "AUROC", 1),), sections)


def test_csv_has_one_value_a_cell_with_all_digits(result: OodResult):
    text = to_csv(tables.main(result))
    rows = read_csv(text)
    assert text.endswith("\r\n") and len(rows) == 15
    first = rows[0]
    auroc = tables.headline_aggregate(result, "ranked", "withheld").metrics["auroc"]
    assert (first["ood_set"], first["kind"], first["group"], first["seeds"]) == ("withheld", "withheld", "ranked", "2")
    assert (float(first["auroc"]), float(first["auroc_sd"]), first["auroc_n"]) == (auroc.value, auroc.sd, "2")
    assert (first["auroc_low"], first["auroc_high"]) == ("", "")
    alone = next(row for row in rows if row["group"] == "cross-entropy")
    assert alone["auroc_sd"] == "" and 0 < float(alone["auroc_low"]) < float(alone["auroc_high"]) < 1
    assert rows[-1]["oscr"] == rows[-1]["oscr_n"] == ""


def test_csv_of_comparisons_and_rates_speaks_in_keys(result: OodResult):
    first = read_csv(to_csv(tables.comparisons(result)))[0]
    assert first == {
        **{"against": "supcon", "subject": "ranked", "measure": "accuracy", "ood_set": "", "by": "paired seeds"},
        **{
            "better": "",
            "difference": "-0.005",
            "difference_low": "-0.03",
            "difference_high": "0.02",
            "p": "0.24",
            "n": "2",
        },
    }
    whole, first_class, *_ = read_csv(to_csv(tables.rates(result)))
    assert (whole["set"], whole["kind"], whole["class"], whole["n"]) == ("id", "known", "", str(result.n_id))
    assert first_class["class"] == "0" and set(whole) == {
        "set",
        "kind",
        "class",
        "flagged",
        "flagged_low",
        "flagged_high",
        "n",
    }


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_csv_disarms_formulas(text: str):
    assert harmless(text) == f"'{text}"
    assert harmless(f"a{text}") == f"a{text}"


def test_csv_quotes_what_must_be_quoted_and_keeps_it():
    rows = read_csv(to_csv(table_of('two\nlines, "quoted" 🦊')))
    assert rows[0]["group"] == 'two\nlines, "quoted" 🦊'
    assert read_csv(to_csv(table_of("caf\udce9")))[0]["group"] == "caf\\udce9"


def test_markdown_is_a_pipe_table_with_the_best_in_bold():
    assert to_markdown(table_of("ranked")).splitlines() == [
        "A caption.",
        "",
        "| OOD set | Group | AUROC |",
        "| :-- | :-- | --: |",
        "| set (near) | ranked | **0.500** ± 0.010 |",
        "| set (near) | other | – |",
    ]


def test_markdown_escapes_names_and_keeps_a_row_on_its_line():
    lines = to_markdown(table_of(HOSTILE, HOSTILE)).splitlines()
    assert len(lines) == 6
    for line in lines[4:]:
        assert len(re.findall(r"(?<!\\)\|", line)) == 4
        assert not re.search(r"(?<!\\)[<>_$]", line)
    assert len(escape_markdown("x" * 1000)) == 60
    assert escape_markdown("שלום") == "\u2068שלום\u2069"


def test_latex_is_a_booktabs_tabular_with_sections_and_bold():
    text = to_latex(table_of("ranked"), ["written by\nrankcon \\end{x}"])
    assert text.splitlines() == [
        "% A caption.",
        "% written by rankcon \\end{x}",
        r"% needs \usepackage{booktabs}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"Group & AUROC \\",
        r"\midrule",
        r"\multicolumn{2}{l}{\textit{set} (near)} \\",
        r"ranked & \textbf{0.500} $\pm$ 0.010 \\",
        r"other & -- \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_latex_of_the_whole_result_is_sound(result: OodResult):
    for build in (tables.main, tables.full, tables.runs, tables.comparisons, tables.rates):
        table = build(result)
        body = [line for line in to_latex(table, provenance(result)).splitlines() if not line.startswith("%")]
        width = len(table.headings) + len(table.columns)
        rows = [line for line in body if line.endswith(r"\\") and "multicolumn" not in line]
        assert all(len(re.findall(r"(?<!\\)&", line)) == width - 1 for line in rows)
        assert all(line.isascii() and line.count("{") == line.count("}") for line in body)
        assert all(
            len(re.findall(r"(?<!\\)\$", line)) % 2 == 0 and not re.search(r"(?<!\\)[%#_]", line) for line in body
        )
    assert "FPR95, OOD positive (\\%)" in to_latex(tables.main(result))
    assert "$-$0.5 pp {[}$-$3.0, $+$2.0]" in to_latex(tables.comparisons(result))


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("50% & #1 $_{}", r"50\% \& \#1 \$\_\{\}"),
        ("~^\\|", r"\textasciitilde{}\textasciicircum{}\textbackslash{}\textbar{}"),
        ("[bold]*", "{[}bold]{*}"),
        ("Ünïcode é", r"\"{U}n\"{\i}code \'{e}"),
        ("e\u0301", r"\'{e}"),
        ("a---b -1", "a-{}-{}-b -1"),
        ("straße – 日", r"stra\ss{}e -- U+65E5"),
        ("🦊\u202e", "U+1F98AU+202E"),
        ("two\nlines\x00", "two linesU+FFFD"),
    ],
)
def test_latex_prints_names_letter_by_letter(name: str, escaped: str):
    assert escape_latex(name) == escaped


def test_latex_says_where_the_numbers_come_from(result: OodResult):
    text = to_latex(tables.main(result), provenance(result))
    assert f"% known: {result.n_id} images of digits (test split)" in text
    assert "% seeds: ranked: 0, 1; supcon: 0, 1; cross-entropy: 0" in text
    assert "% headline score: knn on projection, tuned on npz:tuning.npz" in text
    assert re.search(r"% written by rankcon \d", text)


def test_file_names_are_distinct_and_safe():
    names = ["../../etc/passwd", "a b", "A_b", "a-b", "🦊", "", "x" * 300, "évil\n", "a-b-2"]
    found = slugs(names)
    assert found == ["etc-passwd", "a-b", "a_b", "a-b-2", "set", "set-2", "x" * 40, "evil", "a-b-2-2"]


@pytest.fixture(scope="module")
def small(result: OodResult) -> OodResult:
    """One set and one picture, with names that the font and the shell would stumble over."""
    hostile = replace(result.sets[0], name="🦊 $x_2$ \\frac")
    scores = {
        (*key[:3], hostile.name if key[3] == "withheld" else key[3]): value for key, value in result.scores.items()
    }
    measurements = tuple(replace(m, ood=hostile.name) for m in result.measurements if m.ood == "withheld")
    return replace(
        result, sets=(hostile,), pictures=result.pictures[:1], scores=scores, measurements=measurements, aggregates=()
    )


def test_figures_are_complete_svg_and_pdf_on_white(small: OodResult, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "rankcon"):
        found = dict(figure_files(small))
    kinds = ("roc-x_2-frac", "pr-x_2-frac", "histogram-x_2-frac", "embedding-t-sne")
    assert list(found) == [f"{kind}.{suffix}" for kind in kinds for suffix in ("svg", "pdf")]
    for name, content in found.items():
        if name.endswith("svg"):
            svg = ET.fromstring(content)
            assert svg.tag == "{http://www.w3.org/2000/svg}svg" and b"fill: #ffffff" in content
            assert not list(svg.iter("{http://www.w3.org/2000/svg}text"))  # outlines: no font is needed to read it
        else:
            assert content.startswith(b"%PDF-") and b"FontFile2" in content and b"CreationDate" not in content
    assert [record.getMessage() for record in caplog.records] == [
        "some letters of names are missing from the font of the figure files and stand as boxes there"
    ]


def test_figures_are_the_same_bytes_twice(small: OodResult):
    one = replace(small, sets=(), measurements=())
    assert dict(figure_files(one)) == dict(figure_files(one))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures and page by name alone: what they look like is not asked here."""
    monkeypatch.setattr(
        files, "figure_files", lambda result: [(f"roc-{ood.name}.svg", b"<svg/>") for ood in result.sets]
    )
    monkeypatch.setattr(files, "render_html", lambda result: "page")


def listing(out: Path) -> set[str]:
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("quick")
def test_everything_is_written_and_listed(changed: Callable[..., OodResult], result: OodResult, tmp_path: Path):
    out = tmp_path / "new" / "folder"
    written = write_report(changed(sets=result.sets[:1]), out)
    names = ("main", "all_scores", "runs", "comparisons", "rates")
    expected = {f"tables/{name}.{suffix}" for name in names for suffix in ("csv", "md", "tex")}
    expected |= {"figures/roc-withheld.svg", "report.html", "report.json"}
    assert listing(out) == expected == {path.relative_to(out).as_posix() for path in written.files}
    assert (written.page, written.document) == (out / "report.html", out / "report.json")
    document = json.loads(written.document.read_text(encoding="utf-8"))
    assert set(document["files"]) == expected


@pytest.mark.usefixtures("quick")
def test_a_newer_report_takes_away_what_the_older_had_alone(
    changed: Callable[..., OodResult], result: OodResult, tmp_path: Path
):
    write_report(changed(sets=result.sets[:1]), tmp_path)
    (tmp_path / "figures" / "roc-mine.svg").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    write_report(changed(sets=result.sets[3:]), tmp_path)
    assert {"figures/roc-static.svg", "figures/roc-mine.svg", "notes.txt"} <= listing(tmp_path)
    assert not (tmp_path / "figures" / "roc-withheld.svg").exists()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "document",
    [
        '{"files": ["../precious.txt", "/etc/passwd", "notes.txt", "figures/../notes.txt", 7, null]}',
        '{"files": "notes.txt"}',
        "[1, 2]",
        "no json \udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
        "[" * 100_000,
    ],
)
def test_an_older_report_cannot_have_other_files_removed(result: OodResult, tmp_path: Path, document: str):
    out = tmp_path / "out"
    out.mkdir()
    for path in (tmp_path / "precious.txt", out / "notes.txt"):
        path.write_text("mine")
    (out / "report.json").write_text(document, encoding="utf-8")
    write_report(result, out)
    assert (tmp_path / "precious.txt").exists() and (out / "notes.txt").exists()


@pytest.mark.usefixtures("quick")
def test_a_folder_that_cannot_be_written_is_told(result: OodResult, tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RankconError, match="cannot write"):
        write_report(result, tmp_path / "file")


@pytest.mark.parametrize("name", ["report.html", "report.json", "tables/main.csv", "figures/roc-withheld.svg"])
def test_what_would_be_overwritten_is_refused_before_the_work(tmp_path: Path, name: str):
    check_free(tmp_path / "nowhere", force=False)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=re.escape(str(tmp_path))):
        check_free(tmp_path, force=False)
    check_free(tmp_path, force=True)


def test_files_of_others_are_no_obstacle_but_a_file_in_place_of_the_folder_is(tmp_path: Path):
    for name in ("notes.txt", "figures/photo.svg", "tables/mine.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    check_free(tmp_path, force=False)
    for force in (False, True):
        with pytest.raises(UsageError, match="is a file"):
            check_free(tmp_path / "notes.txt", force=force)
