"""Every kind of hierarchy file, written as people have it."""

import io
import json
import sys

import networkx as nx
import pytest

from rankcon_cli.derive import reading
from rankcon_cli.derive.folders import folder_hierarchy
from rankcon_cli.derive.guess import guess
from rankcon_cli.derive.order import read_names, read_order
from rankcon_cli.derive.reading import opened
from rankcon_cli.derive.sources import read
from rankcon_cli.derive.tiers import rank_hierarchy
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking.grouping import hierarchy_ranking

EDGES = [
    ("thing", "animal"),
    ("thing", "vehicle"),
    ("animal", "pet"),
    ("animal", "bird"),
    ("pet", "cat"),
    ("pet", "dog"),
]
EDGES += [("vehicle", "car"), ("vehicle", "ship")]
GROUPS = {"pet": {"cat", "dog"}, "animal": {"@pet", "bird"}, "vehicle": {"car", "ship"}}


@pytest.fixture
def derive(tmp_path):
    """derive(text, kind, file name) -> the ranking and the kind; without a kind it is guessed."""

    def run(text, kind=None, name="file.txt", **options):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with opened(str(path)) as source:
            kind = kind or guess(source)
            return hierarchy_ranking(read(kind, source, **options)), kind

    return run


def groups_of(ranking):
    return {name: set(tier.of) for name, tier in ranking.groups.items()}


def graph():
    made = nx.DiGraph()
    made.add_edges_from(EDGES)
    return made


def nested(node="thing"):
    below = [nested(child) for parent, child in EDGES if parent == node]
    return {"name": node, "children": below} if below else {"name": node}


TREES = {
    "node-link, edges": (json.dumps(nx.node_link_data(graph(), edges="edges")), "node-link"),
    "node-link, links": (json.dumps(nx.node_link_data(graph(), edges="links")), "node-link"),
    "adjacency": (json.dumps(nx.adjacency_data(graph())), "node-link"),
    "tree data": (json.dumps(nx.tree_data(graph(), "thing")), "d3"),
    "graphml": ("\n".join(nx.generate_graphml(graph())), "graphml"),
    "gml": ("\n".join(nx.generate_gml(graph())), "gml"),
    "d3": (json.dumps(nested()), "d3"),
    "newick": ("(((cat:1,dog:1)pet:2,bird),(car,ship)vehicle)thing;".replace("bird)", "bird)animal"), "newick"),
    "edges with a header": ("parent,child\n" + "".join(f"{a},{b}\n" for a, b in EDGES), "edges"),
    "edges the other way": ("child\tparent\n" + "".join(f"{b}\t{a}\n" for a, b in EDGES), "edges"),
}


@pytest.mark.parametrize("case", TREES)
def test_the_same_tree_in_every_form(derive, case):
    text, kind = TREES[case]
    ranking, guessed = derive(text)
    assert guessed == kind
    assert ranking.classes == ("cat", "dog", "bird", "car", "ship")
    assert groups_of(ranking) == GROUPS
    assert derive("\ufeff" + text, kind)[0] == ranking


def test_graph_nodes_are_called_by_name_or_label_and_weights_say_nothing(derive, caplog):
    caplog.set_level("INFO", "rankcon")
    made = nx.relabel_nodes(graph(), {name: f"n{i}" for i, name in enumerate(graph())})
    for i, name in enumerate(graph()):
        made.nodes[f"n{i}"]["label"] = name
    for key in ("weight", "length", "distance"):
        weighted = made.copy()
        nx.set_edge_attributes(weighted, 2.5, key)
        caplog.clear()
        assert groups_of(derive(json.dumps(nx.node_link_data(weighted, edges="links")), "node-link")[0]) == GROUPS
        assert [message.split(": ")[1] for message in caplog.messages] == ["edge lengths are not used"]


@pytest.mark.parametrize("name", ["wordnet.is_a.txt", "cub_isa.txt"])
def test_edge_lists_by_name_with_comments_and_two_parents(derive, name):
    ranking, kind = derive("# WordNet\nn1 n2\nn1 n3\nn2 a\nn2 b\n\nn3 b\nn3 c\nn0 n1\nn0 d\n", name=name)
    assert kind == "edges" and ranking.classes == ("a", "b", "c", "d")
    assert ranking.rankings["b"].tiers[0].of == ("@n2", "@n3")
    assert derive("a\tb c\na\td e\n", "edges")[0].classes == ("b c", "d e")


