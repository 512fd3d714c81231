# The validated config, and the two params of each job: its settings and its code.
import os
import sys
from contextlib import contextmanager
from pathlib import Path

SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
sys.path.insert(0, str(SCRIPTS))

from snakemake.exceptions import WorkflowError

from hemabalance.errors import InputError
from hemabalance.bookkeeping.fingerprint import code_fingerprint
from hemabalance.files import canonical_json
from hemabalance.methods import modules_of
from hemabalance.sources import MODULES as SOURCE_MODULES
from hemabalance.taxonomy import SOURCE_OF

# For the jobs: threads that wait for each other by spinning take the cores from other jobs, up to ten times over.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Jobs import the package of this checkout, whatever copy is installed: Snakemake puts only a script's own folder first.
os.environ.update(
    PYTHONPATH=os.pathsep.join(filter(None, [str(SCRIPTS), os.getenv("PYTHONPATH")]))
)

# One GPU job at a time on one machine, unless `--resources gpu=` says otherwise; a cluster (--jobs) deals its GPUs out
# itself. In profiles/default, which has the last word over --profile, the limit would hold there too.
if workflow.is_main_process and workflow.resource_settings.nodes is None:
    workflow.global_resources.setdefault("gpu", 1)


@contextmanager
def without_traceback():
    """What is wrong with a file, a person wants to read without where in the program it was noticed."""
    try:
        yield
    except InputError as error:
        raise WorkflowError(str(error))


with without_traceback():
    # Here, as it reads the folders of all methods: of one that is incomplete a person wants a message.
    from hemabalance.config.run import load_config

    CONFIG = load_config(config)

RUN = f"results/{CONFIG.run}"
SOURCES = sorted(CONFIG.sources)
# What a rule takes of the resource `gpu` that trains networks, and one that runs them.
GPUS = CONFIG.devices if CONFIG.device == "cuda" else 0
ONE_GPU = min(GPUS, 1)
# The figures of the thesis, the words of the page, and its template. No fingerprint of code covers them: they are inputs
# of the rules that read them, from the working folder like the files of data/ that git has.
REPORTED = "workflow_scripts/hemabalance/report/reported.yaml"
TITLES = "workflow_scripts/hemabalance/report/titles.yaml"
TEMPLATE = "workflow_scripts/hemabalance/report/page.html"
COMPARED = {protocol: CONFIG.stain.compared(protocol) for protocol in CONFIG.protocols}


wildcard_constraints:
    source="|".join(SOURCES),
    protocol="|".join(CONFIG.protocols),
    normalizer="|".join(CONFIG.stain.normalizers),
    generator="|".join(CONFIG.synthesis.generators),


def settings(*sections, **values):
    """Sections of the config and single values, with the seed, as one canonical string."""
    chosen = {name: getattr(CONFIG, name).model_dump() for name in sections}
    return canonical_json({"seed": CONFIG.seed, **chosen, **values})


def code(script, *modules):
    """Fingerprint of a script, of all it imports, and of modules that a registry imports for it."""
    return code_fingerprint(SCRIPTS / f"{script}.py", modules)


def method_code(script, stage, methods):
    """Fingerprint of a script that runs methods of a stage: with their folders, and no other method's."""
    folders = [modules_of(stage, method) for method in sorted(set(methods))]
    return code(script, *[module for modules in folders for module in modules])


def own_code(script):
    """Param function: the fingerprint of a script that needs no registry; taken where one of its jobs is planned."""
    return lambda wildcards: code(script)


def archive_of(source):
    """Where a source's archive is: rendered, or where the config says."""
    entry = CONFIG.sources[source]
    return f"{RUN}/phantom/{source}.zip" if entry.origin == "phantom" else entry.archive
