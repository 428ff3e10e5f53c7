"""napari plugin: blur maps and in-focus masks as layers."""
