"""Files in, files out: readers and writers behind one geometry gate."""

from voxlate.io.atomic import check_writable, remove_stale, replacing, write_bytes, write_text
from voxlate.io.canonical import is_among, voxel_digest
from voxlate.io.lock import hold
from voxlate.io.paths import is_picture_path, is_volume_path, volume_stem
from voxlate.io.provenance import DrawRecord, FileRecord, ModelRecord, Provenance, read_provenance, sidecar_path
from voxlate.io.reading import file_digest, read_grid, read_maker, read_volume
from voxlate.io.writing import write_series, write_volume

__all__ = [
    "DrawRecord",
    "FileRecord",
    "ModelRecord",
    "Provenance",
    "check_writable",
    "file_digest",
    "hold",
    "is_among",
    "is_picture_path",
    "is_volume_path",
    "read_grid",
    "read_maker",
    "read_provenance",
    "read_volume",
    "remove_stale",
    "replacing",
    "sidecar_path",
    "volume_stem",
    "voxel_digest",
    "write_bytes",
    "write_series",
    "write_text",
    "write_volume",
]
