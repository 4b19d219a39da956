# From measurements to estimates.


rule restore:
    input:
        measurement="results/{scale}/measurements/{problem}/test/index.csv",
        images=ancient("results/{scale}/measurements/{problem}/test/images"),
        params=get_tuned_params,
        tuning=get_tuning_run,
        weights=ancient(get_weights),
        training=get_training_run,
        instrument=get_instrument_files,
    output:
        index=kept(
            "results/{scale}/estimates/{problem}/{variant}/{repetition}/{shard}/index.csv"
        ),
        images=kept(
            directory(
                "results/{scale}/estimates/{problem}/{variant}/{repetition}/{shard}/images"
            )
        ),
        run="results/{scale}/estimates/{problem}/{variant}/{repetition}/{shard}/run.json",
    log:
        "results/logs/{scale}/restore/{problem}/{variant}/{repetition}/{shard}.log",
    conda:
        "../../envs/environment.yaml"
    threads: get_threads
    resources:
        gpu=get_gpus,
        on_error=PLAN.configuration.on_error,
        time_limit=get_time_limit,
    params:
        spec=get_restore_spec,
        code=get_restore_code,
    message:
        "Restore {wildcards.problem} with {wildcards.variant} (shard {wildcards.shard})"
    shell:
        'python "$RECONBENCH_SCRIPTS/restore.py" --spec {params.spec:q} --code {params.code} --gpu {resources.gpu}'
        " --on-error {resources.on_error} --time-limit {resources.time_limit}"
        " --input measurement {input.measurement:q} --input params {input.params:q} --input tuning {input.tuning:q}"
        " --input weights {input.weights:q} --input training {input.training:q}"
        " --output index {output.index:q} --output run {output.run:q} 2>&1 | tee {log:q} >&2"
