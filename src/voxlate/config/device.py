"""Where and by what a user wants tensors to be computed: environment variables, since no result follows from them.

But for the precision: what was computed in bfloat16 says so in its sidecar.
"""

from __future__ import annotations

DEVICE = "VOXLATE_DEVICE"
"""Names the environment variable that decides where is computed: ``cpu``, ``cuda`` or ``cuda:1``."""
RUNTIME = "VOXLATE_RUNTIME"
"""Names the one that decides what translates on a processor: ``torch``, ``openvino``, ``onnx`` or ``auto``."""
PRECISION = "VOXLATE_PRECISION"
"""Names the one that decides in which precision a processor translates: ``fp32``, the default, or ``bf16``."""
