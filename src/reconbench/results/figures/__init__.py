"""Kinds of figures: one file a kind, with its Params and `draw(spec, data) -> (figure, rows of the csv)`."""