@pytest.mark.parametrize(
    "text, classes, groups",
    [
        ("((a,b)x,(c,d)y);", "abcd", {"x": {"a", "b"}, "y": {"c", "d"}}),
        ("((a,b)0.98:1e-3,(c,d)100:.5)", "abcd", {"group 1": {"a", "b"}, "group 2": {"c", "d"}}),
        (" [&R] ( ('a':1 , b[a [nested] it's comment])'x''y', c ) ; \n", "abc", {"x'y": {"a", "b"}}),
    ],
)
def test_newick(derive, text, classes, groups):
    ranking, kind = derive(text)
    assert kind == "newick" and ranking.classes == tuple(classes) and groups_of(ranking) == groups


def test_newick_keeps_names_as_they_are_and_reads_deep_trees(derive):
    assert derive("((aquarium_fish,'a, b'),Homo sapiens,(x)y);", "newick")[0].classes[:3] == (
        "aquarium_fish",
        "a, b",
        "Homo sapiens",
    )
    deep = "(" * 10_000 + "a,b" + "".join(f",c{i})" for i in range(10_000)) + ";"
    assert len(derive(deep)[0].groups) == 9_999


def test_newick_says_once_that_lengths_are_not_used(derive, caplog):
    caplog.set_level("INFO", "rankcon")
    derive("((a:1,b:2)x:1,c:3);")
    assert len(caplog.messages) == 1 and "edge lengths are not used" in caplog.text
    caplog.clear()
    derive("((a,b)x,c);")
    assert not caplog.messages


def test_scipy_dendrograms_come_as_newick(derive):
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    root = hierarchy.to_tree(hierarchy.linkage([[0.0], [0.1], [5.0], [5.3]]))

    def newick(node):
        if node.is_leaf():
            return "abcd"[node.id]
        return f"({newick(node.left)}:{node.dist},{newick(node.right)}:{node.dist})"

    assert groups_of(derive(newick(root) + ";")[0]) == {"group 1": {"a", "b"}, "group 2": {"c", "d"}}


@pytest.mark.parametrize(
    "document, classes, groups",
    [
        (
            {"pet": ["cat", "dog"], "road": ["car", "bus"]},
            "cat dog car bus",
            {"pet": {"cat", "dog"}, "road": {"car", "bus"}},
        ),
        (
            {"thing": {"pet": ["cat", "dog"], "road": {"car": None, "bus": []}, "rock": {}}},
            "cat dog car bus rock",
            {"pet": {"cat", "dog"}, "road": {"car", "bus"}},
        ),
        (
            {"pet": [{"old": ["cat", "dog"]}, "fox"], "car": None},
            "cat dog fox car",
            {"old": {"cat", "dog"}, "pet": {"@old", "fox"}},
        ),
        ({"a": {"x": ["1", "2"]}, "b": {"x": ["3", "4"]}}, "1 2 3 4", {"a/x": {"1", "2"}, "b/x": {"3", "4"}}),
    ],
)
def test_lists_in_objects_are_a_tree(derive, document, classes, groups):
    ranking, kind = derive(json.dumps(document))
    assert kind == "d3" and ranking.classes == tuple(classes.split()) and groups_of(ranking) == groups


def test_a_class_that_stands_in_two_lists_has_two_parents(derive):
    ranking, _ = derive('{"flying": ["bat", "bird"], "mammal": ["bat", "cat"]}')
    assert ranking.rankings["bat"].tiers[0].of == ("@flying", "@mammal")


@pytest.mark.parametrize(
    "document",
    [
        {"dog": "animal", "cat": "animal"},  # from class to superclass
        {"dog": ["cat", "wolf"], "cat": ["dog"]},  # from class to what is similar
        {"dog": [["cat"], ["wolf"]]},
        {"a": [1, 2]},
        {"images": [], "annotations": []},
        {},
    ],
)
def test_objects_that_are_not_plainly_a_tree_are_not_guessed(derive, document):
    with pytest.raises(RankconError, match="not plain of what kind"):
        derive(json.dumps(document))


@pytest.mark.parametrize("text", ['{"dog": "animal"}', '{"a": {"b": 3}}', '{"a": [["b"]]}', '{"a": [null]}'])
def test_lists_in_objects_hold_names_alone(derive, text):
    with pytest.raises(RankconError, match="neither a list nor an object"):
        derive(text, "d3")


@pytest.mark.parametrize(
    "text, hint",
    [
        ("pet cat\nroad car\n", "lines of two words: --from edges if they are parent child, --from cifar100 if"),
        ("cat\ndog\n", "names alone are no hierarchy; begin by hand: rankcon rank edit my.json --new --classes"),
        ("1 0.5 0.1\n0.5 1 0.2\n0.1 0.2 1\n", "three lines of three numbers: --from table if"),
        ("x,y,z\na,b,c\n", "it begins with 'x', 'y' and 'z'; a table is known by its header"),
    ],
)
def test_what_is_not_plain_is_told_by_what_it_looks_like(derive, text, hint):
    with pytest.raises(RankconError, match="not plain of what kind") as caught:
        derive(text)
    assert hint in caught.value.hint


