"""Pictures of a lens (layout, spot diagrams, ray fans) as SVG or PNG."""
