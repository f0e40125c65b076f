"""Tissues: relaxation times at 3 T, proton density, fat, contrast uptake and CT numbers, with their sources.

Relaxation times in ms at 3 T; proton density relative to cerebrospinal fluid; ``hu`` is the CT number of the tissue as
it is, its fat included; ``uptake_mmol`` the concentration of gadolinium some five minutes after the usual dose. The
values are representative and rounded; ``t1_ms`` and ``t2_ms`` describe the water of the tissue, the fat compartment is
that of ``FAT``. ``spread`` is the relative standard deviation between people of T1 and T2, a third of it that of proton
density.

Sources, by key in the table:

- W99: Wansapura et al., J Magn Reson Imaging 9:531 (1999), white and grey matter at 3 T.
- G99: Gelman et al., Radiology 210:759 (1999), R2 and R2' of deep grey matter at 3 T.
- G01: Gelman et al., Magn Reson Med 45:71 (2001), R1 of deep grey matter at 3 T.
- P07: Peters et al., Magn Reson Imaging 25:748 (2007), doi 10.1016/j.mri.2007.02.014, T2* at 3 T.
- S05: Stanisz et al., Magn Reson Med 54:507 (2005), doi 10.1002/mrm.20605, muscle, heart, blood at 3 T.
- B04: de Bazelaire et al., Radiology 230:652 (2004), doi 10.1148/radiol.2303021331, abdomen, marrow and fat at 3 T.
- R07: Rooney et al., Magn Reson Med 57:308 (2007), doi 10.1002/mrm.21122, fluid.
- S18: Spijkerman et al., MAGMA 31:415 (2018), doi 10.1007/s10334-017-0659-3, T2 of fluid.
- O19: Oros-Peusquens et al., Front Neurol 10:1333 (2019), doi 10.3389/fneur.2019.01333, water content.
- T08: Techawiboonwong et al., Radiology 248:824 (2008), doi 10.1148/radiol.2482071995, water of cortical bone.
- N20: Noth et al., NMR Biomed 33:e4242 (2020), doi 10.1002/nbm.4242, enhancing glioma: T1 falls by 838 (210) ms.
- B20: Blystad et al., Sci Rep 10:17892 (2020), doi 10.1038/s41598-020-75105-6, relaxation of glioma and its surround.
- H92: Henkelman et al., J Magn Reson Imaging 2:533 (1992), doi 10.1002/jmri.1880020511, fat in fast spin echo.
- K16: Kamalian et al., Handb Clin Neurol 135:3 (2016), doi 10.1016/B978-0-444-53485-9.00001-5, CT numbers.
- S96: Schneider et al., Phys Med Biol 41:111 (1996), doi 10.1088/0031-9155/41/1/009, CT numbers from composition.
- B10: Bae, Radiology 256:32 (2010), doi 10.1148/radiol.10090908, enhancement in CT angiography.
- R05: Rohrer et al., Invest Radiol 40:715 (2005), relaxivities at 3 T in plasma.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from voxlate.config.catalogue import pick

R1_RELAXIVITY = 5.0
"""Longitudinal relaxivity of gadobutrol in plasma at 3 T, L/(mmol s) (R05)."""
R2_RELAXIVITY = 7.1
"""Transverse relaxivity of gadobutrol in plasma at 3 T, L/(mmol s) (R05)."""
FAT_T2_SPIN_ECHO_TRAIN_MS = 150.0
"""Apparent T2 of fat in a fast spin echo, longer than in a single echo because J-coupling is undone (H92)."""


@dataclass(frozen=True)
class Tissue:
    """What the physics needs to know of one tissue.

    Attributes:
        name: Name in tables and files.
        t1_ms: Longitudinal relaxation time of its water.
        t2_ms: Transverse relaxation time of its water.
        t2star_ms: Effective transverse relaxation time.
        proton_density: Protons that can be seen, relative to cerebrospinal fluid.
        hu: CT number.
        fat_fraction: Part of the signal at equilibrium that is fat.
        uptake_mmol: Contrast agent some five minutes after injection, mmol/L.
        flowing: Whether it flows fast: no signal in spin echoes (flow void).
        spread: Relative standard deviation of T1 and T2 between people.
        texture: Relative standard deviation of T1 and T2 within the tissue.
        texture_hu: Standard deviation of the CT number within the tissue.
        sources: Keys of the module's list.
    """

    name: str
    t1_ms: float
    t2_ms: float
    t2star_ms: float
    proton_density: float
    hu: float
    fat_fraction: float = 0.0
    uptake_mmol: float = 0.0
    flowing: bool = False
    spread: float = 0.03
    texture: float = 0.03
    texture_hu: float = 2.0
    sources: str = ""


_BLOOD = (1932, 150, 45, 0.85)


class _Flow(TypedDict):
    uptake_mmol: float
    flowing: bool
    spread: float
    texture: float
    texture_hu: float
    sources: str


_FLOW = _Flow(uptake_mmol=0.55, flowing=True, spread=0.05, texture=0.05, texture_hu=5, sources="S05 R05 B10")

# fmt: off
_TABLE: tuple[Tissue, ...] = (
    Tissue("air", 1.0, 1.0, 1.0, 0.0, -1000, texture=0, texture_hu=0, spread=0, sources="K16"),
    Tissue("skin", 1000, 35, 20, 0.70, 55, 0.15, 0.06, texture=0.05, texture_hu=8, sources="B04 S96"),
    Tissue("fat", 900, 40, 30, 0.95, -95, 0.90, 0.01, texture=0.05, texture_hu=6, sources="B04 S96"),
    Tissue("muscle", 1412, 40, 28, 0.78, 55, 0.04, 0.03, texture=0.05, texture_hu=5, sources="S05 B04 K16"),
    Tissue("cortical_bone", 250, 0.5, 0.4, 0.20, 1350, texture=0.05, texture_hu=110, spread=0.05, sources="T08 S96"),
    Tissue("marrow", 800, 40, 14, 0.75, 420, 0.55, 0.02, texture=0.08, texture_hu=90, spread=0.05, sources="B04 S96"),
    Tissue("csf", 4300, 1800, 900, 1.00, 8, texture=0.01, texture_hu=1, spread=0.02, sources="R07 S18 K16"),
    Tissue("grey_matter", 1331, 110, 60, 0.837, 38, 0, 0.012, texture=0.035, sources="W99 P07 O19 K16"),
    Tissue("white_matter", 832, 79.6, 53, 0.691, 28, 0, 0.006, texture=0.03, sources="W99 P07 O19 K16"),
    Tissue("caudate", 1270, 96, 41, 0.82, 37, 0, 0.012, sources="G01 G99 P07 K16"),
    Tissue("putamen", 1160, 86, 32, 0.81, 38, 0, 0.012, sources="G01 G99 P07 K16"),
    Tissue("pallidum", 920, 60, 26, 0.75, 39, 0, 0.010, sources="G01 G99 K16"),
    Tissue("thalamus", 1050, 86, 48, 0.77, 36, 0, 0.010, sources="G01 G99 K16"),
    Tissue("vessel", 1932, 150, 45, 0.85, 48, 0, 0.55, flowing=True, spread=0.05, texture=0.05, sources="S05 K16 R05"),
    Tissue("vitreous", 4000, 1200, 600, 1.00, 6, spread=0.02, texture=0.01, texture_hu=1, sources="R07 K16"),
    Tissue("mucosa", 1700, 110, 25, 0.88, 40, 0, 0.25, texture=0.08, texture_hu=8, spread=0.05, sources="R05 K16"),
    Tissue("dura", 900, 35, 25, 0.60, 60, 0, 0.14, texture=0.05, texture_hu=8, sources="K16"),
    Tissue("choroid_plexus", 1900, 180, 80, 0.92, 45, 0, 0.30, texture=0.08, texture_hu=8, sources="R05 K16"),
    Tissue("oedema", 1520, 150, 95, 0.83, 20, 0, 0.010, spread=0.06, texture=0.07, sources="B20 N20 K16"),
    Tissue("necrosis", 2500, 300, 150, 0.95, 15, 0, 0.015, spread=0.08, texture=0.10, sources="B20 K16"),
    Tissue("enhancing_tumour", 1480, 125, 60, 0.84, 36, 0, 0.18, spread=0.06, texture=0.08, sources="N20 B20"),
    Tissue("non_enhancing_tumour", 1700, 165, 100, 0.87, 27, 0, 0.016, spread=0.06, texture=0.08, sources="B20 K16"),
    Tissue("soft_tissue", 1300, 45, 28, 0.75, 40, 0.08, 0.05, texture=0.06, texture_hu=8, sources="B04 S96"),
    Tissue("lung", 1300, 30, 1.0, 0.20, -800, 0, 0.10, texture=0.10, texture_hu=40, sources="S96"),
    Tissue("liver", 809, 34, 25, 0.72, 58, 0.04, 0.20, texture=0.05, texture_hu=6, sources="B04 K16"),
    Tissue("spleen", 1328, 61, 40, 0.80, 50, 0, 0.25, texture=0.05, texture_hu=6, sources="B04 K16"),
    Tissue("kidney", 1194, 76, 50, 0.82, 34, 0, 0.40, texture=0.06, texture_hu=6, sources="B04 S05 K16"),
    Tissue("pancreas", 725, 43, 30, 0.76, 40, 0.08, 0.20, texture=0.07, texture_hu=8, sources="B04 K16"),
    Tissue("myocardium", 1471, 47, 33, 0.79, 48, 0.01, 0.12, texture=0.04, texture_hu=5, sources="S05 K16"),
    Tissue("bowel", 1400, 70, 15, 0.80, 25, 0.02, 0.15, texture=0.15, texture_hu=40, sources="B04 S96"),
    Tissue("trabecular_bone", 586, 49, 12, 0.55, 260, 0.40, 0.03, texture=0.08, texture_hu=60, sources="B04 S96"),
    # The thorax; its blood is that of "vessel" with the CT numbers of an angiogram.
    Tissue("left_ventricle", *_BLOOD, 350, **_FLOW),
    Tissue("left_atrium", *_BLOOD, 355, **_FLOW),
    Tissue("right_ventricle", *_BLOOD, 260, **_FLOW),
    Tissue("right_atrium", *_BLOOD, 270, **_FLOW),
    Tissue("aorta", *_BLOOD, 345, **_FLOW),
    Tissue("pulmonary_artery", *_BLOOD, 270, **_FLOW),
    Tissue("vena_cava", *_BLOOD, 280, **_FLOW),
    Tissue("artery", *_BLOOD, 340, **_FLOW),
    Tissue("lung_vein", *_BLOOD, 350, **_FLOW),
    Tissue("lung_vessel", *_BLOOD, 300, **_FLOW),
    Tissue("heart_wall", 1471, 47, 33, 0.79, 90, 0.05, 0.12, texture=0.04, texture_hu=6, sources="S05 B10"),
    Tissue("cartilage", 1240, 37, 22, 0.72, 105, texture=0.05, texture_hu=10, sources="S05 S96"),
    Tissue("lung_tumour", 1300, 70, 40, 0.82, 45, 0, 0.15, spread=0.06, texture=0.06, texture_hu=7, sources="B04 K16"),
    Tissue("lymph_node", 1300, 70, 40, 0.82, 50, 0, 0.12, spread=0.06, texture=0.05, texture_hu=6, sources="B04 K16"),
    Tissue("couch_shell", 1.0, 1.0, 1.0, 0.0, -180, texture=0, texture_hu=4, spread=0, sources="S96"),
    Tissue("couch_foam", 1.0, 1.0, 1.0, 0.0, -930, texture=0, texture_hu=4, spread=0, sources="S96"),
    # The abdomen; the cells of an adenoma of the adrenal gland hold fat.
    Tissue("right_kidney", 1194, 76, 50, 0.82, 34, 0, 0.40, texture=0.06, texture_hu=6, sources="B04 S05 K16"),
    Tissue("left_kidney", 1194, 76, 50, 0.82, 34, 0, 0.40, texture=0.06, texture_hu=6, sources="B04 S05 K16"),
    Tissue("gallbladder", 2600, 400, 150, 0.98, 10, spread=0.08, texture=0.02, texture_hu=2, sources="K16"),
    Tissue("adenoma", 1000, 60, 35, 0.80, 8, 0.28, 0.20, spread=0.06, texture=0.06, texture_hu=6, sources="B04 K16"),
    Tissue("liver_tumour", 1300, 70, 40, 0.82, 45, 0, 0.15, spread=0.06, texture=0.06, texture_hu=7, sources="B04 K16"),
)
# fmt: on

TISSUES: dict[str, Tissue] = {tissue.name: tissue for tissue in _TABLE}
TISSUES_BEFORE = (31, 47)
"""How many there were when others came: what is drawn for these is drawn after, so that a seed keeps its people."""
_TISSUE_IDS: dict[str, int] = {tissue.name: number for number, tissue in enumerate(_TABLE)}
FAT = Tissue("lipid", 382, 68, 40, 1.0, -110, sources="B04 S96")
"""The fat compartment itself: triglyceride of subcutaneous fat."""


def tissue_id(name: str) -> int:
    """The number of a tissue in tissue maps, 0 (air) to ``len(TISSUES) - 1``.

    Raises:
        UsageError: If no tissue has that name.
    """
    return pick(_TISSUE_IDS, name, what="tissue")
