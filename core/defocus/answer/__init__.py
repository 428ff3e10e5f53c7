"""Answer: what is known of each sample's radius, from physics and from what was learned; all else is a reading of it.

`answer.Answer` holds it. Map, mask at any threshold, the automatic threshold and its reason, confidence and what is
known are its methods. `features` tells the learned prior (`network`, fitted by ``python -m benchmarks.fit_prior``) what
every sample's windows and texture (`texture`) show; `radii` draws the coherent radii from the evidence and that prior;
`threshold` says which radius parts the picture as the prior does; `confidence` how sure a radius is; `boundary` carries
a cut to full size and `matte` softens its edge.
"""

from __future__ import annotations

from defocus.answer.answer import Answer

__all__ = ["Answer"]
