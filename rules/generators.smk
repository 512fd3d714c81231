# The generators of the config, as rules and pages need them.

from hemabalance.synthesis.method import GeneratorSpec

GENERATORS = {
    name: GeneratorSpec(
        method=entry.method, settings=entry.method_settings("synthesis")
    )
    for name, entry in CONFIG.synthesis.generators.items()
}
# By protocol, the generators that are compared, and the normaliser whose images they learned from.
GENERATED = {
    protocol: [
        (CONFIG.synthesis.normalizer, name)
        for name in CONFIG.synthesis.compared(protocol)
    ]
    for protocol in CONFIG.protocols
}


def generator_code(script, *generators):
    """Fingerprint of a script that runs generators of the config."""
    return method_code(
        script, "synthesis", [GENERATORS[name].method for name in generators]
    )


def generator_settings(generator):
    """What a job needs to know of a generator: its method and settings, the classes it serves, and its size."""
    return {
        "name": generator,
        "generator": {
            "spec": GENERATORS[generator].plain,
            "serves": CONFIG.synthesis.generators[generator].role,
            "size": CONFIG.synthesis.size,
        },
        "roles": CONFIG.synthesis.roles.model_dump(),
    }


def trains_networks(generator):
    """1 for a generator whose training is one of networks, 0 for another."""
    return int(GENERATORS[generator].traits.trains_networks)


def with_teacher(generator):
    """A generator and, where it learns from another, that one."""
    teacher = CONFIG.synthesis.generators[generator].teacher
    return [generator, teacher] if teacher else [generator]


def teacher_of(wildcards):
    """The weights that a generator learns from, by the name of the rule's input; none for most."""
    teachers = with_teacher(wildcards.generator)[1:]
    folder = f"{RUN}/{wildcards.protocol}/synthesis/{wildcards.normalizer}"
    return {"teacher": f"{folder}/{name}/weights.safetensors" for name in teachers}


def facts_of(normalizer, generator):
    """What tables and figures say of a generator before it is measured."""
    entry = CONFIG.synthesis.generators[generator]
    return {
        "name": generator,
        "method": entry.method,
        "serves": entry.role,
        "normalizer": normalizer,
    }


def of_generators(protocol, file):
    """A file of every generator that is compared under a protocol."""
    return [
        f"{RUN}/{protocol}/synthesis/{normalizer}/{generator}/{file}"
        for normalizer, generator in GENERATED[protocol]
    ]
