"""Field strength: relaxation times at other fields than the 3 T of the tissue table.

Between the fields of clinical scanners T1 follows a power of the field, ``T1(B) = T1(3 T) (B / 3 T)^p`` (Bottomley et
al., Med Phys 11:425 (1984), doi 10.1118/1.595535), with ``p`` from pairs of values at 1.5 and 3 T: Stanisz et al. 2005
(doi 10.1002/mrm.20605: muscle, blood, heart, cartilage), Rooney et al. 2007 (doi 10.1002/mrm.21122: grey and white
matter, fluid), de Bazelaire et al. 2004 (doi 10.1148/radiol.2303021331: fat, marrow, abdomen). T2 hardly changes: it is
8 % longer at 1.5 T. The field that susceptibility adds, and with it R2', grows with the field; T2* of grey matter is 84
ms at 1.5 T and 66 ms at 3 T (Peters et al. 2007, doi 10.1016/j.mri.2007.02.014), which is ``p`` = -0.35.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_REFERENCE_T = 3.0
_POWERS: dict[str, float] = {
    "fat": 0.14,
    "marrow": 0.20,
    "skin": 0.30,
    "csf": 0.02,
    "vitreous": 0.02,
    "necrosis": 0.10,
    "white_matter": 0.38,
    "brainstem": 0.38,
    "grey_matter": 0.30,
    "muscle": 0.48,
    "vessel": 0.42,
}
_OTHERS = 0.33
_T2_POWER, _T2STAR_POWER = -0.11, -0.35

Time = Literal["t1", "t2", "t2star"]


def field_factors(tissues: Iterable[str], time: Time, *, field_t: float) -> NDArray[np.float32]:
    """By which each tissue's time at 3 T is multiplied at another field, in the order of the names.

    Args:
        tissues: Names of tissues.
        time: Which relaxation time.
        field_t: Field strength in tesla.

    Example:
        >>> float(field_factors(["white_matter"], "t1", field_t=3.0)[0])
        1.0
    """
    ratio = field_t / _REFERENCE_T
    if time == "t1":
        powers = [_POWERS.get(name, _OTHERS) for name in tissues]
    else:
        powers = [_T2_POWER if time == "t2" else _T2STAR_POWER for _ in tissues]
    return np.asarray(ratio ** np.asarray(powers), dtype=np.float32)
