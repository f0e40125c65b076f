"""The abdomen: wall, visceral fat, organs and great vessels; fatty livers, and lesions with and without fat.

Body coordinates are RAS+ mm; the origin lies in the midline at the height of the kidneys. The wall is muscle about a
cavity of 252 x 168 mm, under fat whose thickness a person has; domes of the lungs reach in from above, wings of the
pelvis from below. How much of the signal of the liver is fat is drawn for each person: the drop from in-phase to
opposed-phase shows it, as it shows adenomas of the adrenal gland, whose cells hold fat, and no tumours of the liver.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voxlate.phantoms.lattice import Canvas, Lattice
from voxlate.phantoms.nodules import Nodule, NoduleKind
from voxlate.phantoms.physics.tissues import TISSUES, Tissue, tissue_id
from voxlate.phantoms.physics.uptake import Levels
from voxlate.phantoms.solids import Field, Noise, Points, Vector, ellipsoid, refine, smooth_step, smooth_union
from voxlate.phantoms.thorax.chest import paint_spine
from voxlate.volume import Grid

ABDOMEN_LABELS: dict[str, int] = {
    "liver": 63,
    "liver_tumour": 63,
    "right_kidney": 126,
    "left_kidney": 189,
    "spleen": 252,
}
"""From tissue to its label in CHAOS (Kavur et al. 2021, doi 10.1016/j.media.2020.101950)."""
ABDOMEN_LESIONS: dict[str, int] = {"adenoma": 1, "liver_tumour": 2}
"""Labels of the lesions in the truth."""
ABDOMEN_CYCLE: tuple[str, ...] = ("adenoma", "liver_tumour", "adenoma_and_liver_tumour", "none")
"""What the n-th case of a cohort has."""

_ADRENALS: tuple[Vector, Vector] = ((38, -30, 62), (-40, -28, 58))
_LIVER_PLACES: tuple[Vector, ...] = ((70, -10, 60), (50, 30, 50), (80, 20, 80), (45, -12, 82), (5, 36, 84))
ABDOMEN_NODULES: tuple[NoduleKind, ...] = (
    NoduleKind(
        "adenoma",
        _ADRENALS,
        (9.0, 15.0),
        subtypes=("adenoma", "adenoma_and_liver_tumour"),
        room=("fat", "soft_tissue", "liver", "spleen"),
        most=1,
        off_mm=3.0,
    ),
    NoduleKind(
        "liver_tumour",
        _LIVER_PLACES,
        (8.0, 15.0),
        subtypes=("liver_tumour", "adenoma_and_liver_tumour"),
        room=("liver",),
        off_mm=3.0,
    ),
)
"""An adenoma of one adrenal gland, one to three tumours of the liver."""


@dataclass(frozen=True, eq=False)
class AbdomenShape:
    """What is drawn for one abdomen.

    Attributes:
        size: Factors along x, y, z.
        shift_mm: Position of the body in the scanner.
        fat_mm: Thickness of the fat under the skin.
        dome_mm: Height of the diaphragm's right and left dome.
        liver_fat: Fat fraction of the liver.
        warp: Noise that bends hulls and organs.
        bowel: Noise whose bands are loops of the bowel.
    """

    size: Vector
    shift_mm: Vector
    fat_mm: float
    dome_mm: tuple[float, float]
    liver_fat: float
    warp: Noise
    bowel: Noise

    @property
    def table(self) -> tuple[Tissue, ...]:
        """The tissue table with the liver's own fat fraction."""
        own = {"liver": replace(TISSUES["liver"], fat_fraction=self.liver_fat)}
        return tuple(own.get(name, tissue) for name, tissue in TISSUES.items())

    @property
    def levels(self) -> Levels:
        """CT numbers without contrast agent; that of the liver is a mixture of lean liver and fat."""
        lean, fat = TISSUES["liver"].hu, TISSUES["fat"].hu
        liver = lean + self.liver_fat * (fat - lean)
        return Levels({"liver": liver, "aorta": 45.0, "vena_cava": 42.0, "myocardium": 45.0})


