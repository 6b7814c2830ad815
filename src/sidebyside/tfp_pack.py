"""A TFP model whose unknowns are one vector, which ``windowed_adaptive_nuts`` compiles several times as fast.

TFP's samplers write out every step once for each of the model's unknowns, and XLA compiles all of it. For chapter 8b's
nine unknowns that is 131 of 135 seconds. As one vector they are written out once. What is drawn is the same: the
same density on the same unconstrained scale, moved by the same sampler, which adapts each element by itself either way.
"""

from typing import Any

import numpy as np

from sidebyside.libraries import need


class PackedModel:
    """What ``tfp.experimental.mcmc.windowed_adaptive_nuts`` takes in place of a joint distribution: one vector.

    Its methods and attributes without a docstring are those of TFP's joint distributions that the sampler asks for.
    As there, the event is a structure; here a list of one vector, all unknowns on their unconstrained scale.
    """

    def __init__(self, pinned):
        import tensorflow as tf

        self._pinned = pinned
        self._constrain = pinned.experimental_default_event_space_bijector()
        self._structure = self._constrain.inverse_event_shape(pinned.event_shape)
        self._shapes = [tuple(shape) for shape in tf.nest.flatten(self._structure)]
        self._sizes = [int(np.prod(shape)) for shape in self._shapes]
        self.event_shape = [tf.TensorShape([sum(self._sizes)])]
        self.dtype = tf.nest.flatten(pinned.dtype)[:1]
        self.batch_shape = tf.TensorShape([])
        self.experimental_shard_axis_names = [None]

    def event_shape_tensor(self):  # noqa: D102
        return [np.array([sum(self._sizes)], dtype=np.int32)]

    def batch_shape_tensor(self):  # noqa: D102
        return np.array([], dtype=np.int32)

    def experimental_default_event_space_bijector(self):  # noqa: D102
        from tensorflow_probability import bijectors as tfb

        return tfb.JointMap([tfb.Identity()])

    def unnormalized_log_prob(self, event):
        """Return the log density at ``[vector]``, shape (..., all), with the change of scale; shape (...)."""
        import tensorflow as tf

        parts = self._split(event)
        dimensions = tf.nest.pack_sequence_as(self._structure, [len(shape) for shape in self._shapes])
        change = self._constrain.forward_log_det_jacobian(parts, dimensions)
        return self._pinned.unnormalized_log_prob(self._constrain.forward(parts)) + change

    def unpack(self, event):
        """Return the model's own unknowns, by name, from ``[vector]`` as the sampler returns it, shape (..., all)."""
        return self._constrain.forward(self._split(event))

    def _split(self, event):
        import tensorflow as tf

        [vector] = event
        leading = tf.shape(vector)[:-1]
        parts = [
            tf.reshape(part, tf.concat([leading, np.array(shape, dtype=np.int32)], axis=0))
            for part, shape in zip(tf.split(vector, self._sizes, axis=-1), self._shapes, strict=True)
        ]
        return tf.nest.pack_sequence_as(self._structure, parts)


def pack_tfp(model: Any, **observed) -> PackedModel:
    """Pack a TFP model's unknowns into one vector.

    Parameters
    ----------
    model : a ``tfd.JointDistribution...`` with named parts whose unknowns are continuous, all of one dtype, with shapes
        that do not depend on values, and no batch
    observed : the values of the observed parts, by name (what ``experimental_pin`` takes)

    Returns
    -------
    PackedModel. Sample it with ``windowed_adaptive_nuts(draws, packed, ...)``, without the observed parts, and give
    the draws their names and shapes back with ``packed.unpack(draws)``.

    Raises
    ------
    ValueError : an observed name that the model has not; nothing left unknown; several dtypes; a batch
    LibraryMissingError : TFP is not installed
    """
    need("TFP")
    import tensorflow as tf

    parts = set(model.dtype if isinstance(model.dtype, dict) else model.dtype._fields)
    if strange := sorted(set(observed) - parts):
        raise ValueError(f"TFP: the model has no part {', '.join(strange)}; it has {', '.join(sorted(parts))}.")
    if not parts - set(observed):
        raise ValueError("TFP: every part of the model is observed, there is nothing to sample.")
    pinned = model.experimental_pin(**observed) if observed else model
    dtypes = sorted({tf.as_dtype(dtype).name for dtype in tf.nest.flatten(pinned.dtype)})
    if len(dtypes) > 1:
        raise ValueError(
            f"TFP: the unknowns are of several dtypes, {' and '.join(dtypes)}; give all parts the same one."
        )
    if batches := [tuple(shape) for shape in tf.nest.flatten(pinned.batch_shape) if shape.rank != 0]:
        raise ValueError(
            f"TFP: the model has a batch, of shape {batches[0]}, whose log densities nobody adds up. "
            "Use tfd.JointDistributionNamedAutoBatched, or tfd.Independent for the parts."
        )
    return PackedModel(pinned)
