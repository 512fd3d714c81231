"""What was found out about one laboratory."""

from dataclasses import dataclass

from hemabalance.survey.found_labels import FoundLabels
from hemabalance.survey.listing import ListedLaboratory
from hemabalance.survey.published import PublishedSource
from hemabalance.survey.sampling import SampledImages
from hemabalance.survey.scale import ProposedField
from hemabalance.survey.vocabulary import ClassGuess, class_of


@dataclass(frozen=True)
class SurveyedLaboratory:
    """A laboratory and all that was found out about it.

    Attributes:
        listed: its files by name.
        found: its labels and groups.
        classes: label -> class.
        sample: what some of its images show.
        field: the share of its frame to use.
        published: the source of a preset that it is, or None.
    """

    listed: ListedLaboratory
    found: FoundLabels
    classes: dict[str, ClassGuess]
    sample: SampledImages
    field: ProposedField
    published: PublishedSource | None

    @property
    def name(self) -> str:
        """Its key among the sources of a config."""
        return self.listed.name

    @property
    def class_of_image(self) -> dict[str, str]:
        """Image -> class, without images that are left out."""
        named = ((image, self.classes[label].name) for image, label in self.found.labels.items())
        return {image: name for image, name in named if name is not None}


def classes_of(found: FoundLabels, published: PublishedSource | None) -> dict[str, ClassGuess]:
    """Label -> class: as in the preset for a source that one describes, else by the vocabulary."""
    described = published.entry["classes"] if published else {}
    return {
        label: ClassGuess(described[label], True) if label in described else class_of(label)
        for label in sorted(found.counts)
    }
