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
    assert vague.code == 3 and "not plain of what kind" in vague.err and "--from node-link | graphml" in vague.err
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


def test_what_ranks_nothing_is_said(derive, tmp_path):
    (tmp_path / "flat.csv").write_text("parent,child\nr,a\nr,b\nr,c\n")
    for arguments in ((), ("--by", "path")):
        result = derive("flat.csv", *arguments)
        assert result.code == 3 and "flat.csv ranks nothing" in result.err and not result.out


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
