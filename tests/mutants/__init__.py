"""Deliberate faults in every room of the estimate, and whether the fast tests of that room catch them."""
