"""Rankings from what exists: trees, graphs, tables, similarities. Free of torch."""
