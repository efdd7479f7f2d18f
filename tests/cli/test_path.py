"""The main path on a folder of images, as the README shows it, and what users get wrong on the way."""

import json
import os
import shutil
import stat

import numpy as np
import pytest
from PIL import Image

MEASURES = {
    "accuracy",
    "recall_at_1",
    "map_at_r",
    "order_satisfaction",
    "order_satisfaction_beyond_own",
    "kendall_tau_b",
    "ndcg",
    "mistake_severity",
    "mistakes_in_tier_1",
}
OOD_MEASURES = {"auroc", "aupr_in", "aupr_out", "fpr95_ood_pos", "fpr95_id_pos", "n_id", "n_ood"}


def test_train_prints_the_run_directory_alone(rankcon, photos, tmp_path):
    done = rankcon(
        *("train", "--loss", "supcon", "--data", f"folder:{photos / 'train'}", "--epochs", 1, "--out", tmp_path / "a")
    )
    assert (done.code, done.out) == (0, f"{tmp_path / 'a'}\n")
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        *("run.json", "splits.json", "images.safetensors", "metrics.jsonl", "model.safetensors", "checkpoints")
    }


def test_evaluate(rankcon, run_directory, photos):
    done = rankcon("evaluate", run_directory, "--data", f"folder:{photos / 'test'}", "--json")
    found = done.json
    assert done.code == 0
    assert found.keys() >= MEASURES
    assert found["accuracy"] == found["classifiers"]["projection"]["nearest_class_mean"] > 0.5
    assert set(found["classifiers"]) == {"encoder", "projection"}
    assert found["data"]["n"] == 40 and found["data"]["left_out"]["withheld"] == {"three": 10}
    assert "left out 10 images of the withheld classes three" in done.err
    matrix = np.array(found["confusion"]["matrix"])
    assert matrix.shape == (4, 4) and matrix.sum() == 40
    assert np.trace(matrix) / 40 == found["accuracy"]
    people = rankcon("evaluate", run_directory, "--data", f"folder:{photos / 'test'}")
    assert "nearest class mean" in people.out and "order satisfaction" in people.out and "\x1b" not in people.out


def test_evaluate_without_data_uses_the_validation_images_and_says_so(rankcon, run_directory):
    done = rankcon("evaluate", run_directory, "--json")
    assert done.json["data"]["images"] == "validation images of the run"
    assert done.json["data"]["n"] == 8
    assert "no test split" in done.err


