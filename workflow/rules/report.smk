# What people read: tables, figures, and one page with all of them.


rule table:
    input:
        scores=get_table_scores,
        runs=get_table_runs,
        tuned=get_table_tuned,
        trained=get_table_trained,
        measurements=get_table_measurements,
        published=get_published,
    output:
        csv="results/tables/{table}.csv",
        md="results/tables/{table}.md",
        tex="results/tables/{table}.tex",
        html=report(
            "results/tables/{table}.html",
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        provenance="results/tables/{table}.provenance.json",
    log:
        "results/logs/table/{table}.log",
    conda:
        "../../envs/environment.yaml"
    params:
        spec=get_table_spec,
        code=get_table_code,
    message:
        "Make table {wildcards.table}"
    shell:
        'python "$RECONBENCH_SCRIPTS/table.py" --spec {params.spec:q} --code {params.code}'
        " --input scores {input.scores:q} --input runs {input.runs:q} --input tuned {input.tuned:q}"
        " --input trained {input.trained:q} --input measurements {input.measurements:q}"
        " --input published {input.published:q}"
        " --output csv {output.csv:q} --output md {output.md:q} --output tex {output.tex:q}"
        " --output html {output.html:q} --output provenance {output.provenance:q} 2>&1 | tee {log:q} >&2"


rule figure:
    input:
        scores=figure_files("scores"),
        examples=figure_files("examples"),
        errors=figure_files("errors"),
        training=figure_files("training"),
        models=ancient(figure_files("models")),
        model_runs=get_figure_model_runs,
        timings=figure_files("timings"),
        runs=figure_files("runs"),
        truths=figure_files("truths"),
        measurements=figure_files("measurements"),
    output:
        picture=report(
            "results/figures/{figure}.svg",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        png="results/figures/{figure}.png",
        csv="results/figures/{figure}.csv",
        provenance="results/figures/{figure}.provenance.json",
    log:
        "results/logs/figure/{figure}.log",
    wildcard_constraints:
        figure=one_of(PLAN.drawings),
    # As soon as it can be drawn, so that a run does not end with one core drawing.
    priority: 1
    conda:
        "../../envs/environment.yaml"
    params:
        spec=get_figure_spec,
        code=get_figure_code,
        format="svg",
    message:
        "Draw figure {wildcards.figure}"
    shell:
        'python "$RECONBENCH_SCRIPTS/figure.py" --spec {params.spec:q} --code {params.code}'
        " --input scores {input.scores:q} --input examples {input.examples:q}"
        " --input errors {input.errors:q} --input training {input.training:q} --input models {input.models:q}"
        " --input timings {input.timings:q} --input runs {input.runs:q}"
        " --input truths {input.truths:q} --input measurements {input.measurements:q}"
        " --output {params.format} {output.picture:q} --output png {output.png:q} --output csv {output.csv:q}"
        " --output provenance {output.provenance:q} 2>&1 | tee {log:q} >&2"


use rule figure as video with:
    output:
        picture=report(
            "results/figures/{figure}.webp",
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        png="results/figures/{figure}.png",
        csv="results/figures/{figure}.csv",
        provenance="results/figures/{figure}.provenance.json",
    wildcard_constraints:
        figure=one_of(PLAN.videos),
    params:
        format="webp",
    message:
        "Make video {wildcards.figure}"


rule report:
    input:
        tables=get_report_tables,
        figures=get_report_figures,
    output:
        report="results/report/index.html",
    log:
        "results/logs/report.log",
    conda:
        "../../envs/environment.yaml"
    params:
        spec=get_report_spec,
        code=get_report_code,
    message:
        "Write the report"
    shell:
        'python "$RECONBENCH_SCRIPTS/report.py" --spec {params.spec:q} --code {params.code}'
        " --input tables {input.tables:q} --input figures {input.figures:q}"
        " --output report {output.report:q} 2>&1 | tee {log:q} >&2"
