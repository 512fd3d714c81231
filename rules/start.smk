# What happens before the DAG is built, and before the first job: files and code are compared with what was noted of them.
from snakemake.logging import logger

from hemabalance.bookkeeping.locks import locked
from hemabalance.bookkeeping.recheck import recheck
from hemabalance.bookkeeping.code_versions import note_code
from hemabalance.bookkeeping.restore import restore, report_lines

# What DVC brought back is kept where its seal holds, what was made here where it is what its job wrote; jobs, and the
# linter, only read. Two workflows, or a workflow and a publish, may start at the same moment.
if workflow.is_main_process and "--lint" not in sys.argv:
    with without_traceback(), locked(Path(".snakemake/hemabalance/start.lock")):
        for line in report_lines(restore(Path(".snakemake"))):
            logger.info(line)
        for path, why in recheck(Path(".snakemake")).items():
            logger.info(f"Stale: {path}: {why}.")


onstart:
    if workflow.is_main_process:
        with without_traceback():
            note_code(Path(".snakemake"))
