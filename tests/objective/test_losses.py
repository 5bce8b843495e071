"""tfstyle.objective.losses against known cases, NumPy, and finite differences."""

import numpy as np
import pytest
import tensorflow as tf
from numpy_formulas import finite_differences, gram, variation_sum

from tfstyle.objective.losses import (
    by_position,
    channel_products,
    channel_sums,
    gram_matrix,
    mean_square,
    positions,
    total_variation,
)


def gradient(function, at):
    at = tf.constant(at, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = function(at)
    return tape.gradient(value, at).numpy()


class TestGram:
    def test_of_the_known_case(self):
        features = tf.constant([[1, 4], [2, 5], [3, 6]], tf.float32)
        found = gram_matrix(tf.reshape(features, (1, 1, 3, 2)))
        np.testing.assert_allclose(3 * found, [[14, 32], [32, 77]], rtol=1e-6)

    def test_of_the_first_layer_at_224_pixels(self, vgg, random):
        image = random.random((1, 224, 224, 3), np.float32)
        features = vgg(image)["block1_conv1"]
        assert features.shape == (1, 224, 224, 64)
        found = gram_matrix(features).numpy()
        assert found.shape == (64, 64)
        flat = features.numpy().reshape(50176, 64)
        np.testing.assert_allclose(found, flat.T @ flat / 50176, rtol=1e-4)

    @pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 5, 3, 2), (1, 4, 9, 16)])
    def test_agrees_with_numpy(self, shape, random):
        features = random.normal(size=shape).astype(np.float32)
        found = gram_matrix(tf.constant(features))
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, gram(features), rtol=1e-5, atol=1e-6)

    def test_of_constant_features_is_their_outer_product(self):
        channels = np.array([1, -2, 3], np.float32)
        found = gram_matrix(tf.constant(np.tile(channels, (1, 4, 6, 1))))
        np.testing.assert_allclose(found, np.outer(channels, channels), rtol=1e-6)

    def test_is_symmetric_and_positive_semidefinite(self, random):
        # Fewer positions than channels: some eigenvalues are zero.
        found = gram_matrix(tf.constant(random.normal(size=(1, 2, 3, 10)), tf.float32))
        np.testing.assert_array_equal(found, tf.transpose(found))
        eigenvalues = np.linalg.eigvalsh(found.numpy().astype(np.float64))
        assert eigenvalues.min() > -1e-6 * eigenvalues.max()
        assert np.sum(eigenvalues > 1e-4) == 6

    def test_forgets_where_things_are(self, random):
        features = random.normal(size=(1, 6, 7, 5)).astype(np.float32)
        shuffled = random.permutation(features.reshape(42, 5)).reshape(features.shape)
        assert not np.array_equal(shuffled, features)
        np.testing.assert_allclose(
            gram_matrix(tf.constant(shuffled)),
            gram_matrix(tf.constant(features)),
            rtol=1e-5,
            atol=1e-6,
        )

    def test_does_not_depend_on_how_often_a_picture_is_repeated(self, random):
        features = random.normal(size=(1, 6, 7, 5)).astype(np.float32)
        repeated = np.tile(features, (1, 3, 2, 1))
        np.testing.assert_allclose(
            gram_matrix(tf.constant(repeated)),
            gram_matrix(tf.constant(features)),
            rtol=1e-5,
            atol=1e-6,
        )

    def test_gradient(self, random):
        features, cotangent = (
            random.normal(size=shape) for shape in ((1, 3, 4, 5), (5, 5))
        )
        found = gradient(lambda f: tf.reduce_sum(gram_matrix(f) * cotangent), features)
        expected = finite_differences(lambda f: np.sum(gram(f) * cotangent), features)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
    def test_sums_in_float32(self, dtype):
        # bfloat16 cannot count beyond 256; float16 ends at 65504.
        features = tf.fill((1, 64, 64, 2), tf.constant(100, dtype))
        found = gram_matrix(features)
        assert found.dtype == tf.float32
        np.testing.assert_allclose(found, np.full((2, 2), 1e4), rtol=1e-5)


