# What is learned before the test split is seen: parameters searched on the validation split.


rule tune:
    input:
        truth=get_validation_truth,
        truth_images=ancient(images_of(get_validation_truth)),
        measurement="results/{scale}/measurements/{problem}/validation/index.csv",
        images=ancient("results/{scale}/measurements/{problem}/validation/images"),
    output:
        params="results/{scale}/models/{problem}/{variant}/{repetition}/all/params.json",
        tuning="results/{scale}/models/{problem}/{variant}/{repetition}/all/tuning.csv",
        run="results/{scale}/models/{problem}/{variant}/{repetition}/all/run.json",
    log:
        "results/logs/{scale}/tune/{problem}/{variant}/{repetition}.log",
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=get_gpus,
        on_error=PLAN.configuration.on_error,
        time_limit=get_time_limit,
    params:
        spec=get_tune_spec,
        code=get_tune_code,
    message:
        "Tune {wildcards.variant} on {wildcards.problem}"
    shell:
        'python "$RECONBENCH_SCRIPTS/tune.py" --spec {params.spec:q} --code {params.code} --gpu {resources.gpu}'
        " --on-error {resources.on_error} --time-limit {resources.time_limit}"
        " --input truth {input.truth:q} --input measurement {input.measurement:q}"
        " --output params {output.params:q} --output tuning {output.tuning:q} --output run {output.run:q}"
        " 2>&1 | tee {log:q} >&2"
