import dataclasses
import json
import os
from pathlib import Path

import pytest

from rankcon_cli.errors import UsageError
from rankcon_cli.evaluation.seeds import group_by_seed, repeated_seeds, training_seconds
from rankcon_cli.training.config import DataConfig, LossConfig, OptimConfig, TrainConfig
from rankcon_cli.training.run_directory import Run

CONFIG = TrainConfig(ranking="a.json", data=DataConfig(spec="npz:/here/a.npz", image_size=32))


def run(path, seed=0, ranking="sha256:1", fingerprint="f", withheld=(), **changes) -> Run:
    config = dataclasses.replace(CONFIG, seed=seed, **changes)
    record = {
        "ranking": {"hash": ranking} if ranking else None,
        "data": {"spec": config.data.spec, "fingerprint": fingerprint},
        "schedule": {"batch_size": 50, "steps_per_epoch": 4},
    }
    return Run(Path(path), config, ("a", "b"), withheld, None, None, record)


def grouped(*runs):
    return {group.name: [str(member.path) for member in group.runs] for group in group_by_seed(runs)}


def test_runs_that_differ_in_their_seed_alone_are_one_group():
    supcon = LossConfig("supcon")
    found = grouped(
        run("ranked-s1", 1), run("supcon-s0", 0, loss=supcon), run("ranked-s0", 0), run("supcon-s2", 2, loss=supcon)
    )
    assert found == {"ranked": ["ranked-s1", "ranked-s0"], "supcon": ["supcon-s0", "supcon-s2"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"ranking": "sha256:2"},
        {"fingerprint": "g"},
        {"withheld": ("c",)},
        {"loss": LossConfig(ce_weight=1.0)},
        {"optim": OptimConfig(epochs=7)},
        {"data": DataConfig(spec="npz:/here/a.npz", image_size=64)},
    ],
)
def test_what_shaped_the_runs_keeps_them_apart(changes):
    assert len(group_by_seed([run("a"), run("b", 1, **changes)])) == 2


def test_where_data_and_ranking_lie_and_the_device_do_not():
    elsewhere = DataConfig(spec="npz:/there/b.npz", image_size=32, data_dir="/there")
    other = run("b", 1, device="cuda", data=elsewhere)
    other = dataclasses.replace(other, config=dataclasses.replace(other.config, ranking="/there/r.json"))
    assert len(group_by_seed([run("a"), other])) == 1


@pytest.mark.parametrize(
    ("paths", "name"),
    [
        (["x/ranked-s0", "x/ranked-s1"], "ranked"),
        (["ranked_seed0", "ranked_seed10"], "ranked"),
        (["ranked.seed-0", "ranked.seed-1"], "ranked"),
        (["resnet18-s0", "resnet18-s1"], "resnet18"),
        (["s0/resnet18", "s1/resnet18"], "resnet18"),
        (["run0", "run1"], "run"),
        (["runs0", "runs1"], "runs"),
        (["ours/s0", "ours/s1"], "ours"),
        (["ours/0", "ours/1"], "ours"),
        (["ours/seed=0", "ours/seed=1"], "ours"),
        (["0/1", "2/3"], "ranked"),  # numbers alone: the loss
        (["x/first", "x/second"], "ranked"),
        (["x/first-s0", "x/second-s1"], "ranked"),
        (["only-s3"], "only-s3"),
        (["\u202e<script>🙂\n-s0", "\u202e<script>🙂\n-s1"], "\u202e<script>🙂\n"),
    ],
)
def test_a_group_is_named_by_what_its_runs_share(paths, name):
    assert list(grouped(*(run(path, seed) for seed, path in enumerate(paths)))) == [name]


def test_names_are_distinct():
    groups = grouped(
        run("a/r-s0"),
        run("b/r-s1", 1),
        run("c/r-s0", fingerprint="g"),
        run("d/r-s1", 1, fingerprint="g"),
        run("e/r", 5),
    )
    assert list(groups) == ["r", "r-2"]
    assert list(grouped(run("a/x"), run("b/x", fingerprint="g"), run("c/x", fingerprint="h"))) == ["x", "x-2", "x-3"]


def test_a_run_given_twice_is_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "ranked")
    (tmp_path / "ranked").mkdir()
    first = run(tmp_path / "ranked")
    with pytest.raises(UsageError, match=r"ranked is given twice$"):
        group_by_seed([first, run(tmp_path / "other"), run(tmp_path / "ranked")])
    with pytest.raises(UsageError, match=r"link is given twice \(as .*ranked too\)"):
        group_by_seed([first, run(tmp_path / "link")])
    with pytest.raises(UsageError, match="given twice"):
        group_by_seed([first, run(os.path.relpath(tmp_path / "ranked"))])
    with pytest.raises(UsageError, match="given twice"):
        group_by_seed([first, first])


def test_a_repeated_seed_stays_and_is_told():
    groups = group_by_seed([run("r-s0"), run("r-s0-again"), run("r-s1", 1), run("other", 1, fingerprint="g")])
    assert [len(group.runs) for group in groups] == [3, 1]
    assert repeated_seeds(groups) == (
        "2 runs of 'ranked' have the seed 0: they are averaged and count as one of 2 seeds",
    )
    assert repeated_seeds(groups[1:]) == ()


def with_log(folder, *lines) -> Run:
    folder.mkdir(exist_ok=True)
    (folder / "metrics.jsonl").write_text("".join(line + "\n" for line in lines))
    return run(folder)


def test_training_seconds_are_those_of_the_log(tmp_path):
    # 50 images in two views, 8 steps, 200 views a second on the whole.
    lines = [json.dumps({"epoch": e, "step": 4 * e, "views_per_second": speed}) for e, speed in ((1, 40), (2, 200.0))]
    assert training_seconds(with_log(tmp_path, *lines)) == 4


@pytest.mark.parametrize(
    "line",
    [
        '{"step": 8',
        "[]",
        "3",
        "null",
        '{"step": 8}',
        '{"step": 8, "views_per_second": 0}',
        '{"step": 8, "views_per_second": null}',
        '{"step": 8, "views_per_second": "fast"}',
        '{"step": 8, "views_per_second": NaN}',
        '{"step": -8, "views_per_second": 5}',
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)
def test_training_seconds_are_unknown_without_a_sound_log(tmp_path, line):
    assert training_seconds(with_log(tmp_path, line)) is None


def test_training_seconds_without_a_log(tmp_path):
    assert training_seconds(run(tmp_path)) is None
    assert training_seconds(with_log(tmp_path)) is None
