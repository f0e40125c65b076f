"""What a user would otherwise write: read by nibabel, every slice of the whole grid by an eager network, save.

    python benchmarks/speed/usual_translation.py MODEL SCAN OUT

The network is that of a bundle, so that both commands compute the same. MONAI is imported, as such scripts do.
"""

from __future__ import annotations

import sys
from pathlib import Path

import monai  # noqa: F401
import nibabel
import numpy as np
import torch

from voxlate.bundle.bundle import read_bundle
from voxlate.inference.eager import load_method


def main() -> None:
    """Translates a scan."""
    model, scan, out = sys.argv[1:]
    network = load_method(read_bundle(Path(model))).eval()
    image = nibabel.load(scan)
    grey = image.get_fdata(dtype=np.float32)
    low, high = map(float, np.percentile(grey[grey > 0], [1, 99]))
    grey = (grey - low) / (high - low)
    result = np.empty_like(grey)
    with torch.no_grad():
        for k in range(grey.shape[2]):
            result[:, :, k] = network(torch.from_numpy(grey[None, None, :, :, k].copy()))[0, 0].numpy()
    nibabel.save(nibabel.Nifti1Image(result, image.affine), out)


if __name__ == "__main__":
    main()
