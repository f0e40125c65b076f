"""Where and by what a user wants tensors to be computed: environment variables, since no result follows from them."""

from __future__ import annotations

DEVICE = "VOXLATE_DEVICE"
"""Names the environment variable that decides where is computed: ``cpu``, ``cuda`` or ``cuda:1``."""
RUNTIME = "VOXLATE_RUNTIME"
"""Names the one that decides what translates on a processor: ``torch``, ``openvino`` or, by default, ``auto``."""
