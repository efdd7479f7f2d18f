"""A run in use: images as they come, judged or embedded, and what of a run goes elsewhere."""
