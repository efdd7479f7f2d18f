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
    code, err = elicit("my.json", "--classes", "names.txt", "--top", "2", keys="1" * 12)
    assert code == 0
    assert "the 2 most similar for each of 4 classes: at most 12 questions, about 12, of 12 that there are" in err
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
    code, err = elicit("my.json", "--classes", "names.txt", keys="1s" * 9)
    assert code == 0 and "goes on after 4 answers" in err
    assert answers_of(place)["answers"][:4] == before


def test_stopping_at_once_writes_no_ranking(elicit, place):
    code, err = elicit("my.json", "--classes", "names.txt", keys="q")
    assert code == 0 and "not written, no class is done yet" in err
    assert not (place / "my.json").exists()
    assert elicit("my.json", keys="q")[0] == 0


def test_ctrl_c_keeps_every_answer(elicit, place):
    code, err = elicit("my.json", "--classes", "names.txt", "--only", "bird", keys="1\x03")
    assert code == 130 and "go on with: rankcon rank elicit my.json --only bird" in err
    assert len(answers_of(place)["answers"]) == 1
    assert not (place / "my.json").exists()


def test_only_some_classes(elicit, place):
    assert elicit("my.json", "--classes", "names.txt", "--only", "frog", keys="1" * 9)[0] == 0
    assert list(json.loads((place / "my.json").read_text())["rankings"]) == ["frog"]
    code, err = elicit("my.json", "--only", "forg", keys="")
    assert code == 3 and "did you mean 'frog'" in err


def test_without_a_terminal_it_names_another_way(elicit, place):
    code, err = elicit("my.json", "--classes", "names.txt")
    assert code == 3 and "needs a terminal" in err and "rank set" in err and "rank derive" in err
    assert list(place.iterdir()) == [place / "names.txt"]


def test_complete_answers_need_no_terminal(elicit, place):
    assert elicit("my.json", "--classes", "names.txt", "--top", "1", keys="1" * 8)[0] == 0
    text = (place / "my.json").read_text()
    (place / "my.json").unlink()
    assert elicit("my.json")[0] == 0
    assert (place / "my.json").read_text() == text


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ((), 2, "OUT"),
        (("-",), 2, "standard output"),
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