def draw_abdomen(rng: np.random.Generator) -> AbdomenShape:
    """An abdomen; three in ten livers are fatty."""
    x, y, z = 0.97 * (1 + np.clip(rng.normal(0, 0.03, size=3), -0.05, 0.05))
    a, b, c = rng.normal(0, (3.0, 2.0, 5.0))
    right, left = np.clip(rng.normal(0, 1, size=2), -2, 2) * 6.0 + (112.0, 102.0)
    fatty, share = bool(rng.uniform() < 0.3), float(rng.uniform(0, 1))
    return AbdomenShape(
        size=(float(x), float(y), float(z)),
        shift_mm=(float(a), float(b), float(c)),
        fat_mm=float(np.clip(rng.normal(16, 6), 6, 28)),
        dome_mm=(float(right), float(left)),
        liver_fat=round(0.08 + 0.27 * share if fatty else 0.01 + 0.05 * share, 3),
        warp=Noise.draw(rng, wavelength_mm=90.0),
        bowel=Noise.draw(rng, wavelength_mm=52.0),
    )


def _ring(points: Points, middle: float, across: float, along: float) -> Field:
    """Distance in mm to a rounded box that runs from head to foot, to first order."""
    x, y, z = points
    off = y - np.float32(middle)
    ring = ((np.abs(x) / across) ** 2.3 + (np.abs(off) / along) ** 2.3) ** np.float32(1 / 2.3)
    return np.asarray(np.hypot(x, off) * (1 - 1 / np.maximum(ring, np.float32(0.05))) + 0 * z, dtype=np.float32)


def build_abdomen(shape: AbdomenShape, nodules: tuple[Nodule, ...], grid: Grid, *, factor: int) -> NDArray[np.uint8]:
    """Tissue numbers on the lattice ``factor`` times finer than a grid whose axes are those of the world, RAS+."""
    coarse = Lattice.of(grid, factor=1, size=shape.size, shift_mm=shape.shift_mm).points()
    bend = shape.warp.at(coarse)
    cavity_mm = refine(_ring(coarse, 6.0, 126.0, 84.0) + 3 * bend, factor)
    muscle_mm = refine(_ring(coarse, -8.0, 138.0, 104.0) + 3 * bend, factor)
    fat_mm = shape.fat_mm * (1 + 0.15 * bend)
    skin_mm = refine(_ring(coarse, -8.0, 138.0, 104.0) + 3 * bend - fat_mm, factor)
    below_mm = refine(_diaphragm(shape, coarse) + 2 * bend, factor)
    tissues = np.zeros(cavity_mm.shape, dtype=np.uint8)
    canvas = Canvas(Lattice.of(grid, factor=factor, size=shape.size, shift_mm=shape.shift_mm), tissues)
    tissues[skin_mm < 0] = tissue_id("skin")
    tissues[skin_mm < -2] = tissue_id("fat")
    tissues[(muscle_mm < 0) & (skin_mm < -4)] = tissue_id("muscle")
    _paint_ribs(canvas, cavity_mm)
    tissues[cavity_mm < 0] = tissue_id("fat")
    tissues[(cavity_mm < 0) & (below_mm > 0)] = tissue_id("lung")
    tissues[(cavity_mm < 0) & (np.abs(below_mm) < 1.5)] = tissue_id("muscle")
    _paint_bowel(canvas, shape, inside=(cavity_mm < -4) & (below_mm < -4))
    _paint_organs(canvas, shape)
    _paint_pelvis(canvas, inside=muscle_mm < -6)
    paint_spine(canvas)
    for nodule in nodules:
        nodule.paint(canvas)
    return tissues


def _diaphragm(shape: AbdomenShape, points: Points) -> Field:
    """Distance in mm to what lies under the diaphragm, negative below."""
    right, left = shape.dome_mm
    domes = smooth_union(
        ellipsoid(points, (58, 4, right - 90), (66, 84, 90)), ellipsoid(points, (-58, 2, left - 90), (64, 82, 90)),
        blend_mm=24.0,
    )  # fmt: skip
    return smooth_union(domes, np.asarray(points[2] - 55 + 0 * domes, dtype=np.float32), blend_mm=14.0)


def _paint_ribs(canvas: Canvas, cavity_mm: Field) -> None:
    """Ribs in the wall, down to the height of the kidneys at the back."""
    x, y, z = canvas.lattice.points()
    muscle = canvas.tissues == tissue_id("muscle")
    slanted = (z + np.float32(0.42) * y - np.float32(0.05) * np.abs(x)) / np.float32(25.0)
    across = (slanted - np.floor(slanted) - 0.5) * np.float32(25.0)
    rib = np.sqrt((across / 6.0) ** 2 + ((cavity_mm - 5.5) / 4.0) ** 2)
    bony = muscle & (np.abs(x) > 14) & (z > 15 + 0.55 * (y + 60)) & (y < 70)
    canvas.tissues[bony & (rib < 1)] = tissue_id("cortical_bone")
    canvas.tissues[bony & (rib < 0.6)] = tissue_id("trabecular_bone")


