"""The eight poses of square images."""

import numpy as np
import pytest

from hemabalance.metrics.poses import COMPOSED, INVERSE, POSES, posed, poses

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3), np.uint8)


def test_the_poses_are_rotations_then_their_mirror_images() -> None:
    all_poses = poses(IMAGES)
    assert all_poses.shape == (POSES, *IMAGES.shape)
    assert len({pose.tobytes() for pose in all_poses}) == POSES
    for turns in range(4):
        np.testing.assert_array_equal(all_poses[turns], np.rot90(IMAGES, turns, axes=(1, 2)))
        np.testing.assert_array_equal(all_poses[turns + 4], all_poses[turns][:, :, ::-1])


@pytest.mark.parametrize("first", range(POSES))
def test_composition_and_inverse(first: int) -> None:
    turned = posed(IMAGES, first)
    np.testing.assert_array_equal(posed(turned, int(INVERSE[first])), IMAGES)
    for second in range(POSES):
        np.testing.assert_array_equal(posed(turned, second), posed(IMAGES, int(COMPOSED[second, first])))


def test_images_that_are_not_square_are_refused() -> None:
    with pytest.raises(ValueError, match="needs square images"):
        poses(IMAGES[:, :3])
