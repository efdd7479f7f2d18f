"""``rankcon rank derive`` as a user runs it."""

import json
from types import SimpleNamespace

import pytest
from PIL import Image

from rankcon_cli.cli.console import console
from rankcon_cli.cli.main import main
from rankcon_cli.ranking import compile_ranking, parse, write

EDGES = "parent,child\nthing,animal\nthing,car\nanimal,pet\nanimal,bird\npet,cat\npet,dog\n"
DAG = EDGES + "toy,car\ntoy,bird\ntoy,doll\n"


@pytest.fixture
def derive(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        console.quiet = False
        capsys.readouterr()
        code = main(["rank", "derive", *map(str, arguments)])
        captured = capsys.readouterr()
        return SimpleNamespace(code=code, out=captured.out, err=captured.err)

    return run


def test_the_ranking_goes_to_stdout_and_a_summary_to_stderr(derive, tmp_path):
    (tmp_path / "tree.csv").write_text(EDGES)
    result = derive("tree.csv", "--name", "my tree")
    assert result.code == 0 and result.err == "edges: 4 classes, 2 groups; at most 2 tiers a class\n"
    ranking = parse(result.out, "out")
    assert write(ranking) == result.out
    assert ranking.name == "my tree" and ranking.classes == ("cat", "dog", "bird", "car")
    assert ranking.source == "derived from tree.csv (edges), by depth of the lowest common ancestor"
    assert derive("tree.csv", "--quiet").err == ""


def test_out_is_written_once_unless_forced(derive, tmp_path):
    (tmp_path / "tree.csv").write_text(EDGES)
    assert derive("tree.csv", "--out", "r.json").out == ""
    assert parse((tmp_path / "r.json").read_text(), "r").groups
    assert derive("tree.csv", "-o", "r.json").code == 3
    assert derive("tree.csv", "-o", "r.json", "--force").code == 0


def test_standard_input_and_the_kind_in_words(derive, tmp_path, monkeypatch):
    import io
    import sys

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"((a,b),c);")))
    result = derive("-", "--depth", "1")
    assert "derived from standard input (newick)" in result.out and "to depth 1" in result.out
    (tmp_path / "pairs").write_text("r a\nr x\na b\na c\n")
    vague = derive("pairs")
    assert vague.code == 3 and "not plain of what kind" in vague.err and "lines of two words" in vague.err
    assert derive("pairs", "--from", "edges").code == 0
    wrong = derive("pairs", "--from", "edge")
    assert wrong.code == 2 and "did you mean 'edges'?" in wrong.err


def test_order_and_names_choose_and_call_the_classes(derive, tmp_path):
    (tmp_path / "tree.csv").write_text(EDGES)
    (tmp_path / "order.txt").write_text("Vogel\npet\ncat\ncar\n")
    (tmp_path / "names.csv").write_text("bird,Vogel\ncat,Katze\n")
    result = derive("tree.csv", "--order", "order.txt", "--names", "names.csv")
    ranking = parse(result.out, "out")
    assert ranking.classes == ("Vogel", "pet", "Katze", "car")
    assert ranking.groups["pet (group)"].of == ("pet", "Katze")
    (tmp_path / "order.txt").write_text("birdd\ncat\n")
    assert (
        "order.txt lists what is not in tree.csv: 'birdd' (did you mean 'bird'?)"
        in derive("tree.csv", "--order", "order.txt").err
    )


def test_by_path_and_to_a_depth(derive, tmp_path):
    (tmp_path / "dag.csv").write_text(DAG)
    tiers = compile_ranking(parse(derive("dag.csv", "--by", "path", "--depth", 2).out, "out"))
    assert tiers.classes == ("cat", "dog", "bird", "car", "doll")
    assert tiers.tiers[2] == ((3, 4), (0, 1))  # two steps to a toy, three to a pet
    assert derive("dag.csv", "--by", "means").code == 2
    assert derive("dag.csv", "--depth", "0").code == 2


@pytest.mark.parametrize("arguments", [(), ("--by", "path"), ("--depth", "1")])
def test_where_all_stand_side_by_side_the_classes_alone_are_a_start(derive, tmp_path, arguments):
    (tmp_path / "flat.csv").write_text("parent,child\nr,a\nr,b\nr,c\n")
    result = derive("flat.csv", *arguments)
    warning, last = result.err.splitlines()
    assert warning.startswith("warning: flat.csv: no node holds several of the classes and not all of them")
    assert "rankcon rank edit" in warning and last == "edges: 3 classes; nothing ranked yet"
    ranking = parse(result.out, "out")
    assert result.code == 0 and ranking.classes == ("a", "b", "c") and not ranking.groups and not ranking.rankings


