# What rules and pages are told of the generators that config names.
from hemabalance.synthesis import METHODS as SYNTHESIS_MODULES

# By protocol, the generators that are compared, and the normaliser whose images they learned from.
GENERATED = {
    protocol: [
        (CONFIG.synthesis.normalizer, name)
        for name in CONFIG.synthesis.compare.get(protocol, ())
    ]
    for protocol in CONFIG.protocols
}


def method_of_generator(generator):
    """Module of the method of a generator in config."""
    return SYNTHESIS_MODULES[CONFIG.synthesis.generators[generator].method]


def generator_modules(generator):
    """Modules that a training of a generator runs: its own, and its teacher's."""
    teacher = CONFIG.synthesis.generators[generator].teacher
    return [method_of_generator(name) for name in (generator, teacher) if name]


def teacher_of(wildcards):
    """The weights that a generator learns from, by the name of the rule's input; none for most."""
    teacher = CONFIG.synthesis.generators[wildcards.generator].teacher
    folder = f"{RUN}/{wildcards.protocol}/synthesis/{wildcards.normalizer}"
    return {"teacher": f"{folder}/{teacher}/weights.safetensors"} if teacher else {}


def facts_of(normalizer, generator):
    """What tables and figures say of a generator before it is measured."""
    entry = CONFIG.synthesis.generators[generator]
    return {
        "name": generator,
        "method": entry.method,
        "serves": entry.serves,
        "normalizer": normalizer,
    }


def named(normalizer, generator):
    """A generator in headings."""
    return f"{generator} on images of {normalizer}"


def of_generators(file):
    """Input function: a file of every generator that is compared under a protocol."""
    return lambda wildcards: [
        f"{RUN}/{wildcards.protocol}/synthesis/{normalizer}/{generator}/{file}"
        for normalizer, generator in GENERATED[wildcards.protocol]
    ]
