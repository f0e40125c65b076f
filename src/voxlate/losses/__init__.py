"""The catalogue of losses: from a name to a function that builds one.

Each takes ``dims`` and ``data_range`` (the range of the normalised target), then options of its own, by keyword, and
returns a ``Loss``: a function of prediction ``(b, t, *s)``, target ``(b, t, *s)``, mask ``(b, 1, *s)`` and perhaps
label maps, that gives a scalar: a mean inside the mask, 0 and without NaN where the mask is empty. Those named in
``SEGMENTING`` take logits for prediction and maps of 0 and 1 for target, all others images. ``WeightedLoss`` adds up
what a recipe asks for. To add a loss, write it in a file here and list it in ``catalogue.py``.
"""

from voxlate.losses.catalogue import LOSSES, segmenting
from voxlate.losses.pixelwise import Loss
from voxlate.losses.weighted import WeightedLoss, of_images

__all__ = ["LOSSES", "Loss", "WeightedLoss", "of_images", "segmenting"]
