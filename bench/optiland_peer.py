"""optiland's own sample lenses, and the same lenses for our tracer; needs `pip install optiland==0.6.3`."""

from __future__ import annotations

import importlib.util
import math
import sys
import warnings
from types import ModuleType
from typing import Any

from verirl_optics.glass import Tabled
from verirl_optics.prescription import Aperture, Prescription, Surface

SAMPLES = {
    "singlet": ("simple", "SingletStopSurf2"),
    "Cooke triplet": ("objectives", "CookeTriplet"),
    "double Gauss": ("objectives", "DoubleGauss"),
}


def installed() -> bool:
    """Whether optiland can be imported."""
    return importlib.util.find_spec("optiland") is not None


def sample(name: str) -> Any:
    """optiland's lens `name`, on its numpy backend, with three fields and three wavelengths."""
    module, kind = SAMPLES[name]
    lens = getattr(_import(f"optiland.samples.{module}"), kind)()
    if len(lens.fields.fields) != 3:
        lens.fields.fields.clear()
        for angle in (0.0, 3.5, 5.0):
            lens.fields.add(y=angle)
    if len(lens.wavelengths.wavelengths) != 3:
        lens.wavelengths.wavelengths.clear()
        for value in (0.4861327, 0.5875618, 0.6562725):
            lens.wavelengths.add(value=value, is_primary=value == 0.5875618)
    return lens


def converted(lens: Any, name: str) -> Prescription:
    """The same lens, by its radii, distances and indices."""
    wavelengths = tuple(float(wave.value) for wave in lens.wavelengths.wavelengths)
    primary = next(i for i, wave in enumerate(lens.wavelengths.wavelengths) if wave.is_primary)
    radii = [float(value) for value in lens.surfaces.radii]
    places = [float(value) for value in lens.surfaces.positions.ravel()]
    indices = [[float(n) for n in lens.surfaces.n(wave)] for wave in wavelengths]
    surfaces = []
    for s in range(1, len(radii) - 1):
        behind = tuple((wave, row[s]) for wave, row in zip(wavelengths, indices, strict=True))
        medium = None if all(n == 1.0 for _, n in behind) else Tabled(f"{name} {s}", behind)
        radius = radii[s] if math.isfinite(radii[s]) else math.inf
        surfaces.append(
            Surface(radius, places[s + 1] - places[s], medium, stop=s == lens.surfaces.stop_index)
        )
    fields = tuple(float(field.y) for field in lens.fields.fields)
    epd = Aperture("epd", float(lens.paraxial.EPD()))
    return Prescription(tuple(surfaces), epd, fields, wavelengths, primary, name)


def _import(name: str) -> ModuleType:
    # optiland's viewers import vtk (566 MB) when optiland is imported; nothing here draws with it.
    if "vtk" not in sys.modules and importlib.util.find_spec("vtk") is None:
        for part in ("vtk", "vtk.util", "vtk.util.numpy_support"):
            empty = ModuleType(part)
            empty.__path__ = []
            sys.modules[part] = empty
        for missing in ("numpy_to_vtk", "numpy_to_vtkIdTypeArray"):
            setattr(sys.modules["vtk.util.numpy_support"], missing, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)
