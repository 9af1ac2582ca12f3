"""Write the question of a task: every limit of its spec, and every definition, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOTATION = (
    "Answer with the surfaces alone, one a line from the object side: radius thickness [glass] [stop]. "
    "Lengths in mm; radius positive where the centre of curvature lies behind the surface, inf for a plane; "
    "thickness to the next surface, the last to the image plane, or the word focus for the best common "
    "focus; glass is what lies behind the surface, air if left out; exactly one surface is marked stop, a "
    "plane if it stands alone. Give five significant digits."
)
SAG = (
    "Up to {} of the surfaces may be aspheric: [conic=K] [asphere=A1,A2,...] goes before [stop]. Sag "
    "c r^2/(1 + sqrt(1 - (1 + K) c^2 r^2)) + A1 r^2 + A2 r^4 + ..., c = 1/radius, in mm."
)


def question(spec: Mapping[str, Any]) -> str:
    """Write the prompt of a synthesis or completion task.

    Args:
        spec: The spec of the task, as JSON.
    """
    masked = spec["task"] == "completion"
    lines = ["Complete the lens below: replace each ?." if masked else "Design a lens.", *_limits(spec)]
    if masked:
        lines += ["The lens:", *(_line(row) for row in spec["given"]["surfaces"]), "Keep every given value."]
    bent = spec.get("aspheres", 0)
    return "\n".join([*lines, NOTATION, *([SAG.format(bent)] if bent else [])])


def _limits(spec: Mapping[str, Any]) -> list[str]:
    colors = spec["wavelengths_um"]
    fields = ", ".join(f"{angle:g}" for angle in spec["half_fields_deg"])
    low, high = spec["elements"]["min"], spec["elements"]["max"]
    count = f"{low}, each" if low == high else f"{low} to {high}, at least {low}"
    lines = [
        f"Object at infinity. EFL {spec['efl_mm']:g} mm ± {100 * spec['efl_rel_tol']:g} %, "
        f"f/{spec['fno']:g} (entrance pupil diameter = {spec['efl_mm']:g}/{spec['fno']:g} mm), "
        f"half fields {fields} deg, wavelengths {', '.join(f'{w:g}' for w in colors)} um "
        f"(EFL at {colors[spec['primary']]:g}).",
        f"Glass elements: {count} with power (a radius under 50 EFL, thicker than EFL/5000). Image in air, "
        "real, behind the last surface. Surfaces may not overlap, nor rays meet one at more than 0.95 of its "
        "radius.",
    ]
    if "glasses" in spec:
        lines.append(f"Glasses: {', '.join(spec['glasses'])}.")
    optional_lines = (
        ("max_total_track_mm", "First surface to image at most {:g} mm."),
        ("min_bfl_mm", "Last surface to paraxial focus at least {:g} mm."),
        (
            "min_edge_thickness_mm",
            "Edge of each glass at least {:g} mm, at 1.02 times the height of the rays.",
        ),
        ("min_air_gap_mm", "Air gaps at least {:g} mm, at the axis and at the edge."),
        ("max_distortion_pct", "Distortion of the chief ray at most {:g} % of EFL tan(field)."),
        (
            "max_rms_um",
            "RMS spot radius at most {:g} um: all wavelengths about their common centroid, equal weights, "
            "Gauss quadrature over the paraxial entrance pupil and the rays that arrive, quadratic mean over "
            "the fields.",
        ),
    )
    lines += [text.format(spec[name]) for name, text in optional_lines if name in spec]
    center = spec.get("center_thickness_mm")
    if center:
        words = [
            f"{word} {center[key]:g} mm"
            for key, word in (("min", "at least"), ("max", "at most"))
            if key in center
        ]
        lines.append(f"Centre of each glass {' and '.join(words)}.")
    valid = {"axis": 1.0, "full_field": 0.5, **spec.get("min_valid_ray_fraction", {})}
    lines.append(
        f"Share of the rays that must arrive: {valid['axis']:g} on axis, {valid['full_field']:g} off axis."
    )
    return lines


def _line(row: Mapping[str, Any]) -> str:
    radius = "inf" if row["radius"] is None else _number(row["radius"])
    conic, terms = row.get("conic", 0.0), row.get("asphere", [])
    words = [
        radius,
        _number(row["thickness"]),
        row.get("glass") or "",
        f"conic={_number(conic)}" if conic else "",
        "asphere=" + (terms if isinstance(terms, str) else ",".join(map(_number, terms))) if terms else "",
        "stop" if row.get("stop") else "",
    ]
    return " ".join(word for word in words if word)


def _number(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
