# Truths and measurements: what every method sees.


rule fetch:
    output:
        index="results/downloads/{dataset}/index.csv",
        files=directory("results/downloads/{dataset}/files"),
    log:
        "results/logs/fetch/{dataset}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        spec=get_fetch_spec,
        code=get_fetch_code,
    message:
        "Fetch {wildcards.dataset}"
    shell:
        'python "$RECONBENCH_SCRIPTS/fetch.py" --spec {params.spec:q} --code {params.code}'
        " --output index {output.index:q} 2>&1 | tee {log:q} >&2"


rule prepare:
    input:
        downloads=get_downloads,
        files=ancient(get_downloaded_files),
        # Of a folder that somebody brings, so that what is changed, added or taken away there counts.
        own=get_own_files,
    output:
        index="results/{scale}/data/{dataset}/{split}/index.csv",
        images=directory("results/{scale}/data/{dataset}/{split}/images"),
    log:
        "results/logs/{scale}/prepare/{dataset}/{split}.log",
    # Before any training. Of those that are ready the one with the largest input begins, which is the longest as a rule.
    priority: 3
    conda:
        "../../envs/environment.yaml"
    params:
        spec=get_prepare_spec,
        code=get_prepare_code,
    message:
        "Prepare {wildcards.split} of {wildcards.dataset}"
    shell:
        'python "$RECONBENCH_SCRIPTS/prepare.py" --spec {params.spec:q} --code {params.code}'
        " --input downloads {input.downloads:q} --output index {output.index:q} 2>&1 | tee {log:q} >&2"


rule measure:
    input:
        truth=get_truth,
        truth_images=ancient(images_of(get_truth)),
        measured=get_measured,
        measured_images=ancient(images_of(get_measured)),
        instrument=get_instrument_files,
    output:
        index="results/{scale}/measurements/{problem}/{split}/index.csv",
        images=directory("results/{scale}/measurements/{problem}/{split}/images"),
    log:
        "results/logs/{scale}/measure/{problem}/{split}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        spec=get_measure_spec,
        code=get_measure_code,
    message:
        "Measure {wildcards.split} of {wildcards.problem}"
    shell:
        'python "$RECONBENCH_SCRIPTS/measure.py" --spec {params.spec:q} --code {params.code}'
        " --input truth {input.truth:q} --input measured {input.measured:q}"
        " --output index {output.index:q} 2>&1 | tee {log:q} >&2"
