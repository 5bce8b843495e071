"""tfstyle.objective.losses against known cases, NumPy, and finite differences in float64."""

import numpy as np
import pytest
import tensorflow as tf

from tfstyle.objective.losses import (
    content_loss,
    gram_matrix,
    style_loss,
    total_variation,
)


def numpy_gram(features):
    flat = np.asarray(features, np.float64).reshape(-1, features.shape[-1])
    return flat.T @ flat / len(flat)


def numpy_variation(image):
    image = np.asarray(image, np.float64)
    return sum(np.abs(np.diff(image, axis=axis)).sum() for axis in (1, 2))


def gradient(function, at):
    at = tf.constant(at, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(at)
        value = function(at)
    return tape.gradient(value, at).numpy()


def finite_differences(function, at, step=1e-5):
    """Central differences in float64, entry by entry."""
    at = np.array(at, np.float64)
    slopes = np.empty_like(at)
    for index in np.ndindex(at.shape):
        moved = at.copy()
        moved[index] += step
        above = function(moved)
        moved[index] -= 2 * step
        slopes[index] = (above - function(moved)) / (2 * step)
    return slopes


# The Gram matrix


def test_gram_of_the_known_case():
    features = tf.constant([[1, 4], [2, 5], [3, 6]], tf.float32)
    gram = gram_matrix(tf.reshape(features, (1, 1, 3, 2)))
    np.testing.assert_allclose(3 * gram, [[14, 32], [32, 77]], rtol=1e-6)


def test_gram_of_the_first_layer_at_224_pixels(vgg, random):
    image = random.random((1, 224, 224, 3), np.float32)
    features = vgg(image)["block1_conv1"]
    assert features.shape == (1, 224, 224, 64)
    gram = gram_matrix(features).numpy()
    assert gram.shape == (64, 64)
    flat = features.numpy().reshape(50176, 64)
    np.testing.assert_allclose(gram, flat.T @ flat / 50176, rtol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 5, 3, 2), (1, 4, 9, 16)])
def test_gram_agrees_with_numpy(shape, random):
    features = random.normal(size=shape).astype(np.float32)
    gram = gram_matrix(tf.constant(features))
    assert gram.dtype == tf.float32
    np.testing.assert_allclose(gram, numpy_gram(features), rtol=1e-5, atol=1e-6)


def test_gram_of_constant_features_is_their_outer_product():
    channels = np.array([1, -2, 3], np.float32)
    gram = gram_matrix(tf.constant(np.tile(channels, (1, 4, 6, 1))))
    np.testing.assert_allclose(gram, np.outer(channels, channels), rtol=1e-6)


def test_gram_is_symmetric_and_positive_semidefinite(random):
    # Fewer positions than channels: some eigenvalues are zero.
    gram = gram_matrix(tf.constant(random.normal(size=(1, 2, 3, 10)), tf.float32))
    np.testing.assert_array_equal(gram, tf.transpose(gram))
    eigenvalues = np.linalg.eigvalsh(gram.numpy().astype(np.float64))
    assert eigenvalues.min() > -1e-6 * eigenvalues.max()
    assert np.sum(eigenvalues > 1e-4) == 6


