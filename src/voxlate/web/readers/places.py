"""Where things lie in the folder of a study."""

from __future__ import annotations

PAIRS, PAIR = "pairs", "pair.json"
"""A folder for each pair, and in it which case it is of."""
SIDES = ("first", "second")
"""What readers see of the first kind of image, and of the second."""
