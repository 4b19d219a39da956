# No rules: the environment of jobs, the checked configuration, and thin functions that ask the plan.
import os
import sys
import threading
from pathlib import Path

from snakemake.exceptions import WorkflowError

HOME = Path(str(workflow.current_basedir)).resolve().parents[1]
sys.path.insert(0, str(HOME / "src"))

from reconbench.config.loading import load
from reconbench.errors import UserError
from reconbench.plan import Plan
from reconbench.specs import Specs

try:
    PLAN = Plan(load(config, HOME, [Path(file) for file in workflow.configfiles]))
except UserError as error:
    raise WorkflowError(str(error)) from None
SPECS = Specs(PLAN, HOME)


def warm_address():
    """Return where the process listens of which this machine's jobs are forks; nothing where there is none."""
    here = workflow.is_main_process and sys.platform == "linux"
    return f"{workflow.snakemake_tmp_dir}/warm-{os.getpid()}" if here else ""


os.environ.update(
    # Jobs find this Python although nothing is activated, and their scripts wherever the checkout is.
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    RECONBENCH_SCRIPTS=str(HOME / "workflow" / "scripts"),
    RECONBENCH_MIRROR=PLAN.configuration.mirror or "",
    RECONBENCH_OFFLINE="1" if PLAN.configuration.offline else "",
    RECONBENCH_WARM=warm_address(),
    # Libraries that make large temporary arrays run up to twice as fast when these are not given back each time.
    MALLOC_MMAP_THRESHOLD_="33554432",
    MALLOC_TRIM_THRESHOLD_="4294967296",
    MALLOC_TOP_PAD_="67108864",
)


def one_of(names):
    """Return the pattern of a wildcard that takes these names, and nothing where there are none."""
    return "|".join(names) or "none"


wildcard_constraints:
    scale=PLAN.scale,
    dataset=r"[\w-]+",
    split="train|validation|test",
    problem=one_of(PLAN.problems),
    variant=one_of(["oracle", *PLAN.variants]),
    repetition=r"\d+",
    shard=r"\d+-of-\d+",
    part=r"all|\d+-of-\d+",
    table=one_of(PLAN.tables),
    figure=one_of(PLAN.figures),


