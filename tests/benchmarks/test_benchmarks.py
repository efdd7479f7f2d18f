"""The scripts of benchmarks/: their baselines are right, records of several machines live side by side, the page is current."""

import gpu
import loss_table
import page
import pytest
import torch
from loss_cases import Inputs, Setting, Work, loss_of, make_inputs, settings
from loss_table import PEER
from records import append_record, read_records, stated


def made_up(device: str, r4: float = 3.0, **other) -> dict:
    """A record of loss.py with r = 4 and r = 1 of one loss, and a row that failed."""
    row = {"variant": "in", "ranks": 4, "peak_bytes": 2**20, "value_error": None, "gradient_error": 2e-7}
    rows = [
        row | {"implementation": "chunked", "seconds": [r4, r4], "cpu_seconds": [2.0, 2.0]},
        row | {"implementation": "chunked", "ranks": 1, "seconds": [2.0, 1.5], "cpu_seconds": [2.0, 2.0]},
        {"implementation": "plain", "variant": "in", "ranks": 4, "seconds": [], "failed": "out of memory"},
    ]
    return {
        "device": device,
        "date": "2026-01-01",
        "cpu_count": 2,
        "threads": 1,
        "load_average": 0.0,
        "python": "3.12",
        "packages": {"torch": "2.11"},
        "settings": [{"name": "small", "anchors": 8, "contrast": 8, "within_batch": False, "rows": rows}],
        "left_out": [],
    } | other


def test_the_page_is_what_the_records_say():
    assert page.PAGE.read_text() == page.page(), "run python benchmarks/page.py"


def test_without_records_nothing_was_measured(tmp_path):
    written = page.page(tmp_path)
    assert "CPU: not measured." in written and "CUDA: not measured." in written


def test_records_of_several_machines_live_side_by_side(tmp_path):
    for device, date in (("cuda: A", "1"), ("cuda: B", "2"), ("cuda: A", "3")):
        append_record("loss-cuda", made_up(device, date=date), tmp_path)
    assert [(r["device"], r["date"]) for r in read_records("loss-cuda", tmp_path)] == [
        ("cuda: B", "2"),
        ("cuda: A", "3"),
    ]
    assert page.page(tmp_path).index("cuda: B") < page.page(tmp_path).index("cuda: A")


def test_records_are_taken_over_from_another_folder(tmp_path):
    append_record("loss-cuda", made_up("cuda: A"), tmp_path / "here")
    append_record("loss-cuda", made_up("cuda: B"), tmp_path / "there")
    assert page.add(tmp_path / "there", tmp_path / "here") == ["loss-cuda: cuda: B"]
    assert [r["device"] for r in read_records("loss-cuda", tmp_path / "here")] == ["cuda: A", "cuda: B"]


@pytest.mark.parametrize(("r4", "met"), [(2.0, "yes"), (3.0, "**no**")])
def test_a_bar_is_met_or_not(r4, met):
    line = next(line for line in loss_table.section(made_up("cpu: x", r4)).splitlines() if "r = 4 over" in line)
    assert line.endswith(f"| at most 1.6 | {met} |")


def test_a_failed_row_is_said_and_nothing_compared_with_it():
    written = loss_table.section(made_up("cpu: x"))
    assert "failed: out of memory" in written and "times faster than the faster dense" not in written


@pytest.mark.parametrize(
    ("implementation", "variant"), [*(("plain", v) for v in ("in", "out", "out-in", "supcon")), (PEER, "supcon")]
)
def test_what_is_compared_computes_the_same_loss(implementation, variant):
    if implementation == PEER:
        pytest.importorskip("pytorch_metric_learning")
    within = variant == "supcon"
    inputs = make_inputs(Setting(60, 60, (), dtype="float64", within_batch=within), torch.device("cpu"))
    ranks = 1 if within else 4
    value, gradient = value_and_gradient(Work(implementation, variant, ranks), inputs)
    expected, exact = value_and_gradient(Work("dense", variant, ranks), inputs)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, exact)


def value_and_gradient(work: Work, inputs: Inputs) -> tuple[torch.Tensor, torch.Tensor]:
    inputs.anchors.grad = None
    loss = loss_of(work, inputs)()
    loss.backward()
    return loss.detach(), inputs.anchors.grad


def test_dense_is_not_asked_for_where_its_matrices_do_not_fit():
    for setting in settings(torch.device("cpu")):
        dense = any(work.implementation in loss_table.DENSE for work in setting.works)
        assert dense == (setting.pairs <= 4096**2)


def test_a_gpu_script_without_a_gpu_says_so_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["gpu.py"])
    with pytest.raises(SystemExit) as ended:
        gpu.main()
    assert ended.value.code == 3
    assert capsys.readouterr().err == "gpu.py needs a CUDA device, and there is none here\n"


def test_what_one_script_saves_the_next_may_use():
    assert gpu.seconds_of(gpu.JOBS[0], gpu.JOBS, 500) == pytest.approx(200)
    assert gpu.seconds_of(gpu.JOBS[-1], gpu.JOBS[-1:], 450) == pytest.approx(450)


def test_a_record_names_no_folder_of_the_machine():
    assert stated(["/x/benchmarks/loss.py", "--device", "cuda", "--results", "/x/out", "--million"]) == [
        "benchmarks/loss.py",
        "--device",
        "cuda",
        "--million",
    ]
