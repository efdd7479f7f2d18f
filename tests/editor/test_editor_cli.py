"""What ``rank edit`` refuses before anything is drawn."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rankcon_cli import prompting
from rankcon_cli.cli.main import main
from rankcon_cli.errors import RankconError
from rankcon_cli.ranking import shipped


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str]]:
    """refused("my.json", "--new") -> exit code and stderr, as on a terminal; stdout is empty."""
    monkeypatch.setattr(prompting, "require_terminal", lambda what, instead: None)

    def run(*arguments: object) -> tuple[int, str]:
        code = main(["rank", "edit", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert out == ""
        return code, err

    return run


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.json"], 3, "there is no ranking file none.json"),
        (["-"], 2, "not standard input"),
        (["my.json", "--data", "digits"], 2, "say what a --new file begins with"),
        (["new.json", "--new"], 2, "--data SPEC or from --classes PATH"),
        (["new.json", "--new", "--data", "digits", "--classes", "names.txt"], 2, "--data SPEC or from --classes PATH"),
        (["my.json", "--new", "--data", "digits"], 3, "my.json is there already"),
        (["new.json", "--new", "--classes", "none.txt"], 3, "cannot read the list of classes none.txt"),
        (["new.json", "--new", "--classes", "names.txt"], 3, "classes is a list of two or more"),
        (["new.json", "--new", "--classes", "dup.txt"], 3, "dup.txt: the class 'a' is listed twice"),
        (["new.json", "--new", "--classes", "lines.txt"], 3, r"lines.txt: 'a\u2028b' cannot name a class: it holds"),
        (["digits"], 3, "ships with rankcon"),
        (["graph.json"], 3, "is a class graph"),
    ],
)
def test_refusals(
    refused: Callable[..., tuple[int, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    message: str,
):
    monkeypatch.chdir(tmp_path)
    Path("my.json").write_text('{"format": "rankcon/ranking", "version": 1, "classes": ["a", "b"]}')
    Path("names.txt").write_text("only one\n")
    Path("dup.txt").write_text("a\nb\na\n")
    Path("lines.txt").write_text("a\u2028b\r\nc\r\n")
    Path("graph.json").write_text(
        '{"nodes": [{"id": "a"}, {"id": "b"}], "edges": [{"source": "a", "target": "b", "rank": 1}]}'
    )
    got, err = refused(*arguments)
    assert (got, message in err) == (code, True), err
    assert "Traceback" not in err
    assert not Path("new.json").exists()


def test_the_file_of_a_shipped_ranking_is_not_edited_in_place(refused: Callable[..., tuple[int, str]]):
    code, err = refused(shipped()["cifar10"])
    assert code == 3
    assert "make a copy of your own" in err


@pytest.mark.parametrize(("kind", "message"), [("dumb", "TERM says dumb"), ("xterm", None)])
def test_a_dumb_terminal_is_none(monkeypatch: pytest.MonkeyPatch, kind: str, message: str | None):
    for stream in ("stdin", "stderr"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", kind)
    if message is None:
        prompting.require_terminal("rank edit", "rank set")
        return
    with pytest.raises(RankconError, match=message) as refused:
        prompting.require_terminal("rank edit", "rank set")
    assert refused.value.hint == "rank set"
