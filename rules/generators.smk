# The generators of the config, for rules and pages.

from hemabalance.synthesis.method import GeneratorSpec

GENERATORS = {
    name: GeneratorSpec(
        method=entry.method, settings=entry.method_settings("synthesis")
    )
    for name, entry in CONFIG.synthesis.generators.items()
}
# Page and protocol -> names of the compared generators, which learn from images of synthesis.normalizer.
GENERATED = {
    (page, protocol): PLAN.generators_on(page, protocol)
    for page in PLAN.pages
    for protocol in CONFIG.protocols
}


def generator_code(script, *generators):
    """Fingerprint of a script that runs generators of the config."""
    return method_code(
        script, "synthesis", [GENERATORS[name].method for name in generators]
    )


def generator_settings(generator):
    """Settings of a job about one generator: method, method settings, role of its classes, all classes, image size."""
    return {
        "name": generator,
        "generator": {
            "spec": GENERATORS[generator].plain,
            "serves": CONFIG.synthesis.generators[generator].role,
            "size": CONFIG.synthesis.size,
            "run_classes": CLASSES,
        },
        "roles": CONFIG.synthesis.roles.model_dump(),
    }


def trains_networks(generator):
    """1 if the generator trains networks, else 0."""
    return int(GENERATORS[generator].traits.trains_networks)


def with_teacher(generator):
    """The generator and its teacher, if there is one."""
    teacher = CONFIG.synthesis.generators[generator].teacher
    return [generator, teacher] if teacher else [generator]


def teacher_of(wildcards):
    """Input `teacher`: weights of the teacher; empty for most generators."""
    teachers = with_teacher(wildcards.generator)[1:]
    folder = f"{RUN}/{wildcards.protocol}/synthesis/{wildcards.normalizer}"
    return {"teacher": f"{folder}/{name}/weights.safetensors" for name in teachers}


def judge_of(wildcards):
    """Input `judge`: weights of the judge, for a method that asks it in training; empty for most generators."""
    if not GENERATORS[wildcards.generator].traits.asks_judge:
        return {}
    folder = f"{RUN}/{wildcards.protocol}/synthesis_judge/{wildcards.normalizer}"
    return {"judge": f"{folder}/weights.safetensors"}


def generator_description(generator):
    """Name, method, role and normaliser of a compared generator, for tables and figures."""
    entry = CONFIG.synthesis.generators[generator]
    return {
        "name": generator,
        "method": entry.method,
        "serves": entry.role,
        "normalizer": CONFIG.synthesis.normalizer,
    }


def of_generators(page, protocol, file):
    """Paths of one file of every generator compared under a protocol on a page."""
    return [
        f"{RUN}/{protocol}/synthesis/{CONFIG.synthesis.normalizer}/{generator}/{file}"
        for generator in GENERATED[page, protocol]
    ]


def generated_sets(page):
    """Paths of the images of every generator compared on a page."""
    return [
        path
        for protocol in CONFIG.protocols
        for path in of_generators(page, protocol, "images.zip")
    ]
