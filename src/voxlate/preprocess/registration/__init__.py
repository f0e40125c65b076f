"""Brings one image onto another: rigid, affine or deformable."""
