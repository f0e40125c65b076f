"""One person's image in two cases, found also when it was moved, cropped, turned or stored more coarsely.

Every portrait is laid onto a cube of 24 voxels along each edge, round the centre of what it shows and as large as
that is wide (its centre of gravity and radius of gyration), and what is coarser than a head's outline is filtered off,
since that is alike in all people. Likely pairs are those whose cubes correlate best, in any of the 48 ways to turn and
mirror a cube; each is then laid over the other by the shift at which they correlate best (by Fourier transform), and
turned by a few degrees until that is as good as it gets. It is one image where the correlation is above 0.8.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from voxlate.cohort.preflight.scan import Portrait

_EDGE = 24
_COARSE = 12
_WIDE = 2.3
_Cube = NDArray[np.float32]

def _world(portrait: Portrait):
    index = np.argwhere(portrait.steps > 0)
    return index @ portrait.affine[:3, :3].T + portrait.affine[:3, 3]

def frame_of(portrait: Portrait):
    places = _world(portrait)
    if len(places)<50: return None
    centre = places.mean(axis=0)
    radius = float(np.sqrt(((places - centre) ** 2).sum(axis=1).mean()))
    return centre, radius

def cube(portrait: Portrait, centre, half_mm, *, turn=np.eye(3), edge=_EDGE) -> _Cube:
    """Band-passed."""
    step = 2 * half_mm / edge
    inverse = np.linalg.inv(portrait.affine)
    matrix = inverse[:3, :3] @ turn * step
    origin = inverse[:3, :3] @ (centre - turn @ np.full(3, (edge - 1) / 2 * step)) + inverse[:3, 3]
    shown = (portrait.steps > 0).astype(np.float32)
    # anti-alias
    voxel = np.linalg.norm(portrait.affine[:3, :3], axis=0)
    sigma = np.maximum(0.4 * step / voxel - 0.3, 0)
    values = portrait.steps.astype(np.float32)
    if sigma.max() > 0.2:
        values, shown = ndimage.gaussian_filter(values, sigma), ndimage.gaussian_filter(shown, sigma)
    shape=(edge,)*3
    v = ndimage.affine_transform(values, matrix, origin, shape, order=1)
    m = ndimage.affine_transform(shown, matrix, origin, shape, order=1)
    return band(v, m)

def band(v, m, s=2.0):
    inside = m > 0.5
    mean = np.where(inside, v / np.maximum(m, 1e-3), 0)
    low = ndimage.gaussian_filter(mean, s) / np.maximum(ndimage.gaussian_filter(inside.astype(np.float32), s), 1e-3)
    out = np.where(inside, mean - low, 0)
    sd = out[inside].std() if inside.any() else 0
    out = np.clip(out, -2.5 * sd, 2.5 * sd)
    n = np.linalg.norm(out)
    return (out / n if n > 0 else out).astype(np.float32)

WAYS = [(o, f) for o in itertools.permutations(range(3)) for f in itertools.product((1, -1), repeat=3)]
def turned(c, way):
    o, f = way
    return c.transpose(o)[tuple(slice(None, None, s) for s in f)]

def best_shift(a, b):
    n = fft.next_fast_len(int(1.5 * a.shape[0]))
    A = fft.rfftn(a, (n,) * 3); B = fft.rfftn(b, (n,) * 3)
    c = fft.irfftn(A * np.conj(B), (n,) * 3)
    # norm over overlap ignored
    k = np.unravel_index(c.argmax(), c.shape)
    return float(c.max()), [i if i < n / 2 else i - n for i in k]
