"""The verbs of ``rankcon rank`` as a user types them, in this process."""

import io
from collections.abc import Callable

import pytest

from rankcon_cli.cli.console import console
from rankcon_cli.cli.main import main


@pytest.fixture
def rank(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """rank("subset", ...) by way of ``main`` -> exit code, stdout, stderr; ``stdin`` is text."""

    def run(*arguments: object, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(console, "quiet", False)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        capsys.readouterr()
        code = main(["rank", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run
