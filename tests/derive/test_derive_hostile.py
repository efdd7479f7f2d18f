"""Broken and hostile files: one clear message for each, whatever kind they are said to be."""

import pytest

from rankcon_cli.cli.console import console
from rankcon_cli.cli.main import main
from rankcon_cli.derive.sources import KINDS
from rankcon_cli.ranking import check, parse

DEEP = 100_000
BOMB = '<?xml version="1.0"?><!DOCTYPE z [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><graphml>&b;</graphml>'

FILES = {
    "empty": b"",
    "blank": b" \n \n",
    "nul": b"\0\0",
    "latin-1": "a,é\nb,ü".encode("latin-1"),
    "utf-16": "a b".encode("utf-16"),
    "all bytes": bytes(range(256)),
    "pickle": b"\x80\x02}q\x00.",
    "scalar": b"3",
    "null": b"null",
    "empty object": b"{}",
    "list of nothing": b"[null]",
    "deep list": b"[" * DEEP,
    "deep tree": b'{"name":"a","children":[' * DEEP + b"]}" * DEEP,
    "cut": b'{"categories":[{"id":1,"na',
    "cut in a text": b'{"cat',
    "equal keys": b'{"name":"a","name":"b","children":[]}',
    "equal keys on top": b'{"categories":[],"categories":[]}',
    "half a surrogate": b'{"name":"\\ud800","children":[{"name":"b"},{"name":"c"}]}',
    "huge number": b'{"categories":[{"id":1e999,"name":"a"}]}',
    "many digits": b'{"categories":[{"id":' + b"1" * 300 + b',"name":"a"}]}',
    "entity bomb": BOMB.encode(),
    "deep xml": b"<a>" * DEEP,
    "page": b"<html></html>",
    "cyclic graph": b'{"directed":true,"nodes":[{"id":"a"},{"id":"b"}],"edges":[{"source":"a","target":"b"},'
    b'{"source":"b","target":"a"}]}',
    "self-loop": b'{"directed":true,"nodes":[{"id":"a"}],"edges":[{"source":"a","target":"a"}]}',
    "undirected": b'{"directed":false,"nodes":[{"id":"a"},{"id":"b"}],"edges":[{"source":"a","target":"b"}]}',
    "wrong shapes": b'{"nodes":null,"edges":3,"adjacency":{},"children":"x","LabelName":[],"superclasses":7}',
    "nodes that are none": b'{"nodes":[1,null],"links":[{}]}',
    "category that is none": b'{"categories":[null]}',
    "category twice": b'{"categories":[{"id":1,"name":"a","kingdom":"k"},{"id":1,"name":"b","supercategory":"s"}]}',
    "supercategories in a circle": b'{"categories":[{"id":1,"name":"a","supercategory":"b"},'
    b'{"id":2,"name":"b","supercategory":"a"}]}',
    "taxon that is none": b'{"categories":[{"id":1,"name":"a","genus":[1]},{"id":2,"name":"b","supercategory":{}}]}',
    "labels in a circle": b'{"LabelName":"a","Subcategory":[{"LabelName":"b","Subcategory":[{"LabelName":"a"}]}]}',
    "label of itself": b'{"LabelName":"a","Subcategory":[{"LabelName":"a"}]}',
    "names that are none": b'{"name":{},"children":[{"name":[]},{"name":null}]}',
    "blank names": b'{"name":"x","children":[{"name":" a"},{"name":"b\\u0007"}]}',
    "superclass that is none": b'{"superclasses":{"a":["b",3]}}',
    "stranger in a superclass": b'{"superclasses":{"a":["b","c"]},"classes":["b","d"]}',
    "open bracket": b"((a,b);",
    "closed bracket": b"(a,b));",
    "open quote": b"('a,b);",
    "open comment": b"(a,b)[x;",
    "two trees": b"(a,b);(c,d);",
    "no names": b"(,);",
    "length that is none": b"(a:x,b);",
    "many brackets": b"(" * DEEP + b")" * DEEP + b";",
    "gml without nodes": b"graph [ edge [ source 1 target 2 ] ]",
    "deep gml": b"graph " + b"[ a " * DEEP,
    "cut gml": b"graph [",
    "edges in a circle": b"a b\nb c\nc a\n",
    "edge to itself": b"a a\n",
    "one column": b"a\nb\n",
    "three columns": b"a b c\n",
    "half an edge": b"a,\n,b\n",
    "open cell": b'"a,b\nc',
    "long line": b"a" * 1_000_000,
}