def test_gram_forgets_where_things_are(random):
    features = random.normal(size=(1, 6, 7, 5)).astype(np.float32)
    shuffled = random.permutation(features.reshape(42, 5)).reshape(features.shape)
    assert not np.array_equal(shuffled, features)
    np.testing.assert_allclose(
        gram_matrix(tf.constant(shuffled)),
        gram_matrix(tf.constant(features)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_gram_does_not_depend_on_how_often_a_picture_is_repeated(random):
    features = random.normal(size=(1, 6, 7, 5)).astype(np.float32)
    tiled = np.tile(features, (1, 3, 2, 1))
    np.testing.assert_allclose(
        gram_matrix(tf.constant(tiled)),
        gram_matrix(tf.constant(features)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_gram_gradient(random):
    features, pull = random.normal(size=(1, 3, 4, 5)), random.normal(size=(5, 5))
    found = gradient(lambda f: tf.reduce_sum(gram_matrix(f) * pull), features)
    expected = finite_differences(lambda f: np.sum(numpy_gram(f) * pull), features)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_gram_sums_in_float32(dtype):
    # bfloat16 cannot count beyond 256; float16 ends at 65504.
    features = tf.fill((1, 64, 64, 2), tf.constant(100, dtype))
    gram = gram_matrix(features)
    assert gram.dtype == tf.float32
    np.testing.assert_allclose(gram, np.full((2, 2), 1e4), rtol=1e-5)


# The content loss


def test_content_loss_of_a_shift_is_its_square(random):
    target = random.normal(size=(1, 5, 4, 3)).astype(np.float32)
    loss = content_loss(tf.constant(target + 3), tf.constant(target))
    assert loss.numpy() == pytest.approx(9, rel=1e-5)


def test_content_loss_of_equals_is_zero(random):
    target = tf.constant(random.normal(size=(1, 5, 4, 3)), tf.float32)
    assert content_loss(target, target).numpy() == 0


def test_content_loss_and_gradient_agree_with_numpy(random):
    features, target = random.normal(size=(2, 1, 3, 4, 5))

    def reference(values):
        return np.mean((values - target) ** 2)

    def loss(values):
        return content_loss(values, tf.constant(target, tf.float32))

    found = loss(tf.constant(features, tf.float32))
    assert found.shape == ()
    assert found.numpy() == pytest.approx(reference(features), rel=1e-5)
    np.testing.assert_allclose(
        gradient(loss, features),
        finite_differences(reference, features),
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_content_loss_sums_in_float32(dtype):
    features = tf.fill((1, 32, 32, 8), tf.constant(400, dtype))
    loss = content_loss(features, tf.zeros_like(features))
    assert loss.dtype == tf.float32
    assert loss.numpy() == pytest.approx(160_000)


# The style loss


def test_style_loss_of_known_matrices():
    gram = tf.constant([[1.0, 2.0], [2.0, 5.0]])
    target = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    assert style_loss(gram, target).numpy() == (0 + 4 + 4 + 16) / 4
    assert style_loss(target, target).numpy() == 0


def test_style_loss_and_gradient_agree_with_numpy(random):
    features = random.normal(size=(1, 4, 3, 5))
    target = numpy_gram(random.normal(size=(1, 7, 2, 5)))

    def reference(values):
        return np.mean((numpy_gram(values) - target) ** 2)

    def loss(values):
        return style_loss(gram_matrix(values), tf.constant(target, tf.float32))

    found = loss(tf.constant(features, tf.float32))
    assert found.shape == ()
    assert found.numpy() == pytest.approx(reference(features), rel=1e-5)
    np.testing.assert_allclose(
        gradient(loss, features),
        finite_differences(reference, features),
        rtol=1e-4,
        atol=1e-5,
    )


# The total variation


@pytest.mark.parametrize(("height", "width"), [(2, 2), (4, 7), (1, 5)])
def test_variation_of_a_checkerboard_counts_its_neighbours(height, width):
    board = (np.indices((height, width)).sum(axis=0) % 2).astype(np.float32)
    pairs = height * (width - 1) + (height - 1) * width
    image = np.zeros((1, height, width, 3), np.float32)
    image[0, ..., 1] = board
    assert total_variation(tf.constant(image)).numpy() == pairs
    image[0] = board[..., None]
    assert total_variation(tf.constant(image)).numpy() == 3 * pairs


def test_variation_of_a_flat_image_is_zero():
    assert total_variation(tf.fill((1, 6, 8, 3), 0.7)).numpy() == 0


def test_variation_of_one_pixel_is_zero():
    assert total_variation(tf.fill((1, 1, 1, 3), 0.7)).numpy() == 0


def test_variation_and_gradient_agree_with_numpy(random):
    image = random.random((1, 6, 5, 3))
    found = total_variation(tf.constant(image, tf.float32))
    assert found.shape == ()
    assert found.numpy() == pytest.approx(numpy_variation(image), rel=1e-5)
    np.testing.assert_allclose(
        gradient(total_variation, image),
        finite_differences(numpy_variation, image, step=1e-7),
        atol=1e-5,
    )


def test_variation_agrees_with_tensorflow(photo):
    image = tf.constant(photo[None])
    expected = tf.image.total_variation(image)[0].numpy()
    assert total_variation(image).numpy() == pytest.approx(expected, rel=1e-5)
