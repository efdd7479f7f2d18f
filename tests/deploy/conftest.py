"""One small run that the tests of this room use."""

import pytest
from small_run import make_small_run

from rankcon_cli.training.run_directory import Run


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_small_run(tmp_path_factory.mktemp("small"))
