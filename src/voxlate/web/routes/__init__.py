"""The typed API under ``/api/v1``, which the page uses as any program may: a module for each kind of thing."""
