"""Plugins: networks, losses, methods and metrics of a user's own, from a module that lists them as the catalogues do.

A plugin is a Python file or an importable module with one or more of the dictionaries ``NETWORKS``, ``DISCRIMINATORS``,
``LOSSES``, ``METHODS`` and ``METRICS``, each from a name to what the catalogue of that name in Voxlate holds. A user
names it: ``load_plugin("my_nets.py")``, ``--plugin my_nets.py``, or the environment variable ``VOXLATE_PLUGINS``. A
package that is installed can offer single entries instead, by entry points in groups that are called as the catalogues
are: ``networks``, ``discriminators``, ``losses``, ``methods`` and ``metrics``, each behind ``voxlate.``.

No code is run that nobody has named. A run records which plugins it needs, and they are loaded again from where they
were if they are as they were and this user has named them before. A bundle only tells what it needs.
"""

from voxlate.plugins.kept import needed_by, recall, record
from voxlate.plugins.loading import Plugin, digests, load_named, load_plugin

__all__ = ["Plugin", "digests", "load_named", "load_plugin", "needed_by", "recall", "record"]
