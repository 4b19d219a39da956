"""Small made-up results for tests of tables, figures and the report, in the folders that the workflow makes."""

import json
from pathlib import Path

from reconbench.results.scores import write_scores

PART = "001-of-001"
DISPLAY = {"title": "", "scale": 1.0, "digits": 2, "spread": False}


def variant(method, title="", tuned=False, **params):
    return {"method": {"name": method}, "title": title, "params": params, "tuned": tuned}


def section(problems, variants, **changed):
    rows = {"variants": variants, "oracle_stopped": [], "order": None, "published_only": {}}
    about = {"title": "", "statistics": "corrected", "published": True, "notes": []}
    return {**about, **rows, "problems": problems, **changed}


def spec(definition, problems, variants, rows, name="made_up"):
    """Return what `Specs` gives a table or a figure; a row is (problem, variant) or (problem, variant, changed)."""
    about = {"title": "", "kind": "denoising", "reading": "corrected", "dataset": "truths", "target": "truth"}
    facts = {"parts": 1, "timed": False, "tuned_on": None, "trained_on": None, "one_network_an_image": False}
    facts["metrics"] = {}
    return {
        "name": name,
        "scale": "small",
        "seed": 0,
        "study": {"name": "study", "title": "A study", "reference": "Someone 2018"},
        "definition": definition,
        "problems": {problem: {**about, **changed} for problem, changed in problems.items()},
        "variants": variants,
        "rows": [{**facts, "problem": problem, "variant": name, **dict(*changed)} for problem, name, *changed in rows],
    }


def table(sections, metrics, **changed):
    about = {"title": "Made up", "source": "", "published": None, "same_data": False, "data_note": "", "notes": []}
    shown = {metric: {**DISPLAY, **display} for metric, display in metrics.items()}
    return {**about, "sections": sections, "metrics": shown, **changed}


def figure(kind, problems, variants, metrics, **params):
    shown = {metric: {**DISPLAY, **display} for metric, display in metrics.items()}
    about = {"kind": kind, "title": "Made up", "source": "", "params": params}
    return {**about, "problems": problems, "variants": variants, "metrics": shown}


def folder(root: Path, step, problem, variant, repetition=1, part=PART):
    found = root / "results" / "small" / step / problem / variant / str(repetition) / part
    found.mkdir(parents=True, exist_ok=True)
    return found


def lines(seconds=0.01, status="ok", **metrics):
    """Return one line an image from lists of values; a number of images instead of values where all failed."""
    if status != "ok":
        return [{"image": f"image_{index}", "status": status} for index in range(metrics["number"])]
    return [
        {"image": f"image_{index}", "status": status, **dict(zip(metrics, values, strict=True)), "seconds": seconds}
        for index, values in enumerate(zip(*metrics.values(), strict=True))
    ]


def write_row(root: Path, problem, variant, lines, repetition=1, part=PART, run=None):
    """Write scores.csv and run.json of one part; return their paths."""
    scores = folder(root, "scores", problem, variant, repetition, part) / "scores.csv"
    write_scores(scores, lines)
    facts = {"status": "ok", "device": "cpu", "device_name": "A processor", "threads": 1}
    path = folder(root, "estimates", problem, variant, repetition, part) / "run.json"
    path.write_text(json.dumps({**facts, **(run or {})}), encoding="utf-8")
    return scores, path


def write_tuned(root: Path, problem, variant, params, evaluations):
    """Write params.json and tuning.csv of a tuned variant; `evaluations` are texts of the lines of the csv."""
    path = folder(root, "models", problem, variant, 1, "all") / "params.json"
    path.write_text(json.dumps(params), encoding="utf-8")
    path.with_name("tuning.csv").write_text("".join(f"{line}\n" for line in evaluations), encoding="utf-8")
    return path


def write_training(root: Path, trained_on, variant, seconds=10.0, repetition=1, run=None, **training):
    """Write run.json of one training; `run` holds what is unlike, as its status where it failed."""
    facts = {"status": "ok", "device": "cpu", "device_name": "A processor", "threads": 1, "seconds": seconds}
    told = {"steps": 100, "steps_per_second": 10.0, "last_validation_error": 0.5, "best_validation_error": 0.25}
    training = {} if run and "status" in run else {"training": {**told, **training}}
    path = folder(root, "models", trained_on, variant, repetition, "all") / "run.json"
    path.write_text(json.dumps({**facts, **training, **(run or {})}), encoding="utf-8")
    return path
