# Before the DAG is built: compare files with their records. Before the first job: record the code.
from hemabalance.bookkeeping.locks import locked
from hemabalance.bookkeeping.recheck import recheck
from hemabalance.bookkeeping.code_versions import note_code
from hemabalance.bookkeeping.restore import restore, report_lines

# A file pulled by DVC is kept if its seal holds; a file made here is kept if its content is what its job wrote. Only the
# main process does this, under a lock: two workflows, or a workflow and a publish, may start at the same moment.
if workflow.is_main_process and "--lint" not in sys.argv:
    with without_traceback(), locked(STATE / "hemabalance/start.lock"):
        for line in report_lines(restore(STATE)):
            logger.info(line)
        for path, why in recheck(STATE).items():
            logger.info(f"Stale: {path}: {why}.")


onstart:
    if workflow.is_main_process:
        with without_traceback():
            note_code(STATE)
