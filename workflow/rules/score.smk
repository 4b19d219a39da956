# How far estimates are from the truth. Nothing but this reads the truth of the test split.


rule score:
    input:
        truth=get_test_truth,
        truth_images=ancient(images_of(get_test_truth)),
        measurement="results/{scale}/measurements/{problem}/test/index.csv",
        measurement_images=ancient("results/{scale}/measurements/{problem}/test/images"),
        estimate=get_estimate,
        estimate_images=ancient(images_of(get_estimate)),
        run=get_estimate_run,
    output:
        scores="results/{scale}/scores/{problem}/{variant}/{repetition}/{shard}/scores.csv",
        examples="results/{scale}/scores/{problem}/{variant}/{repetition}/{shard}/examples.csv",
        images=directory(
            "results/{scale}/scores/{problem}/{variant}/{repetition}/{shard}/examples"
        ),
        errors="results/{scale}/scores/{problem}/{variant}/{repetition}/{shard}/errors.csv",
        error_map=directory(
            "results/{scale}/scores/{problem}/{variant}/{repetition}/{shard}/errors"
        ),
    log:
        "results/logs/{scale}/score/{problem}/{variant}/{repetition}/{shard}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        spec=get_score_spec,
        code=get_score_code,
    message:
        "Score {wildcards.variant} on {wildcards.problem} (shard {wildcards.shard})"
    shell:
        'python "$RECONBENCH_SCRIPTS/score.py" --spec {params.spec:q} --code {params.code}'
        " --input truth {input.truth:q} --input measurement {input.measurement:q}"
        " --input estimate {input.estimate:q} --input run {input.run:q}"
        " --output scores {output.scores:q} --output examples {output.examples:q}"
        " --output errors {output.errors:q} 2>&1 | tee {log:q} >&2"
