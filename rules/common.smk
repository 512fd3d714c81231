# The validated config, and the two params of each job: settings and code fingerprint.
import os
import sys
from contextlib import contextmanager
from pathlib import Path

SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
STATE = Path(".snakemake")
sys.path.insert(0, str(SCRIPTS))

from snakemake.common import get_appdirs
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from hemabalance.errors import InputError
from hemabalance.bookkeeping.fingerprint import code_fingerprint, keep_trees
from hemabalance.bookkeeping.plain_paths import input_path, require_files
from hemabalance.bookkeeping.run_origin import hand_to_jobs
from hemabalance.bookkeeping.run_progress import ProgressLine
from hemabalance.bookkeeping.surroundings import check_environment, use_writable_folders
from hemabalance.files import canonical_json
from hemabalance.methods import modules_of

if workflow.is_main_process and "--lint" not in sys.argv:
    keep_trees(STATE)

# Threads that wait by spinning take cores from other jobs and slow them down up to tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Jobs must import the package of this checkout, not an installed copy; Snakemake adds only the script's own folder.
# HEMABALANCE_JOB: they import it without garbage collection, which is faster, see hemabalance/__init__.py.
os.environ.update(
    PYTHONPATH=os.pathsep.join(filter(None, [str(SCRIPTS), os.getenv("PYTHONPATH")])),
    HEMABALANCE_JOB="1",
)

# On one machine, one GPU job at a time unless `--resources gpu=` is given. A cluster (--jobs) assigns GPUs itself. The
# limit is not in profiles/default, because values there override --profile and would hold on a cluster too.
if workflow.is_main_process and workflow.resource_settings.nodes is None:
    workflow.global_resources.setdefault("gpu", 1)


@contextmanager
def without_traceback():
    """Show an InputError as its message alone, without a traceback."""
    try:
        yield
    except InputError as error:
        raise WorkflowError(str(error))


with without_traceback():
    check_environment(sys.prefix)
    # Snakemake has got this far because profiles/default lets it start with a temporary folder.
    note = use_writable_folders(STATE, Path(get_appdirs().user_cache_dir))
    if note and workflow.is_main_process:
        logger.warning(note)
    # Imported here because the import reads the folders of all methods and reports an incomplete one as an InputError.
    from hemabalance.config.plan import Plan
    from hemabalance.config.run import load_config

    CONFIG = load_config(config)
    PLAN = Plan(CONFIG)
    # Not in the process of a job, which without a shared disk has only its own inputs.
    if workflow.is_main_process:
        require_files({"catalogue": CONFIG.catalogue, "exclusions": CONFIG.exclusions})
    CATALOGUE, EXCLUSIONS = (
        input_path(path, STATE) for path in (CONFIG.catalogue, CONFIG.exclusions)
    )
    # All at once, because Snakemake does not see a link that appears after it has listed the folder.
    ARCHIVES = {
        name: input_path(entry.archive, STATE)
        for name, entry in CONFIG.sources.items()
        if entry.origin != "phantom"
    }

if workflow.is_main_process:
    hand_to_jobs(sys.argv[1:], CONFIG.model_dump(mode="json"))

RUN = f"results/{CONFIG.run}"
SOURCES = sorted(CONFIG.sources)
CLASSES = list(CONFIG.classes)
REFERENCE = CONFIG.reference
OTHER_SOURCES = list(CONFIG.other_sources)
PRESET = CONFIG.preset
# Requested GPUs: GPUS by rules that train networks, ONE_GPU by rules that only run them.
GPUS = CONFIG.devices if CONFIG.device == "cuda" else 0
ONE_GPU = min(GPUS, 1)
# Reported figures of the thesis, titles of the page, and its template. They are inputs of the rules that read them,
# because no code fingerprint covers them.
REPORTED = "workflow_scripts/hemabalance/report/reported.yaml"
TITLES = "workflow_scripts/hemabalance/report/titles.yaml"
TEMPLATE = "workflow_scripts/hemabalance/report/page.html"


wildcard_constraints:
    source="|".join(SOURCES),
    protocol="|".join(
        [*CONFIG.protocols, *PLAN.scarcity.protocols, *PLAN.across.protocols]
    ),
    normalizer="|".join(CONFIG.stain.normalizers),
    generator="|".join(CONFIG.synthesis.generators),


def one_of(names):
    """Regular expression of a wildcard that is one of these names; without names it matches nothing."""
    return "|".join(names) or "(?!)"


def settings(*sections, **values):
    """The param `settings`: config sections, single values and the seed as one canonical JSON string."""
    chosen = {name: getattr(CONFIG, name).model_dump() for name in sections}
    return canonical_json({"seed": CONFIG.seed, **chosen, **values})


def code(script, *modules):
    """The param `code`: fingerprint of a script, of all modules that it imports, and of `modules`."""
    return code_fingerprint(SCRIPTS / f"{script}.py", modules)


def method_code(script, stage, methods):
    """Fingerprint of a script that runs methods of a stage; it covers the folders of these methods only."""
    folders = [modules_of(stage, method) for method in sorted(set(methods))]
    return code(script, *[module for modules in folders for module in modules])


def own_code(script):
    """Param function: the fingerprint of a script that runs no method, computed when a job of its rule is planned."""
    return lambda wildcards: code(script)


def archive_of(source):
    """Path of a source's archive: rendered, or as given in the config."""
    return ARCHIVES.get(source, f"{RUN}/phantom/{source}.zip")