def test_tables_of_numbers_are_guessed(derive):
    for text in ("1 .5 0 0\n.5 1 0 0\n0 0 1 .2\n0 0 .2 1\n", "0,1,2,3\n1,0,2,3\n2,2,0,1\n3,3,1,0\n"):
        with pytest.raises(RankconError, match="no class names"):
            derive(text, distance=True)
    assert (
        guessed("a,b,distance\nx,y,1\n") == guessed("1 2 0.5\n1 3 0.2\n") == guessed("a b 1\na c 2\nb c 2\n") == "table"
    )


def guessed(text):
    return guess(reading.Source("file", text.encode()))


@pytest.mark.parametrize(
    "document, message",
    [
        ({"format": "rankcon/ranking", "classes": ["a", "b"]}, "is a ranking already"),
        ({"classes": ["a", "b"], "rankings": {"a": [["b"]]}}, "is a ranking already"),
        ({"classes": ["a", "b"], "groups": {"g": ["a", "b"]}}, "is a ranking already"),
        ({"format": "rankcon/run", "classes": ["a", "b"]}, "is the record of a run"),
        ({"format": "rankcon/data-info", "classes": ["a", "b"]}, "is a rankcon/data-info document"),
    ],
)
def test_what_rankcon_writes_is_known(derive, document, message):
    with pytest.raises(RankconError, match=message) as caught:
        derive(json.dumps(document))
    assert "run" not in message or "rankcon rank derive" in caught.value.hint or "data-info" in message


OPEN_IMAGES = {
    "LabelName": "/m/0bl9f",
    "Subcategory": [
        {"LabelName": "/m/animal", "Subcategory": [{"LabelName": "/m/cat"}, {"LabelName": "/m/dog"}]},
        {
            "LabelName": "/m/vehicle",
            "Subcategory": [
                {"LabelName": "/m/car", "Part": [{"LabelName": "/m/wheel"}, {"LabelName": "/m/door"}]},
                {"LabelName": "/m/kart"},
            ],
        },
        {"LabelName": "/m/toy", "Subcategory": [{"LabelName": "/m/kart"}, {"LabelName": "/m/doll"}]},
    ],
}


def test_open_images_has_labels_with_two_parents_and_parts_that_are_no_kinds(derive):
    ranking, kind = derive(json.dumps(OPEN_IMAGES))
    assert kind == "openimages" and ranking.classes == ("/m/cat", "/m/dog", "/m/car", "/m/kart", "/m/doll")
    assert ranking.rankings["/m/kart"].tiers[0].of == ("@/m/vehicle", "@/m/toy")
    assert "/m/wheel" in derive(json.dumps(OPEN_IMAGES), parts=True)[0].classes


COCO = [
    {"supercategory": "animal", "id": 18, "name": "dog"},
    {"supercategory": "animal", "id": 3, "name": "cat"},
    {"supercategory": "person", "id": 1, "name": "person"},
    {"supercategory": "food", "id": 60, "name": "food"},
    {"supercategory": "food", "id": 59, "name": "pizza"},
]


@pytest.mark.parametrize("form", ["annotations", "categories", "list"])
def test_coco_orders_by_id_and_reads_nothing_but_the_categories(derive, form):
    before = {"info": {"categories": "no"}, "images": [{"file_name": '"}]{[\\"', "categories": [1, 2]}], "licenses": []}
    documents = {
        "annotations": {**before, "categories": COCO, "annotations": [{"id": 1}]},
        "categories": {"categories": COCO},
    }
    ranking, kind = derive(json.dumps(documents.get(form, COCO), indent=1 if form == "list" else None))
    assert kind == "coco" and ranking.classes == ("person", "cat", "dog", "pizza", "food")
    assert groups_of(ranking) == {"animal": {"cat", "dog"}, "food (group)": {"pizza", "food"}}


def test_a_supercategory_may_have_one_itself(derive):
    rows = [("animal", "living"), ("cat", "animal"), ("dog", "animal"), ("oak", "living"), ("car", "none"), ("x", None)]
    rows = [{"id": i, "name": name, "supercategory": above} for i, (name, above) in enumerate(rows)]
    assert groups_of(derive(json.dumps({"categories": rows}))[0]) == {
        "animal (group)": {"animal", "cat", "dog"},
        "living": {"oak", "@animal (group)"},
    }


