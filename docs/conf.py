"""Sphinx configuration: MyST pages, the furo theme, tables made from the code, nothing from a network."""

import sys
from pathlib import Path

from voxlate import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "Voxlate"
author = "The Voxlate authors"
copyright = "The Voxlate authors, Apache-2.0"  # noqa: A001  Sphinx asks for this name
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "tables"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
napoleon_numpy_docstring = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
toc_object_entries = False

html_theme = "furo"
html_title = f"Voxlate {__version__}"
html_copy_source = False
