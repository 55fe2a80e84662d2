"""Layers of a user's own, as a user would write them: read by the tests as ``model.custom``, and by their models."""

import keras
import tensorflow as tf
import tf_keras
from custom_part import HALF


def scale(k):
    """A layer of either Keras, registered under a package."""

    @k.saving.register_keras_serializable(package="mine")
    class Scale(k.layers.Layer):
        def __init__(self, start=1.0, **keywords):
            super().__init__(**keywords)
            self.start = start

        def build(self, shape):
            start = k.initializers.Constant(self.start)
            self.gamma = self.add_weight(name="gamma", shape=(shape[-1],), initializer=start)
            super().build(shape)

        def call(self, x):
            return x * self.gamma

        def get_config(self):
            return {**super().get_config(), "start": self.start}

    return Scale


def mix(k):
    """One that is not registered, with a matrix of weights."""

    class Mix(k.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(name="kernel", shape=(shape[-1], shape[-1]))
            super().build(shape)

        def call(self, x):
            return tf.nn.relu(tf.matmul(x, self.kernel))

    return Mix


Scale3, Scale2 = scale(keras), scale(tf_keras)
Mix3, Mix2 = mix(keras), mix(tf_keras)


class Only3(keras.layers.Layer):
    def call(self, x):
        return x * HALF


class Curved(tf_keras.layers.Layer):
    def call(self, x):
        return tf.math.erf(x)


class Fixed(tf_keras.layers.Layer):
    def call(self, x):
        assert x.shape[-1] == 8, "wants 8 channels"
        return x * HALF


class Gate(tf_keras.layers.Layer):
    """Has a kernel and an activation, as Dense does, and computes something else with them."""

    def build(self, shape):
        self.kernel = self.add_weight(name="kernel", shape=(shape[-1], shape[-1]))
        self.activation = tf_keras.activations.tanh
        super().build(shape)

    def call(self, x):
        return self.activation(tf.matmul(x, self.kernel)) * 3 + x


class Block(tf_keras.layers.Layer):
    def __init__(self, **keywords):
        super().__init__(**keywords)
        self.layers = [tf_keras.layers.Dense(4, name="one"), tf_keras.layers.Dense(4, name="two")]

    def call(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def squash(x):
    return tf.nn.relu6(x) * HALF


CUSTOM_OBJECTS = {"squash": squash}