def test_a_tree_to_a_depth_keeps_low_groups_and_warns_of_who_is_left_alone(derive, tmp_path):
    (tmp_path / "tree.csv").write_text(EDGES)
    assert derive("tree.csv", "--depth", 2).err == derive("tree.csv").err
    warning, last = derive("tree.csv", "--depth", 1).err.splitlines()
    assert warning == (
        "warning: depth 1 leaves 1 of 4 classes with nothing similar, as only higher groups hold them: 'bird'"
    )
    assert last == "edges: 4 classes, 1 group; at most 1 tier a class"


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--parts"], "--parts goes with --from openimages, not with edges"),
        (["--similarity"], "--similarity goes with --from matrix or table"),
        (["--data", "digits"], "--data goes with --from run"),
        (["--cuts", "0.5"], "--cuts goes with numbers, and edges gives hierarchies"),
        (["--top-k", "3"], "--top-k goes with numbers"),
        (["--no-scores"], "--no-scores goes with numbers"),
        (["--similarity", "--distance"], "exclude each other"),
    ],
)
def test_flags_that_a_kind_has_no_use_for_are_refused(derive, tmp_path, flags, message):
    (tmp_path / "tree.csv").write_text(EDGES)
    result = derive("tree.csv", *flags)
    assert result.code == 2 and message in result.err


def test_numbers_become_tiers_by_the_flags_of_numbers(derive, tmp_path):
    (tmp_path / "m.csv").write_text(",cat,dog,car\ncat,1,0.9,0.2\ndog,0.9,1,0.3\ncar,0.2,0.3,1\n")
    unsaid = derive("m.csv")
    assert unsaid.code == 2 and "similarities or distances?" in unsaid.err
    ranking = parse(derive("m.csv", "--similarity", "--cuts", "0.8,0.25").out, "out")
    assert compile_ranking(ranking).tiers == (((1,),), ((0,), (2,)), ((1,),))
    assert ranking.source == "derived from m.csv (matrix), cuts 0.8,0.25"
    assert derive("m.csv", "--similarity", "--depth", "2").code == 2
    assert derive("m.csv", "--similarity", "--by", "lca").code == 2
    assert derive("m.csv", "--similarity", "--cuts", "high").code == 2
    (tmp_path / "order.txt").write_text("car\ndog\n")
    assert parse(derive("m.csv", "--similarity", "--order", "order.txt").out, "out").classes == ("car", "dog")


def test_a_table_may_be_a_hierarchy_or_numbers(derive, tmp_path):
    (tmp_path / "t.csv").write_text(EDGES)
    assert parse(derive("t.csv", "--from", "table").out, "out").groups
    assert derive("t.csv", "--from", "table", "--top-k", "1").code == 2
    (tmp_path / "t.csv").write_text("class,similar,score\na,b,0.9\nb,a,0.9\nb,c,0.5\nc,b,0.5\n")
    assert compile_ranking(parse(derive("t.csv", "--top-k", "1").out, "out")).tiers == (((1,),), ((0,),), ((1,),))
    assert derive("t.csv", "--depth", "1").code == 2


def photos(root, *folders):
    for folder in folders:
        (root / folder).mkdir(parents=True)
        Image.new("L", (4, 4)).save(root / folder / "1.png")


def test_folders_are_the_classes_of_a_tree_of_images(derive, tmp_path):
    photos(tmp_path / "fruits", "Training/Apple/red", "Training/Apple/green", "Training/Cherry/red", "Training/Plum")
    photos(tmp_path / "fruits", "Test/Apple/yellow", "Test/Cherry/black", "Test/Plum")
    (tmp_path / "fruits/Training/Apple/loop").symlink_to(tmp_path / "fruits/Training")
    result = derive("fruits", "-o", "r.json")
    assert result.code == 0, result.err
    ranking = parse((tmp_path / "r.json").read_text(), "r")
    assert set(ranking.groups["Apple"].of) == {"Apple/red", "green", "yellow"}
    assert set(ranking.groups["Cherry"].of) == {"Cherry/red", "black"}
    assert main(["rank", "validate", "r.json", "--data", "tree:fruits"]) == 0
    assert derive("nowhere", "--from", "folders").code == 3
    assert derive("fruits", "--from", "coco").code == 3


