"""The config sections on limits of archives, photographs, duplicates and splits."""

from typing import Literal

from pydantic import Field

from hemabalance.section import Section


class LimitsConfig(Section):
    """Limits for untrusted archives; an archive that exceeds one is refused."""

    max_members: int = Field(200_000, ge=1)
    """Number of files in an archive."""
    max_member_bytes: int = Field(64 * 2**20, ge=1)
    """Size of one file in bytes."""
    max_total_bytes: int = Field(64 * 2**30, ge=1)
    """Size of all files together in bytes."""
    max_ratio: float = Field(200.0, ge=1)
    """Ratio of uncompressed to compressed size of one file."""


class PixelConfig(Section):
    """Limits for single images, beyond which an image counts as unreadable, and the choice of pixel hashes."""

    max_pixels: int = Field(40_000_000, ge=1)
    """Largest width times height, in pixels."""
    min_side: int = Field(32, ge=1)
    """Least length of the shorter side, in pixels."""
    hash: Literal["where_needed", "all"] = "where_needed"
    """Which images get a pixel_sha256: those whose thumbnail equals another's, or all (takes about twice as long)."""


class DownloadConfig(Section):
    """Retries and limits of downloads."""

    attempts: int = Field(8, ge=1, le=100)
    """Attempts per address."""
    timeout_s: float = Field(60.0, gt=0)
    """Seconds without data after which an attempt has failed."""
    backoff_s: float = Field(2.0, ge=0)
    """First pause between attempts, in seconds; doubles each time."""
    max_bytes: int = Field(4 * 2**30, ge=1)
    """Largest download, in bytes."""


class DuplicatesConfig(Section):
    """Which images count as copies of the same photograph."""

    hash_radius: int = Field(12, ge=0, le=16)
    """Largest Hamming distance of the perceptual hashes (64 bits) of candidate pairs."""
    min_correlation: float = Field(0.92, gt=0.85, le=1)
    """Least correlation, after alignment, of a candidate pair that is the same photograph; pairs below 0.85 are not
    aligned at all."""


class SplitConfig(Section):
    """Split into training, validation and test images (thesis §4.4)."""

    test_share: float = Field(0.3, ge=0, lt=1)
    """Share of all groups that are test images."""
    validation_share: float = Field(0.1, ge=0, lt=1)
    """Share of the remaining groups that are validation images."""
    min_groups_for_test: int = Field(5, ge=1)
    """A class with at least this many groups has at least one test image."""


class ImagesConfig(Section):
    """The square format of all photographs."""

    size: int = Field(256, ge=16, le=1024)
    """Side in pixels."""
    fit: Literal["crop", "pad"] = "crop"
    """Crop the longer side, or pad the shorter one."""


class PhantomConfig(Section):
    """Rendered archives, for sources with the origin `phantom`."""

    fraction: float = Field(0.04, gt=0, le=1)
    """Images of each label, as a share of those in the real archive; only for archives of a preset."""
    min_images: int = Field(8, ge=1)
    """Least number of images of each label; for own laboratories, the number where `counts` names none."""
    patients: int = Field(6, ge=1, le=99)
    """Patients of a laboratory, over whom the images of each label are spread; not for archives of a preset."""
    size: int = Field(128, ge=64, le=512)
    """Frame width in pixels; in the preset `thesis`, that of the reference."""
