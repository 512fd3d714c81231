"""Look at laboratories: all that `hemabalance init` finds out, in the order in which it finds it out."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from hemabalance.config.data import DuplicatesConfig, LimitsConfig, PixelConfig, SplitConfig
from hemabalance.config.roles import RolesConfig
from hemabalance.config.run import read_config_file
from hemabalance.errors import InputError
from hemabalance.sources.archives import Limits
from hemabalance.survey.colours import StainDistance, stain_distances
from hemabalance.survey.duplicates import FoundCopies, find_copies_at_a_glance
from hemabalance.survey.inputs import read_tables, refuse_useless_tables, section_of, with_image_tables
from hemabalance.survey.labels import find_labels
from hemabalance.survey.listing import list_laboratories
from hemabalance.survey.next_run import CONFIG, NextRun, next_run
from hemabalance.survey.outlook import ClassOutlook, class_outlooks, proposed_roles
from hemabalance.survey.published import common_preset, published_source
from hemabalance.survey.sampling import sample_images
from hemabalance.survey.scale import proposed_fields
from hemabalance.survey.surveyed import SurveyedLaboratory, classes_of


@dataclass(frozen=True)
class Survey:
    """All laboratories.

    Attributes:
        laboratories: in the order given.
        preset: the preset whose sources they are, or None.
        reference: name of the laboratory to whose stain the others are brought.
        distances: between the colours of each two of them.
        copies: images that are copies of each other.
        outlooks: the classes and what their numbers allow.
        roles: proposed thresholds of synthesis.
        run: the run to start next.
        min_side: config's least side of an image, in pixels.
    """

    laboratories: tuple[SurveyedLaboratory, ...]
    preset: str | None
    reference: str
    distances: list[StainDistance]
    copies: FoundCopies
    outlooks: list[ClassOutlook]
    roles: RolesConfig
    run: NextRun
    min_side: int


def survey(given: Sequence[str], tables: Sequence[str], *, into: str, threads: int) -> Survey:
    """Look at laboratories.

    Args:
        given: paths of folders, archives or tables of images.
        tables: paths of tables of labels.
        into: the config file that is to be written.
        threads: number of threads that decode.

    Raises:
        InputError: an archive or table cannot be read, a table names no image, or fewer than two classes are found.
    """
    base = read_config_file(CONFIG)
    pixels = section_of(base, "pixels", PixelConfig, where=CONFIG)
    folders, tables = with_image_tables(given, tables)
    contents = read_tables(tables)
    with ExitStack() as stack:
        limits = Limits(**section_of(base, "limits", LimitsConfig, where=CONFIG).plain)
        listed = list_laboratories(folders, limits, stack)
        found = {lab.name: find_labels(lab, contents) for lab in listed}
        refuse_useless_tables(tables, listed, found)
        samples = {lab.name: sample_images(lab, found[lab.name].labels, pixels, threads=threads) for lab in listed}
        duplicates = section_of(base, "duplicates", DuplicatesConfig, where=CONFIG)
        copies = find_copies_at_a_glance(listed, samples, duplicates, threads=threads)
    published = {lab.name: None if tables else published_source(lab.images) for lab in listed}
    fields = proposed_fields({name: sample.red_cells for name, sample in samples.items()})
    laboratories = tuple(
        SurveyedLaboratory(
            listed=lab,
            found=found[lab.name],
            classes=classes_of(found[lab.name], published[lab.name]),
            sample=samples[lab.name],
            field=fields[lab.name],
            published=published[lab.name],
        )
        for lab in listed
    )
    labelled = {lab.name: lab.class_of_image for lab in laboratories}
    run = next_run(sum(map(len, labelled.values())), into)
    test_share = section_of(run.base, "split", SplitConfig, where=CONFIG).test_share
    outlooks = class_outlooks(labelled, {lab.name: lab.found.groups for lab in laboratories}, test_share=test_share)
    _refuse_too_few_classes(outlooks, laboratories)
    usual = section_of(run.base, "synthesis.roles", RolesConfig, where=CONFIG)
    return Survey(
        laboratories=laboratories,
        preset=common_preset(list(published.values())),
        reference=max(labelled, key=lambda name: len(labelled[name])),
        distances=stain_distances(samples),
        copies=copies,
        outlooks=outlooks,
        roles=proposed_roles({outlook.name: outlook.total for outlook in outlooks}, usual),
        run=run,
        min_side=pixels.min_side,
    )


def _refuse_too_few_classes(outlooks: Sequence[ClassOutlook], laboratories: Sequence[SurveyedLaboratory]) -> None:
    if len(outlooks) >= 2:
        return
    images = sum(len(lab.listed.images) for lab in laboratories)
    where = ", ".join(lab.listed.given for lab in laboratories)
    found = f"only one class ({outlooks[0].name})" if outlooks else "no label"
    raise InputError(
        where, f"{found} is found for {images} images, at least two classes are needed",
        "Put the images of each class into a folder of its name, or give a table with columns of file names and "
        "labels: --labels FILE",
    )  # fmt: skip
