"""``rankcon rank elicit`` in this process: its flags, its files, its exit codes."""

import json

import numpy as np
import pytest
from PIL import Image
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from rankcon_cli import prompting
from rankcon_cli.cli.console import console
from rankcon_cli.cli.main import main
from rankcon_cli.elicit.page import GENERATOR


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("\ufeffbird\n\n airplane \nfrog\n@home\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def elicit(place, capsys):
    """elicit("my.json", ..., keys="12") -> exit code and stderr; without keys there is no terminal."""

    def run(*arguments, keys=None):
        console.quiet = False
        capsys.readouterr()
        with (
            create_pipe_input() as pipe,
            create_app_session(input=pipe, output=DummyOutput()),
            pytest.MonkeyPatch.context() as patch,
        ):
            if keys is not None:
                patch.setattr(prompting, "require_terminal", lambda what, instead: None)
                pipe.send_text(keys + "\x03")  # a test that runs out of keys ends
            code = main(["rank", "elicit", *map(str, arguments)])
        seen = capsys.readouterr()
        assert seen.out == ""
        return code, seen.err

    return run


def answers_of(place, name="my.answers.json"):
    return json.loads((place / name).read_text(encoding="utf-8"))


def test_from_the_first_question_to_the_ranking(elicit, place):
    code, err = elicit("my.json", "--classes", "names.txt", "--top", "2", keys="1" * 12 + "\r")
    assert code == 0
    plan = "the 2 most similar for each of 4 classes: at most 12 questions, about 12, of 12 that there are"
    assert plan in " ".join(err.split())
    assert "my.json: written, 4 of 4 classes done" in err
    assert main(["rank", "validate", "my.json", "--quiet"]) == 0
    ranking = json.loads((place / "my.json").read_text(encoding="utf-8"))
    assert ranking["classes"] == ["bird", "airplane", "frog", "@@home"]
    assert set(ranking["rankings"]) == {"bird", "airplane", "frog", "@@home"}
    assert answers_of(place)["top"] == 2


def test_stop_writes_what_is_done_and_resume_goes_on(elicit, place):
    code, err = elicit("my.json", "--classes", "names.txt", keys="1121q")
    assert code == 0
    assert "2 of 4 classes done" in err and "left out until they are done: 'frog' and '@home'" in err
    assert "go on with: rankcon rank elicit my.json" in err
    before = answers_of(place)["answers"]
    assert list(json.loads((place / "my.json").read_text())["rankings"]) == ["bird", "airplane"]
    code, err = elicit("my.json", "--classes", "names.txt", keys="1s" * 9 + "\r")
    assert code == 0 and "goes on after 4 answers" in err
    assert answers_of(place)["answers"][:4] == before


def test_stopping_at_once_writes_no_ranking(elicit, place):
    code, err = elicit("my.json", "--classes", "names.txt", keys="q")
    assert code == 0 and "not written, no class is done yet" in err
    assert not (place / "my.json").exists()
    assert elicit("my.json", keys="q")[0] == 0


def test_ctrl_c_keeps_every_answer_and_says_that_it_writes_no_ranking(elicit, place):
    code, err = elicit("my.json", "--classes", "names.txt", "--only", "bird", keys="112\x03")
    assert code == 130 and "go on with: rankcon rank elicit my.json --only bird" in err
    assert "every answer is kept in my.answers.json, and my.json is not written (q writes it)" in err
    assert len(answers_of(place)["answers"]) == 2
    assert not (place / "my.json").exists()


def test_only_some_classes(elicit, place):
    assert elicit("my.json", "--classes", "names.txt", "--only", "frog", keys="1" * 9 + "\r")[0] == 0
    assert list(json.loads((place / "my.json").read_text())["rankings"]) == ["frog"]
    code, err = elicit("my.json", "--only", "forg", keys="")
    assert code == 3 and "did you mean 'frog'" in err


def test_without_a_terminal_it_names_another_way(elicit, place):
    code, err = elicit("my.json", "--classes", "names.txt")
    assert code == 3 and "needs a terminal" in err and "rank set" in err and "rank derive" in err
    assert list(place.iterdir()) == [place / "names.txt"]


def test_complete_answers_need_no_terminal(elicit, place):
    assert elicit("my.json", "--classes", "names.txt", "--top", "1", keys="1" * 8 + "\r")[0] == 0
    text = (place / "my.json").read_text()
    (place / "my.json").unlink()
    assert elicit("my.json")[0] == 0
    assert (place / "my.json").read_text() == text


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ((), 2, "OUT"),
        (("-",), 2, "standard output"),
        ((".", "--from", "cifar10"), 2, "names no file"),
        (("", "--from", "cifar10"), 2, "names no file"),
        (("..", "--from", "cifar10"), 3, "cannot read"),
        (("my.json",), 2, "--classes PATH"),
        (("my.json", "--classes", "names.txt", "--from", "cifar10"), 2, "one of"),
        (("my.json", "--from", "cifar10", "--with-images"), 2, "--data SPEC"),
        (("my.json", "--from", "cifar10", "--assume", "all"), 2, "none or symmetric"),
        (("my.json", "--from", "cifar10", "--top", "0"), 2, "top"),
        (("my.json", "--classes", "nowhere.txt"), 3, "nowhere.txt"),
        (("my.json", "--classes", "two.txt"), 3, "three classes"),
        (("my.json", "--classes", "twice.txt"), 3, "listed twice"),
        (("my.json", "--classes", "bytes.txt"), 3, "UTF-8"),
        (("my.json", "--from", "no-such"), 3, "no ranking file"),
        (("theirs.json", "--from", "cifar10"), 3, "is there already"),
    ],
)
def test_what_the_user_can_do_wrong(elicit, place, arguments, code, word):
    (place / "two.txt").write_text("a\nb\n")
    (place / "twice.txt").write_text("a\nb\na\n")
    (place / "bytes.txt").write_bytes(b"\xff\xfea\0")
    (place / "theirs.json").write_text("{}")
    found, err = elicit(*arguments, keys="")
    assert (found, word in err) == (code, True), err
    assert (place / "theirs.json").read_text() == "{}"