def test_cached_embeddings_need_no_training_images(rankcon, run_directory, photos, tmp_path):
    data = ("--data", f"folder:{photos / 'test'}", "--json")
    before = rankcon("evaluate", run_directory, *data).json
    run = shutil.copytree(run_directory, tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    record["config"]["data"]["spec"] = "folder:/gone"
    (run / "run.json").write_text(json.dumps(record))
    assert rankcon("evaluate", run, *data).json["classifiers"] == before["classifiers"]
    shutil.rmtree(run / "cache")
    done = rankcon("evaluate", run, *data)
    assert done.code == 3 and "/gone" in done.err


def test_a_damaged_cache_is_made_anew(rankcon, run_directory, photos, tmp_path):
    run = shutil.copytree(run_directory, tmp_path / "run")
    data = ("--data", f"folder:{photos / 'test'}", "--json")
    before = rankcon("evaluate", run, *data).json
    for path in (run / "cache").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    done = rankcon("evaluate", run, *data)
    assert done.json == before and "made anew" in done.err


def test_measures_of_a_ranking_for_a_run_without_one(rankcon, baseline_directory, photos):
    data = ("--data", f"folder:{photos / 'test'}", "--json")
    without = rankcon("evaluate", baseline_directory, *data)
    assert without.json["ranking"] is None and "order_satisfaction" not in without.json
    given = rankcon("evaluate", baseline_directory, *data, "--ranking", photos / "ranking.json").json
    assert given.keys() >= MEASURES
    assert given["headline"]["feature"] == "encoder" and "head" in given["classifiers"]["encoder"]


def test_evaluating_on_the_training_images_is_remarked(rankcon, run_directory, photos):
    done = rankcon("evaluate", run_directory, "--data", f"folder:{photos / 'train'}", "--json")
    assert done.code == 0 and "measures memory" in done.err


def test_ood_report(rankcon, run_directory, baseline_directory, photos, tmp_path):
    arguments = ("ood-report", run_directory, baseline_directory, "--data", f"folder:{photos / 'test'}")
    done = rankcon(*arguments, "--ood", f"folder:{photos / 'unknown'}", "--out", tmp_path / "report", "--json")
    assert done.code == 0
    found = done.json
    assert [s["name"] for s in found["sets"]] == ["withheld", "unknown"]
    assert all(row.keys() >= OOD_MEASURES for row in found["results"])
    seen = {(row["run"], row["ood"], row["score"], row["feature"]) for row in found["results"]}
    for run, features in (("ranked", ("encoder", "projection")), ("plain", ("encoder",))):
        for ood in ("withheld", "unknown"):
            expected = {(run, ood, s, f) for s in ("cosine", "knn", "mahalanobis", "rmd") for f in features}
            assert seen >= expected | {(run, ood, s, "logits") for s in ("msp", "energy")}
    sources = [run["details"]["logits_from"] for run in found["runs"]]
    assert sources == ["linear probe on the training features", "cross-entropy head"]
    stored = json.loads((tmp_path / "report" / "report.json").read_text())
    assert {"report.html", "report.json", "tables/main.csv"} <= set(stored.pop("files"))
    assert stored == found
    page = (tmp_path / "report" / "report.html").read_text()
    assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page
    again = rankcon(*arguments, "--out", tmp_path / "report")
    assert again.code == 2 and "--force" in again.err


def test_ood_sets_that_are_none(rankcon, run_directory, photos, tmp_path):
    arguments = ("ood-report", run_directory, "--data", f"folder:{photos / 'test'}", "--json", "--ood")
    mixed = rankcon(*arguments, f"folder:{photos / 'test'}")
    assert mixed.json["sets"][1]["n"] == 10, "of the test images only those of the withheld class are unknown"
    shutil.copytree(photos / "test" / "zero", tmp_path / "same" / "zero")
    same = rankcon(*arguments, f"folder:{tmp_path / 'same'}")
    assert same.code == 3 and "also in the ID test or training images" in same.err
    trained = rankcon(*arguments, f"folder:{photos / 'train' / 'zero'}")
    assert trained.code == 3 and "also in the ID test or training images" in trained.err
    (tmp_path / "empty").mkdir()
    empty = rankcon(*arguments, f"folder:{tmp_path / 'empty'}")
    assert empty.code == 3 and "empty" in empty.err


def test_shared_images_are_taken_out_of_an_ood_set(rankcon, run_directory, photos, tmp_path):
    shutil.copytree(photos / "unknown" / "seven", tmp_path / "mixed" / "seven")
    shutil.copy(next((photos / "test" / "zero").iterdir()), tmp_path / "mixed" / "seven" / "stowaway.png")
    done = rankcon(
        *(
            "ood-report",
            run_directory,
            "--data",
            f"folder:{photos / 'test'}",
            "--ood",
            f"folder:{tmp_path / 'mixed'}",
            "--json",
        )
    )
    assert done.json["sets"][1]["n"] == 15
    assert any("1 image found among the ID test" in warning for warning in done.json["warnings"])


def test_runs_that_cannot_stand_in_one_report(rankcon, run_directory, photos, tmp_path):
    rankcon("train", "--loss", "supcon", "--data", f"folder:{photos / 'train'}", "--epochs", 1, "--out", tmp_path / "a")
    done = rankcon("ood-report", run_directory, tmp_path / "a", "--data", f"folder:{photos / 'test'}", "--json")
    assert done.code == 3 and "classes differ" in done.err


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK", "P"])
def test_unknown_images_of_any_kind_are_brought_to_the_runs(rankcon, run_directory, photos, tmp_path, mode):
    rng = np.random.default_rng(0)
    (tmp_path / "odd").mkdir()
    for i in range(6):
        pixels = rng.integers(0, 255, (30 + i, 50 - i, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).convert(mode)
        image.save(tmp_path / "odd" / (f"{i}.tif" if mode == "CMYK" else f"{i}.png"))
    done = rankcon(
        "ood-report",
        run_directory,
        "--data",
        f"folder:{photos / 'test'}",
        "--ood",
        f"folder:{tmp_path / 'odd'}",
        "--json",
    )
    assert done.code == 0 and done.json["sets"][1]["n"] == 6


def test_dry_run_trains_nothing(rankcon, photos, tmp_path):
    arguments = ("train", "--ranking", photos / "ranking.json", "--data", f"folder:{photos / 'train'}", "--dry-run")
    done = rankcon(*arguments, "--json", "--out", tmp_path / "run")
    plan = done.json
    assert done.code == 0 and not (tmp_path / "run").exists()
    assert plan["config"]["loss"]["ranks"] == 3 and plan["schedule"]["classes"] == 5
    assert [rank["rank"] for rank in plan["ranks_in_batch"]] == [1, 2, 3]
    people = rankcon(*arguments)
    assert "optim.epochs" in people.out and "samples an anchor finds" in people.out
    refused = rankcon(*arguments, "--ranks", 4)
    assert refused.code == 3 and "no batch can hold a sample of rank 4" in refused.err


def test_toml_configuration(rankcon, photos, tmp_path):
    (tmp_path / "a.toml").write_text(
        f'[data]\nspec = "folder:{photos / "train"}"\n[loss]\nname = "supcon"\n[optim]\nepochs = 2\n'
    )
    plan = rankcon("train", "--config", tmp_path / "a.toml", "--epochs", 1, "--dry-run", "--json").json
    assert (plan["config"]["loss"]["name"], plan["config"]["optim"]["epochs"]) == ("supcon", 1)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["train"], 2, "--data"),
        (["train", "--data", "digits"], 2, "--loss ranked needs a ranking"),
        (["train", "--data", "digits", "--loss", "suupcon"], 2, "loss.name"),
        (["train", "--data", "digits", "--ranking", "no/such.json"], 3, "no/such.json"),
        (["train", "--data", "digits", "--ranking", "digits", "--withhold", "ten"], 3, "no such class"),
        (["train", "--data", "digits", "--ranking", "cifar10"], 3, "E110"),
        (["train", "--data", "digits", "--ranking", "digits", "--device", "cuda:9"], 3, "no device"),
        (["train", "--data", "folder:no/where", "--ranking", "digits"], 3, "no/where"),
        (["train", "--data", "digits", "--ranking", "digits", "--epochs", "many"], 2, "--epochs"),
        (["train", "--data", "digits", "--ranking", "digits", "--resume"], 2, "--out"),
        (["train", "--resume", "--out", "no/run"], 3, "not a run directory"),
        (["evaluate", "no/run"], 3, "not a run directory"),
        (["ood-report", "no/run", "--json"], 3, "not a run directory"),
        (["ood-report", "no/run"], 3, "not a run directory"),
        (["ood-report", "no/run", "--tpr", "1.5"], 2, "--tpr"),
        (["ood-report", "no/run", "--score", "knnn"], 2, "did you mean 'knn'"),
        (["ood-report", "no/run", "--score", "knn", "--tune-on", "digits"], 2, "--tune-on"),
        (["ood-report", "no/run", "--resamples", "1"], 2, "too few for intervals"),
        (["frobnicate"], 2, "frobnicate"),
        (["evaluate"], 2, "RUN"),
        (["train", "--no-such-flag"], 2, "--no-such-flag"),
        ([], 2, ""),
    ],
)
def test_faults_have_one_message_and_an_exit_code(rankcon, arguments, code, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = rankcon(*arguments)
    assert done.code == code
    assert says in done.err and "Traceback" not in done.err
    assert done.out == "" or arguments == []


def test_an_unfinished_run_says_how_to_finish_it(rankcon, run_directory, tmp_path):
    run = shutil.copytree(run_directory, tmp_path / "run", ignore=shutil.ignore_patterns("model.safetensors", "cache"))
    done = rankcon("evaluate", run)
    assert done.code == 3 and f"rankcon train --resume --out {run}" in done.err
    resumed = rankcon("train", "--resume", "--out", run)
    assert (resumed.code, resumed.out) == (0, f"{run}\n")
    assert (run / "model.safetensors").read_bytes() == (run_directory / "model.safetensors").read_bytes()
    again = rankcon("train", "--resume", "--out", run)
    assert again.code == 0 and "nothing to resume" in again.err


def test_a_run_is_not_overwritten_without_a_word(rankcon, run_directory, photos):
    before = (run_directory / "model.safetensors").read_bytes()
    done = rankcon("train", "--loss", "supcon", "--data", f"folder:{photos / 'train'}", "--out", run_directory)
    assert done.code == 2 and "--force" in done.err
    assert (run_directory / "model.safetensors").read_bytes() == before


def test_weights_cut_in_half(rankcon, run_directory, tmp_path):
    run = shutil.copytree(run_directory, tmp_path / "run")
    weights = run / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    done = rankcon("evaluate", run)
    assert done.code == 3 and "model.safetensors is damaged" in done.err


def test_a_ranking_that_lacks_a_class_of_the_run(rankcon, run_directory, photos):
    done = rankcon("evaluate", run_directory, "--data", f"folder:{photos / 'test'}", "--ranking", "digits")
    assert done.code == 3 and "E110" in done.err


def test_broken_images_stop_the_run_unless_they_are_skipped(rankcon, photos, tmp_path):
    data = shutil.copytree(photos / "train", tmp_path / "train")
    cut = sorted((data / "zero").iterdir())[0]
    cut.write_bytes(cut.read_bytes()[:60])
    arguments = ("train", "--loss", "supcon", "--data", f"folder:{data}", "--epochs", 1, "--out", tmp_path / "run")
    stopped = rankcon(*arguments)
    assert stopped.code == 3 and cut.name in stopped.err and "--skip-broken" in stopped.err
    assert not (tmp_path / "run").exists()
    assert rankcon(*arguments, "--skip-broken").code == 0
    assert len(json.loads((tmp_path / "run" / "run.json").read_text())["data"]["skipped"]) == 1


def test_one_image_in_a_class(rankcon, photos, tmp_path):
    data = shutil.copytree(photos / "train", tmp_path / "train")
    for path in sorted((data / "zero").iterdir())[1:]:
        path.unlink()
    arguments = ("train", "--ranking", photos / "ranking.json", "--data", f"folder:{data}", "--epochs", 1)
    assert rankcon(*arguments, "--out", tmp_path / "run").code == 0
    assert rankcon("evaluate", tmp_path / "run", "--data", f"folder:{photos / 'test'}", "--json").code == 0


def test_a_folder_that_cannot_be_written(rankcon, photos, tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = rankcon(
        "train", "--loss", "supcon", "--data", f"folder:{photos / 'train'}", "--out", tmp_path / "taken" / "run"
    )
    assert done.code in (2, 3) and "taken" in done.err and "Traceback" not in done.err


def test_a_split_named_for_training_is_not_the_one_for_testing(rankcon, tmp_path):
    arguments = ("train", "--loss", "supcon", "--epochs", 1, "--withhold", "8,9", "--data")
    assert rankcon(*arguments, "digits#train", "--out", tmp_path / "part").code == 0
    found = rankcon("evaluate", tmp_path / "part", "--json").json
    assert (found["data"]["spec"], found["data"]["images"]) == ("digits", "test split")
    assert found["data"]["warnings"] == []
    assert rankcon(*arguments, "digits#all", "--out", tmp_path / "all").code == 0
    assert rankcon("evaluate", tmp_path / "all", "--json").json["data"]["images"] == "validation images of the run"
    trained = rankcon("evaluate", tmp_path / "part", "--data", "digits#all", "--json")
    assert "862 of 1443 test images" in trained.json["data"]["warnings"][0]


def test_withheld_images_are_found_where_there_is_no_test_split(rankcon, run_directory):
    done = rankcon("ood-report", run_directory, "--json")
    assert done.code == 3 and "--withheld-from all" in done.err
    done = rankcon("ood-report", run_directory, "--json", "--withheld-from", "all")
    assert done.code == 0 and done.json["sets"][0]["n"] == 20
    assert ["OOD set withheld", True] in [[f["label"], "none was trained on" in f["text"]] for f in done.json["facts"]]


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (["--encoder", "resnet81"], 2, "did you mean 'resnet8'?"),
        (["--encoder", "resnet8", "--image-size", 9], 3, "even image size"),
        (["--encoder", "resnet18", "--weights", "no/where.pth"], 3, "no/where.pth"),
        (["--batch-size", 2], 3, "holds one class"),
        (["--warmup-epochs", "nan"], 2, "--warmup-epochs"),
        (["--tau-max", "inf"], 2, "--tau-max"),
        (["--device", "hpu"], 3, "no device 'hpu'"),
    ],
)
@pytest.mark.parametrize("mode", [["--dry-run"], []])
def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    rankcon, photos, tmp_path, flags, code, says, mode
):
    data = ("--loss", "supcon", "--data", f"folder:{photos / 'train'}", "--out", tmp_path / "run")
    done = rankcon("train", *data, *flags, *mode)
    assert (done.code, says in done.err) == (code, True), done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("flags", [[], ["--force"]], ids=str)