def _paint_bowel(canvas: Canvas, shape: AbdomenShape, *, inside: NDArray[np.bool_]) -> None:
    """Loops of the bowel between fat, with gas at their front."""
    box = canvas.lattice.box((-130, -28, -400), (130, 95, 42))
    x, y, z = canvas.lattice.part(box)
    loops = shape.bowel.at((x, y, z))
    edge = smooth_step((y + 28) / 20) * smooth_step((42 - z) / 20)
    region = canvas.tissues[box]
    bowel = inside[box] & (np.abs(loops) < 0.75 * edge)
    region[bowel] = tissue_id("bowel")
    region[bowel & (np.abs(loops) < 0.3) & (y > 48)] = tissue_id("air")


def _paint_organs(canvas: Canvas, shape: AbdomenShape) -> None:
    """Paints organs and vessels where there is fat or bowel, under the diaphragm."""
    room = [tissue_id(name) for name in ("fat", "bowel", "air")]
    free = [*room, tissue_id("soft_tissue")]

    def bent(points: Points) -> Field:
        return np.asarray(np.float32(2.5) * shape.warp.at(points), dtype=np.float32)

    inside = canvas.tissues.copy()
    organs: tuple[tuple[str, Vector, Vector], ...] = (
        ("bowel", (-46, 34, 66), (42, 36, 40)),  # the stomach
        ("spleen", (-86, -20, 68), (29, 44, 50)),
        ("liver", (58, 4, 70), (72, 74, 68)),
        ("liver", (0, 34, 82), (62, 42, 36)),
        ("gallbladder", (46, 46, 14), (13, 13, 25)),
        ("right_kidney", (62, -40, -6), (27, 23, 54)),
        ("left_kidney", (-62, -40, 4), (27, 23, 55)),
        ("soft_tissue", _ADRENALS[0], (9, 5, 12)),
        ("soft_tissue", _ADRENALS[1], (9, 5, 12)),
    )
    large = [*free, *(tissue_id(name) for name in ("liver", "spleen"))]  # which make room for what is behind them
    for name, centre, axes in organs:
        canvas.ball(centre, axes, tissue_id(name), over=free if name == "spleen" else large, warp=bent)
    keep = np.isin(inside, room)
    for name in ("liver", "spleen", "bowel"):
        canvas.tissues[(canvas.tissues == tissue_id(name)) & ~keep] = tissue_id("fat")
    canvas.ball((-46, 52, 84), (22, 16, 14), tissue_id("air"), over=[tissue_id("bowel")])
    for side, kidney in ((1, "right_kidney"), (-1, "left_kidney")):
        canvas.ball((side * 50, -36, 0), (14, 9, 22), tissue_id("fat"), over=[tissue_id(kidney)])
        canvas.tube([((side * 28, -44, 60), 9), ((side * 46, -36, -170), 20)], tissue_id("muscle"), over=room)
        canvas.tube([((side * 6, -26, -70), 7), ((side * 32, -18, -175), 6)], tissue_id("artery"), over=room)
    canvas.tube([((34, 8, 22), 13), ((4, 20, 36), 10), ((-58, -10, 56), 8)], tissue_id("pancreas"), over=room)
    canvas.tube([((-10, -28, 190), 11), ((-4, -25, -70), 9)], tissue_id("aorta"))
    canvas.tube([((20, -24, 190), 12), ((16, -24, -75), 11)], tissue_id("vena_cava"))
    canvas.ball((-22, 26, 142), (52, 40, 34), tissue_id("myocardium"), over=[tissue_id("lung")])


def _paint_pelvis(canvas: Canvas, *, inside: NDArray[np.bool_]) -> None:
    """Wings of the pelvis, shells of bone that open to the front."""
    x, y, z = canvas.lattice.points()
    shell = ellipsoid((np.abs(x), y, z), (58, 0, -170), (62, 84, 78))
    wing = inside & (np.abs(shell + 4) < 4.5) & (y < 10 - 0.3 * (z + 92)) & (np.abs(x) > 46) & (np.abs(x) > 40 - y)
    canvas.tissues[wing] = tissue_id("cortical_bone")
    canvas.tissues[wing & (np.abs(shell + 4) < 2.5)] = tissue_id("trabecular_bone")
