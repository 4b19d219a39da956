# reconbench: image reconstruction in microscopy, compared fairly. `snakemake --cores 2` makes everything
# that config.yaml asks for; any table, figure or file under results/ can be named as a target.
from snakemake.utils import min_version

min_version("9.20")


configfile: f"{workflow.current_basedir}/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/restore.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/time.smk"
include: "workflow/rules/report.smk"


onsuccess:
    stop_waiting()


onerror:
    stop_waiting()


rule all:
    default_target: True
    input:
        get_targets(),
