"""Shapes: models that learn from label maps and draw new ones, the first half of a synthesised case."""

from voxlate.shapes.catalogue import SHAPES, shape_family
from voxlate.shapes.interface import ShapeFamily, ShapeModel

__all__ = ["SHAPES", "ShapeFamily", "ShapeModel", "shape_family"]
