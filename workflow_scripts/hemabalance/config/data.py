"""The config sections about archives, photographs, copies and splits."""

from typing import Literal

from pydantic import Field

from hemabalance.section import Section


class SourceConfig(Section):
    """Where one source's archive comes from."""

    origin: Literal["download", "local", "phantom"]
    """`download`: fetched when missing; `local`: a person places it; `phantom`: rendered by this project."""
    archive: str = Field(min_length=1)
    """Zip, tar or unpacked folder; in phantom runs the file to render."""
    field: float = Field(1.0, ge=0.3, le=1)
    """Share of the frame that is used: brings the sources to one physical scale; 1 as in the thesis."""


class LimitsConfig(Section):
    """What an untrusted archive may contain before it is refused."""

    max_members: int = Field(200_000, ge=1)
    """Files in an archive."""
    max_member_bytes: int = Field(64 * 2**20, ge=1)
    """Size of one file in bytes."""
    max_total_bytes: int = Field(64 * 2**30, ge=1)
    """Size of all files together in bytes."""
    max_ratio: float = Field(200.0, ge=1)
    """Expansion of one member."""


class PixelConfig(Section):
    """What a single image may declare before it is called unreadable, and whose pixels are hashed."""

    max_pixels: int = Field(40_000_000, ge=1)
    """Width times height, in pixels."""
    min_side: int = Field(32, ge=1)
    """Length of the shorter side, in pixels."""
    hash: Literal["where_needed", "all"] = "where_needed"
    """Which images get a pixel_sha256: those that share a thumbnail with another, or all (about twice as slow)."""


class DownloadConfig(Section):
    """How stubborn a download is."""

    attempts: int = Field(8, ge=1, le=100)
    """Tries per address."""
    timeout_s: float = Field(60.0, gt=0)
    """Seconds without a byte before a try counts as broken."""
    backoff_s: float = Field(2.0, ge=0)
    """First pause between tries; doubles."""
    max_bytes: int = Field(4 * 2**30, ge=1)
    """Refuse to receive more than this."""


class DuplicatesConfig(Section):
    """What counts as the same photograph."""

    hash_radius: int = Field(12, ge=0, le=16)
    """Candidates differ in at most so many of 64 hash bits."""
    min_correlation: float = Field(0.92, gt=0.85, le=1)
    """Aligned correlation from which a candidate pair is the same photograph; pairs below 0.85 are never looked at
    closely."""


class SplitConfig(Section):
    """Shares of the split (thesis §4.4)."""

    test_share: float = Field(0.3, ge=0, lt=1)
    """Share of all groups that becomes test."""
    validation_share: float = Field(0.1, ge=0, lt=1)
    """Share of what is not test that becomes validation."""
    min_groups_for_test: int = Field(5, ge=1)
    """A class of so many groups gets at least one test image."""


class ImagesConfig(Section):
    """The square every photograph is brought to."""

    size: int = Field(256, ge=16, le=1024)
    """Side in pixels."""
    fit: Literal["crop", "pad"] = "crop"
    """Cut the longer side, or extend the shorter one."""


class PhantomConfig(Section):
    """The rendered archives of runs whose sources have the origin `phantom`."""

    fraction: float = Field(0.04, gt=0, le=1)
    """Images per class folder, as a share of the real archive's."""
    min_images: int = Field(8, ge=1)
    """At least so many images per class folder."""
    size: int = Field(128, ge=64, le=512)
    """Frame width of source A in pixels."""
