"""Evidence: how well every blur radius explains the surroundings of every sample (equations 3 to 13).

One verb, `measured_evidence`. It compares the windows of each octave of the stretched picture (`octaves`, `windows`)
with tables of blur spectra (`spectrum`) by their likelihood (`likelihood`), at radii that `radii` lays out, under a
noise that `noise` measures, where `validity` finds pixels that carry evidence; `fluorescence` knows what shines.
"""

from __future__ import annotations

from defocus.evidence.measured import measured_evidence
from defocus.evidence.octaves import Evidence, local_evidence

__all__ = ["Evidence", "local_evidence", "measured_evidence"]
