# What is timed for a figure by itself, and not as a method on a problem.


rule time_convolution:
    output:
        timings="results/{scale}/timings/{figure}/timings.csv",
        run="results/{scale}/timings/{figure}/run.json",
    log:
        "results/logs/{scale}/time/{figure}.log",
    wildcard_constraints:
        figure=one_of(PLAN.timed_figures),
    conda:
        "../../envs/environment.yaml"
    threads: whole_machine
    resources:
        gpu=get_time_gpus,
    params:
        spec=get_time_spec,
        code=get_time_code,
    message:
        "Time convolutions for {wildcards.figure}"
    shell:
        'python "$RECONBENCH_SCRIPTS/time_convolution.py" --spec {params.spec:q} --code {params.code}'
        " --gpu {resources.gpu} --output timings {output.timings:q} --output run {output.run:q} 2>&1 | tee {log:q} >&2"
