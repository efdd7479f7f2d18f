"""Files that were not meant well, or not meant as rankings: one clear message each, bounded memory and time.

The JSON cases are in the spirit of JSONTestSuite (Seriot, "Parsing JSON is a Minefield"), written anew: ``y`` must be
read, ``n`` must be refused, each as the whole file or as a value inside a ranking.
"""

import gzip
import json
import re
import resource
import struct
import subprocess
import sys
import unicodedata
import zlib

import networkx as nx
import pytest
from ranking_strategies import HOSTILE_NAMES

from rankcon_cli.cli.console import console
from rankcon_cli.cli.main import main
from rankcon_cli.ranking import RankingError, check, compile_ranking, load, parse, write
from rankcon_cli.ranking.document import as_member

HEAD = '"format": "rankcon/ranking", "version": 1, "classes": ["a", "b"]'
SMALL = (
    '{"format": "rankcon/ranking", "version": 1, "name": "gr\u00f6\u00dfe \U0001f40e",\n "classes": ["a", "b", "@@c"], '
    '"groups": {"g": ["a", "b"]},\n "rankings": {"a": [{"of": ["b"], "score": 5e-1}], "b": [["a"], "@groups"], "@@c": []}, '
    '"x-y": [true, null, -0, "\\u00e9\\n"]}'
)


def faults(text):
    """What is wrong with a text, as the lines that validate prints; errors only."""
    try:
        issues = check(parse(text, "r.json"))
    except RankingError as error:
        issues = error.issues
    return [issue.text("r.json") for issue in issues if issue.severity == "error"]


# -- the values of JSON: (name, text, what happens) where text stands for a value of the ranking file --------------

