"""The catalogue of methods, how a source becomes its target: from a name to a function that builds one.

Each takes ``dims``, ``source_channels``, ``target_channels``, ``loss`` and ``data_range``, then options of its own, by
keyword, and returns a ``Translator``; one that learns is a ``NetworkMethod``. To add a method, write one file and list
its function here: the contract suite of the tests runs over this dictionary.
"""

from __future__ import annotations

from collections.abc import Callable

from voxlate.methods.adversarial import adversarial
from voxlate.methods.baselines import identity, lookup
from voxlate.methods.image_analogy.method import image_analogy
from voxlate.methods.interface import Batch, Method, NetworkMethod, Trainable, Translator
from voxlate.methods.regression import regression
from voxlate.methods.segmentation import segmentation
from voxlate.methods.style_transfer.method import style_transfer
from voxlate.methods.unified import unified

METHODS: dict[str, Callable[..., Translator]] = {
    "regression": regression,
    "adversarial": adversarial,
    "segmentation": segmentation,
    "unified": unified,
    "image_analogy": image_analogy,
    "style_transfer": style_transfer,
    "identity": identity,
    "lookup": lookup,
}

__all__ = ["METHODS", "Batch", "Method", "NetworkMethod", "Trainable", "Translator"]
