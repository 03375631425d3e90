"""Credible sets: a kind of set says what, ``of(draws, level)`` makes it from a posterior."""

from ._fields import Ball, Band, SupBall
from ._functionals import Ellipsoid, Interval
from ._region import Kind, Region

__all__ = ["Ball", "Band", "Ellipsoid", "Interval", "Kind", "Region", "SupBall"]