def test_other_classes_are_refused(elicit, place):
    elicit("my.json", "--classes", "names.txt", keys="1q")
    code, err = elicit("my.json", "--from", "cifar10", keys="1")
    assert code == 3 and "about other classes" in err
    (place / "names.txt").write_text("airplane\nbird\nfrog\n@home\n")
    code, err = elicit("my.json", "--classes", "names.txt", keys="1")
    assert code == 3 and "another order" in err


def test_an_edited_ranking_is_not_written_over(elicit, place):
    elicit("my.json", "--classes", "names.txt", keys="112q")
    edited = (place / "my.json").read_text().replace('"source"', '"description": "mine", "source"')
    (place / "my.json").write_text(edited)
    code, err = elicit("my.json", keys="1q")
    assert code == 3 and "was changed since" in err
    assert (place / "my.json").read_text() == edited


@pytest.fixture
def meanwhile(monkeypatch):
    """meanwhile(act): ``act`` is done while the next question is open."""
    from rankcon_cli.elicit.screen import Screen

    def arrange(act):
        ask, acts = Screen.ask, [act]

        def asking(*arguments):
            if acts:
                acts.pop()()
            return ask(*arguments)

        monkeypatch.setattr(Screen, "ask", asking)

    return arrange


@pytest.mark.parametrize("before", ["112q", "q"])
def test_a_ranking_that_others_wrote_meanwhile_is_not_written_over(elicit, place, meanwhile, before):
    elicit("my.json", "--classes", "names.txt", keys=before)
    meanwhile(lambda: (place / "my.json").write_text("theirs"))
    code, err = elicit("my.json", keys="1212q")
    assert code == 3 and "my.json was changed while the questions were open" in err
    assert "the answers are kept in my.answers.json" in err and "go on with: rankcon rank elicit my.json" in err
    assert (place / "my.json").read_text() == "theirs"
    kept = answers_of(place)["answers"]
    assert len(kept) == len(before) - 1 + 4
    (place / "my.json").rename(place / "theirs.json")
    assert elicit("my.json", keys="q")[0] == 0
    assert (place / "my.json").exists() and answers_of(place)["answers"] == kept


def test_a_second_session_on_the_same_answers_stops(elicit, place, meanwhile):
    elicit("my.json", "--classes", "names.txt", keys="1q")
    theirs = (place / "my.answers.json").read_text().replace('"answer": "left"', '"answer": "right"')
    meanwhile(lambda: (place / "my.answers.json").write_text(theirs))
    code, err = elicit("my.json", keys="112q")
    assert code == 3 and "my.answers.json was changed meanwhile" in err
    assert "what it holds now is kept" in err and "go on with: rankcon rank elicit my.json" in err
    assert (place / "my.answers.json").read_text() == theirs and not (place / "my.json").exists()


def test_files_that_vanish_meanwhile_are_written_again(elicit, place, meanwhile):
    elicit("my.json", "--classes", "names.txt", keys="112q")
    meanwhile(lambda: [(place / name).unlink() for name in ("my.json", "my.answers.json")])
    assert elicit("my.json", keys="1q")[0] == 0
    assert len(answers_of(place)["answers"]) == 4 and (place / "my.json").exists()


