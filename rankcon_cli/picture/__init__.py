"""Pictures of rankings: an order of the classes that shows blocks, heat maps and graphs, as SVG, PNG, HTML and text."""
