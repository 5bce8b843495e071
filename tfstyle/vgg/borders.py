"""What the network sees beyond the picture's borders."""

import keras
import tensorflow as tf


class Mirrored(keras.layers.Wrapper):  # type: ignore[misc]
    """A convolution of 3 x 3 over a picture that goes on as its mirror image.

    Zeros, with which VGG19 was trained, are a dark line around the picture: it paints
    one, and a style image brings its own. Beyond the first layer they do no harm.
    """

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Return what the convolution has of features, (1, h, w, C), of their size."""
        margin = ((0, 0), (1, 1), (1, 1), (0, 0))
        found = self.layer(keras.ops.pad(features, margin, mode="symmetric"))
        _, height, width, channels = tf.unstack(tf.shape(found))
        # Not found[...], whose gradient TensorFlow computes in one slow thread.
        return tf.slice(found, (0, 1, 1, 0), (1, height - 2, width - 2, channels))
