"""View: which part of a picture is seen in a frame on the screen. Plain arithmetic, without GIMP or GTK."""

from __future__ import annotations

LARGEST = 16.0  # screen px for one of the picture
STEP = 1.5  # of one turn of the wheel


class View:
    """A part of a picture in a frame: all of it, until somebody zooms.

    Attributes
    ----------
    picture, frame : tuple of int
        Width and height, in px of the picture and of the screen.
    left, top : float
        Corner of what is seen, in px of the picture.
    """

    def __init__(self, picture: tuple[int, int], frame: tuple[int, int]) -> None:
        self.picture, self.frame = picture, frame
        self.left = self.top = 0.0
        self._scale: float | None = None  # None fits the picture into the frame, whatever its size

    @property
    def _fitting(self) -> float:
        return min(frame / picture for frame, picture in zip(self.frame, self.picture, strict=True))

    @property
    def scale(self) -> float:
        """Screen px for one of the picture."""
        return self._fitting if self._scale is None else self._scale

    @property
    def fits(self) -> bool:
        """Whether all of the picture is seen."""
        return self._scale is None

    @property
    def crop(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of what is seen, in px of the picture."""
        width, height = (
            min(float(size), frame / self.scale) for size, frame in zip(self.picture, self.frame, strict=True)
        )
        return self.left, self.top, width, height

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height of that on the screen, in px; it lies in the middle of the frame."""
        _left, _top, width, height = self.crop
        return max(1, round(width * self.scale)), max(1, round(height * self.scale))

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return what of the picture lies at a place of the frame, in px."""
        across, down = ((frame - shown) / 2 for frame, shown in zip(self.frame, self.shown, strict=True))
        return self.left + (x - across) / self.scale, self.top + (y - down) / self.scale

    def holds(self, place: tuple[float, float]) -> bool:
        """Return whether a place lies within the picture."""
        return 0 <= place[0] < self.picture[0] and 0 <= place[1] < self.picture[1]

    def resize(self, frame: tuple[int, int]) -> None:
        """Take a frame of another size."""
        self.frame = frame
        self.zoom(1.0)

    def fit(self) -> None:
        """See all of the picture."""
        self._scale, self.left, self.top = None, 0.0, 0.0

    def zoom(self, factor: float, at: tuple[float, float] | None = None) -> None:
        """Zoom by a factor, so that what lies at a place of the frame, or in its middle, stays there."""
        if self._scale is None and factor <= 1:
            return
        x, y = (self.frame[0] / 2, self.frame[1] / 2) if at is None else at
        before = self.place(x, y)
        scale = min(self.scale * factor, max(LARGEST, self._fitting))
        if scale <= self._fitting:
            self.fit()
            return
        self._scale = scale
        after = self.place(x, y)
        self._go(self.left + before[0] - after[0], self.top + before[1] - after[1])

    def natural(self) -> None:
        """See one px of the picture as one of the screen, or all of it if that is smaller than the frame."""
        self.zoom(1 / self.scale)

    def pan(self, right: float, down: float) -> None:
        """Move the picture in the frame by px of the screen."""
        self._go(self.left - right / self.scale, self.top - down / self.scale)

    def _go(self, left: float, top: float) -> None:
        _left, _top, width, height = self.crop
        self.left = min(max(left, 0.0), self.picture[0] - width)
        self.top = min(max(top, 0.0), self.picture[1] - height)