VALUES = [
    ("n_array_missing_value", "[,1]", "expecting value"),
    ("n_array_two_commas", "[1,,2]", "expecting value"),
    ("n_array_trailing_comma", "[1,]", "comma after the last item"),
    ("n_array_colon", "[1:2]", "delimiter"),
    ("n_array_no_comma", "[1 2]", "delimiter"),
    ("n_array_no_comma_texts", '["a" "b"]', "a comma is missing before this"),
    ("n_object_trailing_comma", '{"a": 1,}', "comma"),
    ("n_object_no_colon", '{"a" 1}', "':' delimiter"),
    ("n_object_two_colons", '{"a":: 1}', "expecting value"),
    ("n_object_number_as_key", "{1: 1}", "property name"),
    ("n_object_bare_key", "{key: 1}", 'write "key"'),
    ("n_object_single_quotes", "{'a': 1}", "quotes names with \", not with '"),
    ("n_object_smart_quotes", "{\u201ca\u201d: 1}", 'quotes names with ", not with \u201c'),
    ("n_object_low_quotes", "{\u201ea\u201c: 1}", "not with \u201e"),
    ("n_object_guillemets", "{\u00aba\u00bb: 1}", "not with \u00ab"),
    ("n_object_duplicate_key", '{"a": 1, "a": 1}', "stands twice in one object"),
    ("n_object_duplicate_key_escaped", '{"a": 1, "\\u0061": 1}', "stands twice in one object"),
    ("n_object_duplicate_key_deep", '[[{"b": {"a": 1, "a": 2}}]]', "stands twice in one object"),
    ("n_object_duplicate_empty_key", '{"": 1, "": 1}', "stands twice in one object"),
    ("n_comment_slashes", "1 // one", "no comments"),
    ("n_comment_block", "[1, /* one */ 2]", "no comments"),
    ("n_comment_hash", "[1, # one\n 2]", "no comments"),
    ("n_literal_capital_true", "True", "JSON writes true, not True"),
    ("n_literal_capital_false", "[False]", "JSON writes false, not False"),
    ("n_literal_none", "None", "JSON writes null, not None"),
    ("n_literal_undefined", "undefined", "JSON writes null, not undefined"),
    ("n_literal_cut", "nul", 'write "nul"'),
    ("n_literal_bare_word", "hello", 'write "hello"'),
    ("n_number_nan", "NaN", "NaN is no number"),
    ("n_number_infinity", "Infinity", "Infinity is no number"),
    ("n_number_minus_infinity", "-Infinity", "-Infinity is no number"),
    ("n_number_too_large", "1e999", "out of range"),
    ("n_number_too_large_negative", "-1e+999", "out of range"),
    ("n_number_huge_exponent", "1e" + "9" * 1000, "out of range"),
    ("n_number_many_digits", "1" * 100_000, "a number of 100,000 digits"),
    ("n_number_leading_zero", "012", "delimiter"),
    ("n_number_plus", "+1", "expecting value"),
    ("n_number_minus_alone", "-", "expecting value"),
    ("n_number_minus_space", "- 1", "expecting value"),
    ("n_number_point_first", ".5", "expecting value"),
    ("n_number_point_last", "5.", "delimiter"),
    ("n_number_hex", "0x10", "no number as JSON writes it"),
    ("n_number_two_points", "1.2.3", "delimiter"),
    ("n_number_cut_exponent", "1e", "delimiter"),
    ("n_number_underscore", "1_000", "delimiter"),
    ("n_number_full_width", "\uff11", "expecting value"),
    ("n_string_line_break", '"a\nb"', "invalid control character"),
    ("n_string_tab", '"a\tb"', "invalid control character"),
    ("n_string_bad_escape", '"\\x41"', "escape"),
    ("n_string_cut_unicode_escape", '"\\u12"', "escape"),
    ("n_string_lone_high", '"\\ud800"', "surrogate"),
    ("n_string_lone_low", '"\\udfff"', "surrogate"),
    ("n_string_inverted_pair", '"\\udc00\\ud800"', "surrogate"),
    ("n_string_lone_raw", '"\ud800"', "surrogate"),
    ("n_string_lone_in_key", '{"\\ud800": 1}', "surrogate"),
    ("n_string_unterminated", '"a', "a line break inside a text"),
    ("n_comment_next_to_number", "1// one", "no comments"),
    ("n_structure_wrong_bracket", "[1}", "delimiter"),
    ("n_structure_not_closed", "[1", "delimiter"),
    ("n_structure_empty", "", "expecting value"),
    ("n_structure_form_feed", "[1,\f2]", "expecting value"),
    ("n_structure_no_break_space", "[1,\u00a02]", "expecting value"),
    ("n_depth_lists", "[" * 100_000 + "]" * 100_000, "nested deeper than 64"),
    ("n_depth_open_lists", "[" * 100_000, "nested deeper than 64"),
    ("n_depth_objects", '{"a":' * 100_000 + "1" + "}" * 100_000, "nested deeper than 64"),
    ("n_depth_mixed", '[{"a":' * 50_000, "nested deeper than 64"),
    ("n_depth_65", "[" * 65 + "]" * 65, "nested deeper than 64"),
    ("y_array_empty", "[]", None),
    ("y_array_spaces", "[ 1 ,\r\n\t2 ]", None),
    ("y_object_empty_key", '{"": 0}', None),
    ("y_object_same_key_apart", '[{"a": 1}, {"a": {"a": 1}}]', None),
    ("y_number_zero_minus", "-0", None),
    ("y_number_zero_minus_real", "-0.0", None),
    ("y_number_exponents", "[1e2, 1E-2, 1.5e+2, 0e1]", None),
    ("y_number_underflow", "1e-999", None),
    ("y_number_hundred_digits", "1" * 100, None),
    ("y_number_long_fraction", "0." + "1" * 10_000, None),
    ("y_string_escapes", '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000"', None),
    ("y_string_pair_escaped", '"\\ud83d\\udc0e"', None),
    ("y_string_pair_raw", '"\U0001f40e"', None),
    ("y_string_separators", '"\u2028\u2029"', None),
    ("y_string_noncharacter", '"\uffff"', None),
    ("y_string_delete", '"\x7f"', None),
    ("y_string_backslashes", '"' + "\\\\" * 100_000 + '"', None),
    ("y_literals", "[true, false, null]", None),
    ("y_depth_60", "[" * 60 + "]" * 60, None),
]


