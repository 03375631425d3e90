"""Credible sets: a kind of set says what, ``of(draws, level)`` makes it from a posterior."""

from ._ellipsoid import Ellipsoid
from ._ellipsoid import EllipsoidRegion as EllipsoidRegion
from ._fields import Ball, Band, SupBall
from ._fields import BandRegion as BandRegion
from ._interval import Interval
from ._interval import IntervalRegion as IntervalRegion
from ._region import Kind, Region

__all__ = ["Ball", "Band", "Ellipsoid", "Interval", "Kind", "Region", "SupBall"]