class TestSums:
    def test_products_have_the_gradient_that_tensorflow_finds(self, random):
        """Theirs is one matrix product, TensorFlow's are two."""
        flat = tf.constant(random.normal(size=(12, 5)), tf.float32)
        cotangent = random.normal(size=(5, 5)).astype(np.float32)
        for each in (cotangent, cotangent + cotangent.T):
            found = gradient(lambda f, u=each: channel_products(f) * u, flat)
            expected = gradient(
                lambda f, u=each: tf.matmul(f, f, transpose_a=True) * u, flat
            )
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)

    def test_channel_sums_of_many_positions_lose_no_digit(self, random):
        """One sum over all rows at once is wrong by 5e-6 here."""
        features = random.normal(50, 10, (1, 512, 512, 4)).astype(np.float32)
        expected = features.sum((0, 1, 2), dtype=np.float64)
        found = channel_sums(tf.constant(features))
        np.testing.assert_allclose(found, expected, rtol=5e-7)

    def test_positions_are_counted_and_become_rows(self, random):
        features = random.normal(size=(1, 3, 4, 5)).astype(np.float32)
        assert positions(tf.constant(features)).numpy() == 12
        np.testing.assert_array_equal(
            by_position(tf.constant(features)), features.reshape(12, 5)
        )

    def test_mean_square_of_halves_is_in_float32(self):
        values = tf.fill((300, 300), tf.constant(300, tf.float16))
        assert mean_square(values).numpy() == pytest.approx(90_000)
        assert mean_square(tf.constant([3.0, -4.0])).numpy() == 12.5


class TestVariation:
    @pytest.mark.parametrize(("height", "width"), [(2, 2), (4, 7), (1, 5)])
    def test_of_a_checkerboard_counts_its_neighbors(self, height, width):
        board = (np.indices((height, width)).sum(axis=0) % 2).astype(np.float32)
        pairs = height * (width - 1) + (height - 1) * width
        image = np.zeros((1, height, width, 3), np.float32)
        image[0, ..., 1] = board
        assert total_variation(tf.constant(image)).numpy() == pairs
        image[0] = board[..., None]
        assert total_variation(tf.constant(image)).numpy() == 3 * pairs

    def test_of_a_flat_image_is_zero(self):
        assert total_variation(tf.fill((1, 6, 8, 3), 0.7)).numpy() == 0

    def test_of_one_pixel_is_zero(self):
        assert total_variation(tf.fill((1, 1, 1, 3), 0.7)).numpy() == 0

    def test_and_gradient_agree_with_numpy(self, random):
        image = random.random((1, 6, 5, 3))
        found = total_variation(tf.constant(image, tf.float32))
        assert found.shape == ()
        assert found.numpy() == pytest.approx(variation_sum(image[0]), rel=1e-5)
        np.testing.assert_allclose(
            gradient(total_variation, image),
            finite_differences(lambda x: variation_sum(x[0]), image, step=1e-7),
            atol=1e-5,
        )

    def test_agrees_with_tensorflow(self, photo):
        image = tf.constant(photo[None])
        expected = tf.image.total_variation(image)[0].numpy()
        assert total_variation(image).numpy() == pytest.approx(expected, rel=1e-5)

    def test_of_two_tiles_is_that_of_both(self, random):
        """A tile's last row or column may be the neighbor's first."""
        image = tf.constant(random.random((1, 6, 5, 3)), tf.float32)
        expected = total_variation(image).numpy()
        above, beneath = image[:, :4], image[:, 3:]
        rows = total_variation(above, below=1) + total_variation(beneath)
        left, right = image[:, :, :3], image[:, :, 2:]
        columns = total_variation(left, right=1) + total_variation(right)
        assert rows.numpy() == pytest.approx(expected, rel=1e-5)
        assert columns.numpy() == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize(("below", "right"), [(1, 0), (0, 1), (1, 1)])
    def test_gradient_of_a_tile(self, below, right, random):
        image = random.random((1, 4, 5, 3))

        def reference(x):
            rows, columns = x.shape[1] - below, x.shape[2] - right
            across = np.abs(np.diff(x[0, :rows], axis=1)).sum()
            return across + np.abs(np.diff(x[0, :, :columns], axis=0)).sum()

        def found(x):
            return total_variation(x, below, right)

        value = found(tf.constant(image, tf.float32)).numpy()
        assert value == pytest.approx(reference(image), rel=1e-5)
        np.testing.assert_allclose(
            gradient(found, image),
            finite_differences(reference, image, step=1e-7),
            atol=1e-5,
        )
