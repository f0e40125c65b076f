"""Tests of the package io."""  # noqa: A005