def test_categories_without_a_hierarchy_say_so(derive):
    rows = [{"id": 1, "name": "a", "synset": "a.n.01"}, {"id": 2, "name": "b", "synset": "b.n.01"}]
    with pytest.raises(RankconError, match="LVIS name WordNet synsets and hold no hierarchy"):
        derive(json.dumps({"categories": rows}))
    assert not derive(json.dumps({"categories": rows}), "coco")[0].groups  # the classes alone are a start
    with pytest.raises(RankconError, match="no category has any of kingdom"):
        derive(json.dumps({"categories": rows}), "inaturalist")
    for row in rows:
        row["supercategory"] = "s"
    assert derive(json.dumps({"categories": [*rows, {"id": 3, "name": "c"}]}), "lvis")[0].groups["s"].of == ("a", "b")


def test_inaturalist_has_the_levels_of_the_taxonomy(derive):
    rows = []
    for i, path in enumerate(
        ["A/B/C/D/E/F/f one", "A/B/C/D/E/F/f two", "A/B/C/D/G/F/f three", "A/B/C/D/G/F/f four", "P/Q/R/S//U/u"]
    ):
        levels = dict(
            zip(("kingdom", "phylum", "class", "order", "family", "genus", "name"), path.split("/"), strict=True)
        )
        rows.append({"id": 10 - i, "supercategory": "x", **levels})
    ranking, kind = derive(json.dumps({"categories": rows, "annotations": []}))
    assert kind == "inaturalist" and ranking.classes == ("u", "f four", "f three", "f two", "f one")
    assert groups_of(ranking) == {"E/F": {"f one", "f two"}, "G/F": {"f three", "f four"}, "D": {"@E/F", "@G/F"}}


@pytest.mark.parametrize(
    "text",
    [
        '{"classes": ["ray", "rose", "shark", "tulip"], "superclasses": {"f": ["ray", "shark"], "g": ["tulip", "rose"]}}',
        '{"superclasses": {"f": ["ray", "shark"], "g": ["rose", "tulip"]}}',
        "class,superclass\nray,f\nrose,g\nshark,f\ntulip,g\n",
    ],
)
def test_cifar100(derive, text):
    ranking, kind = derive(text)
    assert kind == "cifar100" and groups_of(ranking) == {"f": {"ray", "shark"}, "g": {"rose", "tulip"}}
    in_groups = text.startswith('{"superclasses"')
    assert ranking.classes == (("ray", "shark", "rose", "tulip") if in_groups else ("ray", "rose", "shark", "tulip"))


def test_a_superclass_may_be_called_like_a_class(derive):
    assert groups_of(derive("ray,ray\nshark,ray\nrose,x\n", "cifar100")[0]) == {"ray (group)": {"ray", "shark"}}


def test_folders_name_groups_and_qualify_by_path():
    folders = {"Apple/red": "Apple/red", "green": "Apple/green", "Cherry/red": "Cherry/red", "Cherry": "Cherry"}
    ranking = hierarchy_ranking(folder_hierarchy(folders, "photos"))
    assert ranking.classes == tuple(folders)
    assert groups_of(ranking) == {"Apple": {"Apple/red", "green"}, "Cherry (group)": {"Cherry", "Cherry/red"}}


def test_names_and_orders_are_lists_of_the_users(tmp_path):
    (tmp_path / "words.txt").write_text("n1\tdog, domestic dog\nn2\tcat\n")
    (tmp_path / "names.csv").write_text('/m/1,"Toy, car"\n/m/2,Doll\n')
    (tmp_path / "order.txt").write_text("\ufeffb b\n\n a \n")
    assert read_names(str(tmp_path / "words.txt")) == {"n1": "dog, domestic dog", "n2": "cat"}
    assert read_names(str(tmp_path / "names.csv")) == {"/m/1": "Toy, car", "/m/2": "Doll"}
    assert read_order(str(tmp_path / "order.txt")).entries == ["b b", "a"]
    for text, message in {"": "the file is empty", "\n": "lists no classes", "a\nb\na\n": "lists 'a' twice"}.items():
        (tmp_path / "order.txt").write_text(text)
        with pytest.raises(RankconError, match=message):
            read_order(str(tmp_path / "order.txt"))
    (tmp_path / "names.csv").write_text("a,b\nc\n")
    with pytest.raises(RankconError, match=r"names.csv:2: not an id and a name"):
        read_names(str(tmp_path / "names.csv"))


def test_a_long_pipe_is_put_aside_and_only_its_categories_are_read(monkeypatch):
    text = json.dumps({"annotations": [{"x": "y" * 100}] * 100, "categories": COCO}).encode()
    monkeypatch.setattr(reading, "MAX_BYTES", 1000)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    with opened("-") as source:
        assert guess(source) == "coco"
        assert rank_hierarchy(read("coco", source)).classes[0] == "person"
        with pytest.raises(RankconError, match="larger than 1,000 bytes"):
            read("d3", source)
    monkeypatch.setattr(reading, "MAX_ANNOTATIONS", 2000)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    with pytest.raises(RankconError, match="larger than 2,000 bytes"), opened("-"):
        pass