@pytest.mark.parametrize(("value", "told"), [case[1:] for case in VALUES], ids=[case[0] for case in VALUES])
def test_values_are_read_or_refused_with_one_word(value, told):
    found = faults(f'{{{HEAD},\n"x-value": {value}\n}}')
    if told is None:
        assert found == []
        return
    assert len(found) == 1 and told in found[0], found
    assert re.match(r"r\.json:\d+:\d+: E001 syntax ", found[0])
    assert len(found[0]) < 300


# -- whole files ---------------------------------------------------------------------------------------------------

FILES = [
    ("empty", b"", "the file is empty"),
    ("blank", b" \r\n\t", "the file is empty"),
    ("byte order mark alone", b"\xef\xbb\xbf", "the file is empty"),
    ("NUL", b"\0", "a NUL character"),
    ("UTF-16", f"{{{HEAD}}}".encode("utf-16"), "it looks like UTF-16; save the file as UTF-8"),
    ("UTF-16 without a mark", f"{{{HEAD}}}".encode("utf-16-le"), "a NUL character"),
    ("UTF-32", f"{{{HEAD}}}".encode("utf-32"), "it looks like UTF-32; save the file as UTF-8"),
    ("Latin-1", f'{{{HEAD}, "name": "\xe9"}}'.encode("latin-1"), "not UTF-8"),
    ("overlong", b'"\xc0\xaf"', "not UTF-8"),
    ("surrogate bytes", b'"\xed\xa0\x80"', "not UTF-8"),
    ("half a character", '"\U0001f40e"'.encode()[:3], "not UTF-8"),
    ("PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it looks like a PNG image"),
    ("JPEG", b"\xff\xd8\xff\xe0\0\x10JFIF", "it looks like a JPEG image"),
    ("gzip", gzip.compress(b"{}"), "it looks like gzip"),
    ("deflate", zlib.compress(b"{}" * 10), "not UTF-8"),
    ("floats", struct.pack("<8d", *range(8)), "a NUL character|not UTF-8"),
    ("a number", b"1", "E002"),
    ("a text", b'"a"', "E002"),
    ("null", b"null", "E002"),
    ("a list", b"[]", "E002"),
    ("two values", f"{{{HEAD}}} {{}}".encode(), "extra data"),
    ("a bracket too many", f"{{{HEAD}}}}}".encode(), "extra data"),
    ("JSON lines", b'{"a": 1}\n{"b": 2}\n', "extra data"),
    ("a comment first", f"// mine\n{{{HEAD}}}".encode(), "no comments"),
    ("a comment last", f"{{{HEAD}}} # mine".encode(), "no comments"),
    ("YAML", b"format: rankcon/ranking\nversion: 1\n", "this looks like YAML"),
    ("YAML document", b"---\nformat: 1\n", "this looks like YAML"),
    ("YAML after a comment", b"# mine\nclasses:\n  - a\n", "this looks like YAML"),
    ("GML", "\n".join(nx.generate_gml(nx.DiGraph([("a", "b")]))).encode(), "this looks like GML.*derive --from gml"),
    ("Newick", b"((a,b),c);", "this looks like Newick.*derive --from newick"),
    ("CSV", b"parent,child\na,b\n", 'write "parent"'),
    ("TOML", b"[classes]\n", 'write "classes"'),
    ("Python", b"{'a': True}", "not with '"),
    ("DOT", b"digraph { a -> b }", 'write "digraph"'),
    ("a word", b"hello", 'write "hello"'),
    ("cut XML", b"<graphml><graph", "not well-formed XML|no element found"),
    ("other XML", b"<html></html>", "GraphML"),
    ("entity bomb", b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><graphml>&b;</graphml>', "DOCTYPE or ENTITY"),
    ("external entity", b'<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><graphml>&a;</graphml>', "DOCTYPE or"),
    ("nested XML", b"<a>" * 100_000, None),
    ("cyclic graph", json.dumps(nx.node_link_data(nx.DiGraph([("a", "b"), ("b", "a")]), edges="edges")).encode(), "circle"),
    ("looped graph", json.dumps(nx.node_link_data(nx.DiGraph([("a", "a")]), edges="edges")).encode(), "E006"),
    ("deep tree", json.dumps(nx.node_link_data(nx.path_graph(5000, nx.DiGraph), edges="edges")).encode(), None),
    ("pickle", b"\x80\x04\x95\x0b\0\0\0", "not UTF-8|NUL"),
]  # fmt: skip


@pytest.fixture
def validate(tmp_path, capsys, monkeypatch):
    """validate(bytes) -> exit code, lines on stdout, stderr: the command as main runs it."""
    monkeypatch.setattr(console, "quiet", False)

    def validate(data, *flags, verb="validate"):
        path = tmp_path / "r.json"
        path.write_bytes(data)
        code = main(["rank", verb, str(path), *flags])
        captured = capsys.readouterr()
        return code, captured.out.splitlines(), captured.err

    return validate


@pytest.mark.parametrize(("data", "told"), [case[1:] for case in FILES], ids=[case[0] for case in FILES])
def test_files_that_are_no_rankings_are_one_finding(validate, data, told):
    code, lines, err = validate(data)
    assert code == 1 and len(lines) == 1, (lines, err)
    assert "Traceback" not in err and "bug" not in err
    assert re.search(r": E00[126] ", lines[0]) and len(lines[0]) < 600
    assert told is None or re.search(told, lines[0]), lines


def test_a_file_that_was_cut_anywhere_is_one_finding():
    data = SMALL.encode()
    assert faults(SMALL) == []
    for end in range(len(data)):
        try:
            text = data[:end].decode()
        except UnicodeDecodeError:
            continue
        assert len(faults(text)) == 1, text
        assert faults(text)[0].startswith("r.json:") and "E001" in faults(text)[0]


def test_a_file_with_any_byte_of_it_lost_or_spoilt_never_breaks_the_reader():
    for at in range(len(SMALL)):
        for scrap in ("", '"', "\\", "[", "}", "@", "\0", "\x1b"):
            for line in faults(SMALL[:at] + scrap + SMALL[at + 1 :]):
                assert re.match(r"r\.json(:\d+:\d+)?: [EW]\d{3} ", line) and line.isprintable()


@pytest.mark.parametrize("key", ["format", "version", "classes", "groups", "rankings", "x-a"])
def test_equal_keys_are_found_on_every_level(key):
    base = f'{HEAD}, "groups": {{}}, "rankings": {{}}, "x-a": 1'
    found = faults(f'{{{base},\n"{key}": {{}}}}')
    assert found == [f"r.json:2:1: E001 syntax the key '{key}' stands twice in one object, first on line 1"]
    inner = f'{{{HEAD}, "rankings": {{"a": [{{"of": ["b"],\n"score": 0.5, "score": 0.4}}]}}}}'
    assert faults(inner) == ["r.json:2:15: E001 syntax the key 'score' stands twice in one object, first on line 2"]


# -- names ---------------------------------------------------------------------------------------------------------

REFUSED_NAMES = ["", " ", " a", "a\t", "a\nb", "a\rb", "\x00", "\x1b[31m", "\x7f", "a\u2028b", "\u2029", "\x85"]


@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_names_that_cannot_be_are_refused_in_one_line(validate, name):
    document = {"format": "rankcon/ranking", "version": 1, "classes": [name, "b"]}
    code, lines, _ = validate(json.dumps(document).encode())
    assert code == 1 and len(lines) == 1 and "E005 bad-name" in lines[0] and lines[0].isprintable()


def test_hostile_names_go_through_every_reader_and_back(validate, tmp_path):
    classes = [unicodedata.normalize("NFC", name) for name in HOSTILE_NAMES if parse_name(name)]
    assert len(classes) > 30
    members = list(map(as_member, classes))
    document = {
        "format": "rankcon/ranking",
        "version": 1,
        "classes": members,
        "rankings": {a: [[b] for b in members if b != a][:3] for a in members},
    }
    code, lines, err = validate(json.dumps(document).encode())
    assert code == 0 and all(re.search(r": W\d{3} ", line) and line.isprintable() for line in lines), err
    code, shown, _ = validate(json.dumps(document).encode(), "--as", "table", verb="show")
    assert code == 0 and len(shown) == len(classes) + 1
    ranking = load(tmp_path / "r.json")
    assert ranking.classes == tuple(classes)
    assert compile_ranking(parse(write(ranking), "r")).digest() == compile_ranking(ranking).digest()


def parse_name(name):
    return not faults(json.dumps({"format": "rankcon/ranking", "version": 1, "classes": [as_member(name), "other"]}))


def test_hostile_names_in_faults_are_shown_harmlessly(validate):
    names = ["\x1b[31m", "\u202e", "x" * 10_000, "[bold]", "\ud83d\udc0e", "a\nb"]
    rankings = {"a": [[name] for name in names]}
    code, lines, err = validate(json.dumps({**json.loads(f"{{{HEAD}}}"), "rankings": rankings}).encode())
    assert code == 1 and len(lines) == len(names) and all(line.isprintable() and len(line) < 300 for line in lines)
    assert "[bold]" in lines[3] and "Traceback" not in err


# -- size ----------------------------------------------------------------------------------------------------------


def test_ten_thousand_classes_are_read_checked_and_compiled(tmp_path):
    classes = [f"c{i}" for i in range(10_000)]
    groups = {f"g{i}": classes[100 * i : 100 * i + 100] for i in range(100)}
    groups |= {f"h{i}": [f"@g{j}" for j in range(10 * i, 10 * i + 10)] for i in range(10)}
    rankings = {"c0": [["c5000"], "@groups"], "c5000": [["c0"], "@groups"]}
    document = {"format": "rankcon/ranking", "version": 1, "classes": classes, "groups": groups, "rankings": rankings}
    path = tmp_path / "r.json"
    path.write_text(json.dumps(document))
    ranking = load(path)
    assert [issue.code for issue in check(ranking)] == ["W204"]
    assert sum(map(len, compile_ranking(ranking).tiers[0])) == 1000


def test_a_circle_of_ten_thousand_groups_is_one_finding():
    groups = {f"g{i}": [f"@g{(i + 1) % 10_000}", "a"] for i in range(10_000)}
    found = faults(json.dumps({**json.loads(f"{{{HEAD}}}"), "groups": groups}))
    assert len(found) == 1 and "E105 group-cycle" in found[0] and len(found[0]) < 200


def test_groups_that_grow_without_bound_are_refused():
    """Ten thousand groups in a chain, each of ten thousand classes: ten times more than is held."""
    classes = [f"c{i}" for i in range(10_001)]
    groups = {"g0": classes[:-1]} | {f"g{i}": [f"@g{i - 1}", "c0"] for i in range(1, 10_000)}
    found = faults(json.dumps({"format": "rankcon/ranking", "version": 1, "classes": classes, "groups": groups}))
    assert len(found) == 1 and "E111 too-large" in found[0]


LIMITED = {
    "nested": b"[" * 10_000_000,
    "digits": b'{"x-n": ' + b"9" * 10_000_000 + b"}",
    "escapes": b'{"x-n": "' + b'\\"' * 5_000_000,
    "quotes": b'"' * 10_000_000,
    "faults": b'{"format": "rankcon/ranking", "version": 1, "classes": [' + b"1," * 2_000_000 + b"1]}",
    "strangers": f'{{{HEAD}, "rankings": {{"a": [['.encode() + b'"x",' * 2_000_000 + b'"x"]]}}',
    "strange groups": f'{{{HEAD}, "groups": {{"g": ['.encode() + b'"x",' * 2_000_000 + b'"x"]}}',
    "bomb": b"<!DOCTYPE l [<!ENTITY a '" + b"a" * 100_000 + b"'>]><graphml>" + b"&a;" * 100_000 + b"</graphml>",
}


@pytest.mark.parametrize("case", LIMITED)
def test_memory_and_time_are_bounded(case, tmp_path):
    path = tmp_path / "r.json"
    path.write_bytes(LIMITED[case])

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (1536 * 2**20,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))

    command = [sys.executable, "-m", "rankcon_cli", "rank", "validate", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", preexec_fn=limit, check=False)
    assert done.returncode == 1, done.stderr
    assert 1 <= len(done.stdout.splitlines()) <= 1001 and "Traceback" not in done.stderr
