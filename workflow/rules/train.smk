# What is learned before the test split is seen: parameters searched on the validation split, and networks.


rule tune:
    input:
        truth=get_validation_truth,
        truth_images=ancient(images_of(get_validation_truth)),
        measurement="results/{scale}/measurements/{problem}/validation/index.csv",
        images=ancient("results/{scale}/measurements/{problem}/validation/images"),
        instrument=get_instrument_files,
    output:
        params="results/{scale}/models/{problem}/{variant}/{repetition}/all/params.json",
        tuning="results/{scale}/models/{problem}/{variant}/{repetition}/all/tuning.csv",
        run="results/{scale}/models/{problem}/{variant}/{repetition}/all/run.json",
    log:
        "results/logs/{scale}/tune/{problem}/{variant}/{repetition}.log",
    wildcard_constraints:
        variant=one_of(PLAN.tuned_variants),
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


rule train:
    input:
        training=learned_from("training"),
        training_images=ancient(images_of(learned_from("training"))),
        training_measured=learned_from("training_measured"),
        training_measured_images=ancient(images_of(learned_from("training_measured"))),
        validation=learned_from("validation"),
        validation_images=ancient(images_of(learned_from("validation"))),
        validation_measured=learned_from("validation_measured"),
        validation_measured_images=ancient(
            images_of(learned_from("validation_measured"))
        ),
        measurement=learned_from("measurement"),
        measurement_images=ancient(images_of(learned_from("measurement"))),
        truth=learned_from("truth"),
        truth_images=ancient(images_of(learned_from("truth"))),
        start=ancient(get_start_weights),
        start_run=get_start_run,
        instrument=get_instrument_files,
    output:
        weights="results/{scale}/models/{problem}/{variant}/{repetition}/{part}/weights.pt",
        training="results/{scale}/models/{problem}/{variant}/{repetition}/{part}/training.csv",
        run="results/{scale}/models/{problem}/{variant}/{repetition}/{part}/run.json",
    log:
        "results/logs/{scale}/train/{problem}/{variant}/{repetition}/{part}.log",
    wildcard_constraints:
        variant=one_of(PLAN.trained_variants),
    # The longest jobs, and much waits for them.
    priority: 2
    conda:
        "../../envs/environment.yaml"
    threads: get_train_threads
    resources:
        gpu=get_gpus,
        on_error=PLAN.configuration.on_error,
        time_limit=get_time_limit,
    params:
        spec=get_train_spec,
        code=get_train_code,
    message:
        "Train {wildcards.variant} on {wildcards.problem} (repetition {wildcards.repetition}, {wildcards.part})"
    shell:
        'python "$RECONBENCH_SCRIPTS/train.py" --spec {params.spec:q} --code {params.code} --gpu {resources.gpu}'
        " --on-error {resources.on_error} --time-limit {resources.time_limit}"
        " --input training {input.training:q} --input training_measured {input.training_measured:q}"
        " --input validation {input.validation:q} --input validation_measured {input.validation_measured:q}"
        " --input measurement {input.measurement:q} --input truth {input.truth:q}"
        " --input start {input.start:q} --input start_run {input.start_run:q}"
        " --output weights {output.weights:q} --output training {output.training:q} --output run {output.run:q}"
        " 2>&1 | tee {log:q} >&2"