def stop_waiting():
    """Cancel the timers that the scheduler has left, for which a finished run would wait (see profiles/default)."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.cancel()


def get_targets():
    return PLAN.targets()


def kept(path):
    """Mark estimates as temporary where they are not to stay."""
    return path if PLAN.keeps_estimates else temp(path)


def whole_machine(wildcards):
    """Return the threads of a job that nothing runs beside."""
    return workflow.cores or 1


def images_of(function):
    """Return a function that gives the images beside the indexes that another function gives."""

    def get_images(wildcards):
        return [str(Path(index).parent / "images") for index in function(wildcards)]

    return get_images


# fetch, prepare, measure


def get_fetch_spec(wildcards):
    return SPECS.fetch(wildcards.dataset)


def get_fetch_code(wildcards):
    return SPECS.code("fetch")


def get_downloads(wildcards):
    return PLAN.downloads(wildcards.dataset, "index.csv")


def get_downloaded_files(wildcards):
    return PLAN.downloads(wildcards.dataset, "files")


def get_own_files(wildcards):
    return PLAN.own_files(wildcards.dataset)


def get_prepare_spec(wildcards):
    return SPECS.prepare(wildcards.dataset, wildcards.split)


def get_prepare_code(wildcards):
    return SPECS.prepare_code(wildcards.dataset)


def get_truth(wildcards):
    return PLAN.truth(wildcards.problem, wildcards.split)


def get_measured(wildcards):
    return PLAN.measured(wildcards.problem, wildcards.split)


def get_instrument_files(wildcards):
    return PLAN.instrument_files(wildcards.problem)


def get_measure_spec(wildcards):
    return SPECS.measure(wildcards.problem, wildcards.split)


def get_measure_code(wildcards):
    return SPECS.measure_code(wildcards.problem)


# tune


def get_validation_truth(wildcards):
    return PLAN.truth(wildcards.problem, "validation")


def get_tune_spec(wildcards):
    return SPECS.tune(wildcards.problem, wildcards.variant)


def get_tune_code(wildcards):
    return SPECS.tune_code(wildcards.problem, wildcards.variant)


# train


def learned_from(what):
    """Return a function that gives the indexes of one kind of images that a variant is trained on."""

    def get_indexes(wildcards):
        known = PLAN.learned_from(wildcards.problem, wildcards.variant, wildcards.part)
        return known.get(what, [])

    return get_indexes


def get_start_weights(wildcards):
    return PLAN.started_from(wildcards.variant, wildcards.repetition, "weights.pt")


def get_start_run(wildcards):
    return PLAN.started_from(wildcards.variant, wildcards.repetition, "run.json")


def get_train_threads(wildcards):
    """Take the whole machine for a training whose time is published, as for a restoration."""
    return whole_machine(wildcards) if PLAN.is_timed(wildcards.variant) else 1


def get_train_spec(wildcards):
    return SPECS.train(
        wildcards.problem, wildcards.variant, wildcards.repetition, wildcards.part
    )


def get_train_code(wildcards):
    return SPECS.train_code(wildcards.problem, wildcards.variant)


def get_gpus(wildcards):
    return PLAN.gpus(wildcards.variant)


def get_time_limit(wildcards):
    return PLAN.time_limit(wildcards.problem, wildcards.variant)


# restore


def get_restore_spec(wildcards):
    return SPECS.restore(
        wildcards.problem, wildcards.variant, wildcards.repetition, wildcards.shard
    )


def get_restore_code(wildcards):
    return SPECS.restore_code(wildcards.problem, wildcards.variant)


def get_tuned_params(wildcards):
    return PLAN.tuned(wildcards.problem, wildcards.variant, "params.json")


def get_tuning_run(wildcards):
    return PLAN.tuned(wildcards.problem, wildcards.variant, "run.json")


def get_weights(wildcards):
    part = (wildcards.repetition, wildcards.shard)
    return PLAN.model(wildcards.problem, wildcards.variant, *part, "weights.pt")


def get_training_run(wildcards):
    part = (wildcards.repetition, wildcards.shard)
    return PLAN.model(wildcards.problem, wildcards.variant, *part, "run.json")


def get_threads(wildcards):
    """Take the whole machine for a job whose time is published, so that nothing runs beside it."""
    run, _ = PLAN.runs[wildcards.problem, wildcards.variant]
    return whole_machine(wildcards) if run.timed else 1


# score


def get_test_truth(wildcards):
    return PLAN.truth(wildcards.problem, "test")


def get_estimate(wildcards):
    part = f"{wildcards.repetition}/{wildcards.shard}"
    return PLAN.estimate(wildcards.problem, wildcards.variant, part, "index.csv")


def get_estimate_run(wildcards):
    part = f"{wildcards.repetition}/{wildcards.shard}"
    return PLAN.estimate(wildcards.problem, wildcards.variant, part, "run.json")


def get_score_spec(wildcards):
    return SPECS.score(
        wildcards.problem, wildcards.variant, wildcards.repetition, wildcards.shard
    )


def get_score_code(wildcards):
    return SPECS.score_code(wildcards.problem, wildcards.variant)


# time


def get_time_spec(wildcards):
    return SPECS.time(wildcards.figure)


def get_time_code(wildcards):
    return SPECS.code("time_convolution")


def get_time_gpus(wildcards):
    return PLAN.figure_gpus(wildcards.figure)


# table, figure, report


def get_table_spec(wildcards):
    return SPECS.table(wildcards.table)


def get_table_code(wildcards):
    return SPECS.table_code(wildcards.table)


def get_table_scores(wildcards):
    return PLAN.scores(PLAN.table_pairs(wildcards.table))


def get_table_runs(wildcards):
    return PLAN.estimates(PLAN.table_pairs(wildcards.table))


def get_table_tuned(wildcards):
    return PLAN.tunings(PLAN.table_pairs(wildcards.table))


def get_table_trained(wildcards):
    return PLAN.trainings(PLAN.table_pairs(wildcards.table), "run.json")


def get_table_measurements(wildcards):
    return PLAN.table_measurements(wildcards.table)


def get_published(wildcards):
    return PLAN.published(wildcards.table)


def get_figure_spec(wildcards):
    return SPECS.figure(wildcards.figure)


def get_figure_code(wildcards):
    return SPECS.figure_code(wildcards.figure)


def figure_files(what):
    """Return a function that gives the files of what a figure reads."""

    def get_files(wildcards):
        return PLAN.figure_files(wildcards.figure, what)

    return get_files


def get_figure_model_runs(wildcards):
    weights = PLAN.figure_files(wildcards.figure, "models")
    return [str(Path(file).with_name("run.json")) for file in weights]


def get_report_spec(wildcards):
    return SPECS.report()


def get_report_code(wildcards):
    return SPECS.code("report")


def get_report_tables(wildcards):
    return [f"results/tables/{name}.html" for name in PLAN.tables]


def get_report_figures(wildcards):
    return [f"results/figures/{name}.png" for name in PLAN.figures]
