"""optiland's own sample lenses, and the same lenses for our tracer; needs `pip install optiland==0.6.3`."""

from __future__ import annotations

import importlib.util
import math
import sys
import warnings
from collections.abc import Callable
from pathlib import PurePath
from types import ModuleType
from typing import Any

from verirl_optics.raytrace.glass import TabulatedMedium
from verirl_optics.raytrace.prescription import Aperture, Prescription, Surface

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
        medium = None if all(n == 1.0 for _, n in behind) else TabulatedMedium(f"{name} {s}", behind)
        radius = radii[s] if math.isfinite(radii[s]) else math.inf
        surfaces.append(
            Surface(radius, places[s + 1] - places[s], medium, stop=s == lens.surfaces.stop_index)
        )
    fields = tuple(float(field.y) for field in lens.fields.fields)
    epd = Aperture("epd", float(lens.paraxial.EPD()))
    return Prescription(tuple(surfaces), epd, fields, wavelengths, primary, name)


def blank() -> Any:
    """An optic of optiland's without surfaces."""
    return _import("optiland.optic").Optic()


def material(index: Callable[[float], float]) -> Any:
    """A material of optiland's whose index at a wavelength in µm is `index` of it."""
    base = _import("optiland.materials.base").BaseMaterial

    class Listed(base):  # type: ignore[misc, valid-type]
        def _calculate_n(self, wavelength: Any, **_: Any) -> Any:
            import numpy as np

            waves = np.asarray(wavelength, dtype=float)
            return np.full(waves.shape, index(float(waves.flat[0])))

        def _calculate_k(self, wavelength: Any, **_: Any) -> float:
            return 0.0

    return Listed()


def catalogue_glass(name: str, vendor: str) -> Callable[[float], float] | None:
    """The index by wavelength of a maker's glass in optiland's own database; None where it has none."""
    try:
        found = _import("optiland.materials").Material(name, vendor)
    except ValueError:
        return None
    # Names are matched by likeness: SF10 may turn out to be N-SF10.
    if PurePath(found.filename).stem != name:
        return None
    return lambda wave: float(found.n(wave).item())


def seidel_sums(optic: Any) -> list[float]:
    """S1 to S5 of the whole lens, mm."""
    return [float(value) for value in _import("optiland.aberrations").Aberrations(optic).seidels()]


def field_curvature(optic: Any, wavelength: float) -> tuple[float, float]:
    """Tangential and sagittal focus of the widest field from the image plane, mm."""
    kind = _import("optiland.analysis").FieldCurvature
    [[along, across]] = kind(optic, wavelengths=[wavelength], num_points=2).data
    return float(along[-1]), float(across[-1])


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
