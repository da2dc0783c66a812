"""Pictures in and out."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from harmonium.data.images import quantise, read_images, spread, write_images


@pytest.mark.parametrize("n_levels", range(2, 257))
def test_levels_survive_a_file(tmp_path, n_levels):
    levels = np.arange(n_levels).repeat(2).reshape(1, 2, -1)
    write_images(tmp_path / "a.png", levels, n_levels)
    np.testing.assert_array_equal(read_images(tmp_path / "a.png", n_levels), levels)
    np.testing.assert_array_equal(quantise(spread(levels, n_levels), n_levels), levels)


def test_folders_keep_their_order_and_sizes(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 5, 7))
    files = write_images(tmp_path / "all", images)
    assert [file.name for file in files][:2] == ["0000.png", "0001.png"]
    np.testing.assert_array_equal(read_images(tmp_path / "all"), images)
    Image.new("RGB", (3, 4), (255, 0, 0)).save(tmp_path / "all" / "zz.jpg", quality=100)
    mixed = read_images(tmp_path / "all")
    assert len(mixed) == 13
    assert mixed[-1].shape == (4, 3)
    assert abs(mixed[-1] - 76).max() <= 2  # the luminance of pure red


def test_deep_and_bilevel_pictures_are_read(tmp_path):
    Image.fromarray(np.array([[0, 65535, 257 * 100]], np.uint16)).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_images(tmp_path / "deep.png")[0], [[0, 255, 100]])
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_images(tmp_path / "bits.png", 2)[0], [[1, 0]])


def test_what_is_no_picture_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_images(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no pictures"):
        read_images(tmp_path)
    (tmp_path / "fake.png").write_text("not a picture")
    with pytest.raises(ValueError, match=r"fake\.png"):
        read_images(tmp_path / "fake.png")
    with pytest.raises(ValueError, match="n_levels"):
        read_images(tmp_path / "fake.png", 1)
    with pytest.raises(ValueError, match="want a folder"):
        write_images(tmp_path / "two.png", np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match="axes"):
        write_images(tmp_path / "one.png", np.zeros((3, 3)))