@pytest.fixture
def quiet(capsys):
    def run(*arguments):
        console.quiet = False
        capsys.readouterr()
        code = main(["rank", "derive", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("case", FILES)
def test_one_clear_message_whatever_kind_it_is_said_to_be(quiet, tmp_path, case):
    path = tmp_path / "file"
    path.write_bytes(FILES[case])
    for kind in (None, *KINDS):
        code, out, err = quiet(path, *(["--from", kind] if kind else []), *(["--distance"] if kind == "matrix" else []))
        lines = err.splitlines()
        if code == 0:  # some of it is a hierarchy, read as another kind
            assert not [issue for issue in check(parse(out, "out")) if issue.severity == "error"]
        else:
            assert code in (2, 3), (kind, err)
            assert not out and lines[0].startswith("error: ") and len(lines) <= 2 and len(err) < 700, (kind, err)


@pytest.mark.parametrize(
    "case, kind, message",
    [
        ("pickle", "cifar100", "a Python pickle, and reading one runs the code in it"),
        ("deep tree", "d3", "nested deeper than JSON can be read"),
        ("cut", "coco", "ends too early"),
        ("cut in a text", "coco", "ends too early"),
        ("equal keys on top", "coco", "the key 'categories' stands twice"),
        ("entity bomb", "graphml", "DOCTYPE or ENTITY"),
        ("undirected", "node-link", "have no direction"),
        ("cyclic graph", "node-link", "'a' -> 'b' -> 'a'"),
        ("labels in a circle", "openimages", "'a' -> 'b' -> 'a'"),
        ("supercategories in a circle", "coco", "has a cycle"),
        ("edge to itself", "edges", "'a' -> 'a'"),
        ("open bracket", "newick", ":1:7: ';' is not expected here"),
        ("two trees", "newick", ":1:7: there is more after the end of the tree"),
        ("length that is none", "newick", ":1:4: a branch length is a number, not 'x'"),
        ("no names", "newick", "class 1 of 2 has no name"),
        ("three columns", "edges", ":1: 3 columns and not two"),
        ("one column", "edges", ":1: 1 column and not two"),
        ("latin-1", "edges", "not UTF-8"),
        ("category twice", "coco", "two categories have the id 1"),
        ("stranger in a superclass", "cifar100", "'c' has a superclass and is not among the classes"),
    ],
)
def test_the_message_says_what_and_where(quiet, tmp_path, case, kind, message):
    path = tmp_path / "file"
    path.write_bytes(FILES[case])
    code, _, err = quiet(path, "--from", kind)
    assert code == 3 and message in err


@pytest.mark.parametrize(
    "name", ["\U0001f98a fox", "\u202eleft", 'a "b", c', "[bold]x[/bold]", "<script>", "../up", "@home"]
)
def test_names_of_all_sorts_pass(quiet, tmp_path, name):
    import json

    path = tmp_path / "tree.json"
    inner = {"name": name, "children": [{"name": name}, {"name": "b"}]}
    path.write_text(json.dumps({"name": name, "children": [inner, {"name": "c"}]}))
    code, out, err = quiet(path)
    assert code == 0, err
    ranking = parse(out, "out")
    assert ranking.classes == (name, "b", "c") and len(ranking.groups) == 1
    assert not [issue for issue in check(ranking) if issue.severity == "error"]