def test_flat_folders_are_a_start_however_they_are_spelled(derive, tmp_path):
    photos(tmp_path / "photos", "train/dog", "train/cat", "test/dog", "test/cat")
    photos(tmp_path / "nested", "pet/dog", "pet/cat", "road/car", "road/dog")
    for file in ("photos", "photos/train", "tree:photos", "folder:photos", "folder:photos#train"):
        result = derive(file)
        assert result.code == 0 and parse(result.out, "out").classes == ("cat", "dog"), result.err
        assert f"warning: {file}: the class folders stand side by side" in result.err
        assert "put similar ones into a common folder (animal/dog, animal/cat)" in result.err
    assert "name them tree:nested" in derive("folder:nested").err
    result = derive("tree:nested")
    assert set(parse(result.out, "out").groups) == {"pet", "road"}
    assert "2 classes of the same name as another, called by the path: 'pet/dog' and 'road/dog'" in result.err
    assert "there is no folder none" in derive("tree:none").err


def test_a_folder_name_that_is_no_utf8_is_warned_of(derive, tmp_path):
    import os

    photos(tmp_path / "photos", "a/x", "a/y", "b")
    try:
        os.rename(os.fsencode(tmp_path / "photos/b"), os.fsencode(tmp_path / "photos") + b"/caf\xe9")
    except OSError:
        pytest.skip("this file system takes no such name")
    result = derive("photos")
    assert "no UTF-8" in result.err and parse(result.out, "out").classes == ("caf\\udce9", "x", "y")


def test_nothing_to_read(derive, tmp_path, monkeypatch):
    import io
    import sys

    for stream in (None, io.TextIOWrapper(io.BytesIO())):
        monkeypatch.setattr(sys, "stdin", stream)
        for arguments in (("-",), ("-", "--from", "edges")):
            result = derive(*arguments)
            assert result.code == 3 and result.err.startswith("rank derive: nothing came in on standard input")
    for text in ("", " \n"):
        (tmp_path / "empty").write_text(text)
        assert "empty: the file is empty" in derive("empty").err
    assert derive("-", "--order", "-").code == 2


def test_a_matrix_without_names_takes_those_of_the_list(derive, tmp_path):
    (tmp_path / "m.txt").write_text("1 .9 .1\n.9 1 .2\n.1 .2 1\n")
    (tmp_path / "order.txt").write_text("cat\ndog\ncar\n")
    assert "no class names" in derive("m.txt", "--from", "matrix", "--similarity").err
    result = derive("m.txt", "--from", "matrix", "--similarity", "--order", "order.txt", "--top-k", 1)
    ranking = parse(result.out, "out")
    assert ranking.classes == ("cat", "dog", "car") and ranking.rankings["car"].tiers[0].of == ("dog",)


def test_the_record_of_a_run_points_to_the_run(derive, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text('{"format": "rankcon/run", "classes": ["a", "b"]}')
    result = derive("run/run.json")
    assert result.code == 3 and "rankcon rank derive 'run'" in result.err


def test_fruits_as_they_are_published(derive, tmp_path, real_data):
    root = next(path.parent for path in real_data("fruits67").rglob("Training"))
    result = derive(root, "--out", "r.json")
    assert result.code == 0, result.err
    groups = parse((tmp_path / "r.json").read_text(), "r").groups
    assert sorted(groups) == ["Apple", "Cherry", "Tomato"]


def test_a_pipe_of_verbs_takes_what_derive_prints(derive, tmp_path, capsys, monkeypatch):
    import io
    import sys

    rows = [
        {"id": 7 - i, "name": name, "supercategory": above}
        for i, (name, above) in enumerate(
            [("bird", "animal"), ("cat", "animal"), ("car", "vehicle"), ("bus", "vehicle")]
        )
    ]
    (tmp_path / "annotations.json").write_text(json.dumps({"images": [], "categories": rows}))
    out = derive("--from", "coco", "annotations.json").out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(out.encode())))
    assert main(["rank", "validate", "-", "--strict"]) == 0


def test_the_page_names_every_kind():
    from pathlib import Path

    from rankcon_cli.derive.sources import KINDS, PLACES

    page = (Path(__file__).parents[2] / "docs/derive.md").read_text(encoding="utf-8")
    assert [kind for kind in (*KINDS, *PLACES) if f"`{kind}`" not in page.split("## Trees")[0]] == []