def test_a_run_whose_making_was_cut_short_can_be_replaced(rankcon, photos, tmp_path, flags):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "splits.json").write_text("{")
    (tmp_path / "run" / ".run.json.x.part").write_text("")
    data = ("--loss", "supcon", "--data", f"folder:{photos / 'train'}", "--epochs", 1, "--out", tmp_path / "run")
    assert rankcon("train", *data, *flags).code == 0
    assert not list((tmp_path / "run").glob(".*"))
    assert rankcon("train", *data).code == 2, "now it holds a run"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("splits.json", "{"),
        ("splits.json", '{"train": [0, 1, 1], "validation": [99999]}'),
        ("run.json", {"mean": None}),
        ("run.json", {"image_size": 0}),
        ("run.json", {"channels": 2}),
    ],
)
def test_a_damaged_record_is_told(rankcon, run_directory, photos, tmp_path, name, content):
    run = shutil.copytree(run_directory, tmp_path / "run")
    if isinstance(content, dict):
        record = json.loads((run / name).read_text())
        record["data"] |= content
        content = json.dumps(record)
    (run / name).write_text(content)
    done = rankcon("evaluate", run, "--data", f"folder:{photos / 'test'}")
    assert done.code == 3 and f"{name} is damaged" in done.err


def test_a_path_that_is_no_utf8(rankcon, photos, tmp_path):
    odd = os.fsencode(tmp_path) + b"/odd\xff"
    shutil.copytree(os.fsencode(photos / "train"), odd)
    spec = f"folder:{os.fsdecode(odd)}"
    done = rankcon("train", "--loss", "supcon", "--data", spec, "--epochs", 1, "--out", tmp_path / "run")
    assert done.code == 0
    assert rankcon("evaluate", tmp_path / "run", "--json").code == 0


def test_names_in_another_unicode_form_are_the_same_names(rankcon, photos, tmp_path):
    data = shutil.copytree(photos / "train", tmp_path / "train")
    (data / "zero").rename(data / "cafe\N{COMBINING ACUTE ACCENT}")  # as a Mac's archive may have it
    text = (photos / "ranking.json").read_text().replace('"zero"', '"caf\N{LATIN SMALL LETTER E WITH ACUTE}"')
    (tmp_path / "ranking.json").write_text(text, encoding="utf-8")
    done = rankcon("rank", "validate", tmp_path / "ranking.json", "--data", f"folder:{data}", "--json")
    assert done.json["valid"], done.json["issues"]


def test_doctor(rankcon):
    done = rankcon("doctor", "--json")
    found = done.json
    assert done.code == 0 and found["problems"] == []
    assert found["packages"]["torch"] and found["device"] == found["devices"][0]
    assert rankcon("doctor").out.rstrip().endswith("all is well")


def test_new_files_have_the_usual_permissions(run_directory):
    mode = stat.S_IMODE((run_directory / "run.json").stat().st_mode)
    assert mode & stat.S_IRUSR and mode == stat.S_IMODE((run_directory / "metrics.jsonl").stat().st_mode)
