"""The config section `synthesis`: generators, their training images, and the gate for their images."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from hemabalance.config.draws import DrawsConfig
from hemabalance.config.entries import ComparedEntry, any_entry
from hemabalance.config.gate import GateConfig
from hemabalance.config.roles import RolesConfig, Serves
from hemabalance.config.synthesis_evaluation import SynthesisEvaluationConfig
from hemabalance.methods import method_names, traits_of
from hemabalance.section import Count, Section
from hemabalance.training.small_classifier_settings import SmallClassifierSettings


class GeneratorEntry(ComparedEntry):
    """One generator; its name is that of a folder in the results."""

    serves: Serves | None = None
    """Role of the classes that it generates: rich, rare or all; default: the role for which its method is designed."""
    teacher: str | None = None
    """Generator whose images of the rich classes are training images of a few-shot method, besides real ones, or whose
    network the method starts from; settings of the network that the entry does not set are then the teacher's."""

    @property
    def role(self) -> Serves:
        """Role of the classes that it generates: `serves`, or by default the method's trait."""
        return self.serves or traits_of("synthesis", self.method).serves


if TYPE_CHECKING:
    AnyGenerator = GeneratorEntry
else:
    AnyGenerator = any_entry("synthesis", GeneratorEntry)


def with_settings_of_teachers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Complete `synthesis.generators` of a config that `entries.resolve_entries` returned.

    A generator that starts from its teacher's network takes from the teacher's entry those settings of the network that
    its own entry does not set.
    """
    section = values.get("synthesis")
    generators = section.get("generators") if isinstance(section, Mapping) else None
    if not isinstance(section, Mapping) or not isinstance(generators, Mapping):
        return dict(values)  # the validation refuses it
    completed = {name: _with_settings_of_teacher(entry, generators) for name, entry in generators.items()}
    return {**values, "synthesis": {**section, "generators": completed}}


def _with_settings_of_teacher(entry: Any, generators: Mapping[str, Any]) -> Any:
    if not isinstance(entry, Mapping) or entry.get("method") not in method_names("synthesis"):
        return entry
    teacher = generators.get(str(entry.get("teacher")))
    shared = traits_of("synthesis", entry["method"]).starts_from_teacher
    return (
        {**{key: teacher[key] for key in shared if key in teacher}, **entry} if isinstance(teacher, Mapping) else entry
    )


def _check_shared_network(
    name: str, entry: GeneratorEntry, teacher: GeneratorEntry | None, shared: tuple[str, ...]
) -> None:
    """Refuse a generator that starts from its teacher's network and has no such teacher, or other settings."""
    where = f"synthesis.generators.{name}"
    if teacher is None:
        raise ValueError(f"{where}: the method {entry.method} starts from a trained generator: add `teacher: <name>`")
    settings, given = teacher.method_settings("synthesis"), entry.method_settings("synthesis")
    role = traits_of("synthesis", entry.method).teacher_serves
    if teacher.role != role or not all(hasattr(settings, key) for key in shared):
        known = "all classes" if role == "all" else f"the {role} classes"
        raise ValueError(
            f"{where}.teacher is {entry.teacher!r} of the method {teacher.method}, whose network the method "
            f"{entry.method} cannot start from: choose a class-conditional generator of {known}"
        )
    for key in shared:
        if getattr(settings, key) != (value := getattr(given, key)):
            raise ValueError(
                f"{where}.{key} is {value}, but {getattr(settings, key)} in its teacher {entry.teacher}, whose network "
                f"it starts from: set {key}: {getattr(settings, key)}"
            )


class JudgeConfig(SmallClassifierSettings):
    """The independent classifier of the gate, trained only on real training images."""

    colour_strength: float = Field(0.2, gt=0, le=1)
    """Strength of the random colour augmentation in its training."""


class SynthesisConfig(Section):
    """Synthesis (thesis §3.5, §3.6)."""

    normalizer: str = "wcyclegan_gp"
    """Normaliser of the generators' training images, an entry of stain.normalizers."""
    size: int = Field(128, ge=16, le=256, multiple_of=16)
    """Side of the synthetic images, in pixels."""
    roles: RolesConfig = RolesConfig()
    generators: dict[str, AnyGenerator] = Field(min_length=1)
    """Generators, by name."""
    teacher_images: Count = 1000
    """Images of each rich class that a teacher generates."""
    judge: JudgeConfig = JudgeConfig()
    draws: DrawsConfig = DrawsConfig()
    gate: GateConfig = GateConfig()
    evaluation: SynthesisEvaluationConfig = SynthesisEvaluationConfig()

    @model_validator(mode="after")
    def _known_teachers(self) -> "SynthesisConfig":
        for name, entry in self.generators.items():
            teacher = self.generators.get(entry.teacher or "")
            if entry.teacher is not None and (teacher is None or teacher.teacher is not None):
                raise ValueError(
                    f"synthesis.generators.{name}.teacher is {entry.teacher!r}, which is not a generator without a "
                    f"teacher: {', '.join(self.generators)}"
                )
            if shared := traits_of("synthesis", entry.method).starts_from_teacher:
                _check_shared_network(name, entry, teacher, shared)
        return self