def test_stopping_at_a_contradiction_says_so(elicit, place):
    (place / "three.txt").write_text("a\nb\nc\n")
    code, err = elicit("my.json", "--classes", "three.txt", keys="121q")
    assert code == 0 and "3 of 3 classes done" in err
    assert "3 answers still contradict each other" in err and "go on with: rankcon rank elicit my.json" in err
    code, err = elicit("my.json", keys="k\r")
    assert code == 0 and "still contradict" not in err


def test_classes_about_which_nothing_can_be_said_are_not_listed(elicit, place):
    both = ("--only", "bird", "--only", "airplane")
    code, err = elicit("my.json", "--classes", "names.txt", *both, keys="11??\r")
    assert code == 0 and "my.json: written, 1 of 4 classes done" in err
    assert "cannot say: 2 of 4 answers" in err and "nothing is known of what is similar: 'airplane'" in err
    assert "left out" not in err
    assert list(json.loads((place / "my.json").read_text())["rankings"]) == ["bird"]
    code, err = elicit("none.json", "--classes", "names.txt", keys="?" * 12 + "\r")
    assert code == 0 and "none.json: not written, nothing is known" in err and not (place / "none.json").exists()


def test_lines_of_classes_end_at_line_feeds_alone(elicit, place):
    (place / "lines.txt").write_bytes("a\u2028b\r\nc\r\nd\r\n".encode())
    code, err = elicit("my.json", "--classes", "lines.txt", keys="q")
    assert code == 3 and "'a\\u2028b' cannot name a class" in err
    (place / "lines.txt").write_bytes("a\x85b\u3000c\r\nc\r\n\r\nd".encode().replace(b"\xc2\x85", b" "))
    assert elicit("my.json", "--classes", "lines.txt", keys="q")[0] == 0
    assert answers_of(place)["classes"] == ["a b\u3000c", "c", "d"]


@pytest.mark.parametrize("columns", ["40", "80"])
def test_the_plan_is_wrapped_between_words(elicit, place, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    _, err = elicit("my.json", "--classes", "names.txt", "--only", "bird", "--assume", "symmetric", keys="q")
    plan = err[: err.index("Class 1 of 1")].splitlines()
    assert max(map(len, plan[:-1])) < int(columns)
    assert " ".join(plan).startswith("the order of all others for bird: at most 3 questions, about 3, of 3 that")


def test_a_ranking_written_just_before_the_machine_stopped_is_known_again(elicit, place):
    elicit("my.json", "--classes", "names.txt", keys="112q")
    document = answers_of(place) | {"written": None}
    (place / "my.answers.json").write_text(json.dumps(document))
    assert elicit("my.json", keys="q")[0] == 0


def test_the_page_of_pictures(elicit, place):
    for name, count in (("bird", 7), ("airplane", 1), ("<script>", 2), ("frog", 1)):
        (place / "photos" / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.full((60, 80, 3), 30 * i, dtype=np.uint8)
            Image.fromarray(pixels).save(place / "photos" / name / f"{i}.png")
    (place / "photos" / "frog" / "0.png").write_bytes(b"broken")
    code, err = elicit("my.json", "--data", "folder:photos", "--with-images", keys="q")
    assert code == 0 and "pictures of the classes: my.images.html" in err
    page = (place / "my.images.html").read_text(encoding="utf-8")
    assert page.count("<img ") == 4 + 1 + 2
    assert "<bdi>&lt;script&gt;</bdi>" in page and "<script" not in page and "no pictures" in page
    assert page.count("src=") == page.count('src="data:image/')
    assert elicit("my.json", "--data", "folder:photos", "--with-images", keys="q")[0] == 0
    (place / "my.images.html").write_text("mine")
    code, err = elicit("my.json", "--data", "folder:photos", "--with-images", keys="q")
    assert code == 3 and (place / "my.images.html").read_text() == "mine"


def test_pictures_of_arrays_and_of_other_classes(elicit, place):
    (place / "digits.txt").write_text("\n".join(map(str, range(8))))
    pictures = ("--data", "digits", "--with-images")
    assert elicit("my.json", "--classes", "digits.txt", *pictures, keys="q")[0] == 0
    page = (place / "my.images.html").read_text()
    assert GENERATOR in page and page.count("class=tiny") == 32
    assert elicit("my.json", *pictures, keys="q")[0] == 0  # going on, --data names pictures alone
    code, err = elicit("other.json", "--classes", "names.txt", "--data", "digits", "--with-images", keys="q")
    assert code == 3 and "none of the classes" in err
