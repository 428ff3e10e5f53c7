"""The worker process that hosts such as GIMP and napari talk to: ``python -m defocus.worker``.

It holds the analysis of one picture and answers requests with new parameters, so that sliders are quick;
being a process of its own, it can be killed at once and takes nothing with it. Nobody but the process that
started it can talk to it: requests and answers are lines on its standard input and output, pixels are raw
files in one private folder.

Protocol, version 1
-------------------
Every message is one line, a JSON object in UTF-8. The worker begins with ::

    {"event": "ready", "protocol": 1, "version": "0.1.0", "folder": "/tmp/defocus-k2j3"}

A request carries a number of the caller's choice (whole, 0 or more), its name and its arguments; while it is carried
out progress may be reported, and it ends in exactly one result or error with the same number ::

    {"id": 7, "request": "focus_mask", "parameters": {"softness": 5}}
    {"id": 7, "event": "progress", "fraction": 0.25, "stage": "cutting the mask"}
    {"id": 7, "event": "result", "result": {"file": "result-7.raw", "shape": [480, 640], "dtype": "float32"}}
    {"id": 7, "event": "error", "kind": "input", "message": "picture: 20 x 20 px is smaller than ..."}

An array travels as a file of bare values in the folder, row by row, in the machine's byte order, named by its
file name (never a path) with its shape and dtype. The caller's files are read when the request arrives and
deleted; result files are the caller's.

open
    ``file``, ``shape``, ``dtype``: pixels (H, W) or (H, W, 1 to 4); without them the held picture is
    analysed anew. ``parameters``: fields of AnalysisParameters. ``name``: what messages call the picture.
    ``bit_depth``: 8, 16 or 32, of what the pixels were made from, if that is not their own.
    Result: ``shape``, ``kind`` (what the picture was taken for), ``psf`` (the blur shape that was taken),
    ``noise_variance``, ``max_radius`` (px), ``threshold`` (px, what "auto" means), ``other_threshold`` (px, or null),
    ``known_share`` and ``saturated_share``, ``shape_doubt`` and ``kind_doubt``, as `defocus.session.RESULT_FACTS`
    tells. Finding the threshold takes as long as measuring: ``threshold``: false leaves it, the other one and both
    shares out.
blur_map
    ``parameters``: MapParameters; ``output``; ``maximum`` (px).
    Result: an array (H, W) in px, ``maximum``, and ``known_share``: the part of the pixels with evidence, as in all
    results but pictures.
focus_mask
    ``parameters``: MaskParameters; ``in_focus``, ``blurred``: files of H x W bytes, 0 or not, that bind the
    mask; ``invert``: bool; ``existing``: file of H x W float32, a mask to combine with, and ``combine``:
    "replace" (default), "intersect", "add" or "subtract"; ``limit``: file of H x W float32, where the mask
    may change, and ``outside``: what stands elsewhere if there is no existing mask; ``trimap``: px, within
    which of the boundary the mask becomes 0.5, for programs that find the edge themselves, and
    ``matte``: file of H x W float32, what they found, in place of the mask; ``rim``: "mask" (default) or "matte",
    which finds a soft edge by the picture's colours; ``contrast``: how many times as steep the soft edge becomes;
    ``shift``: px by which the edge is moved outwards, or inwards if they are negative; ``strokes``: what a brush
    marked, a list of {"kind": "in_focus" or "blurred", "radius": px, "points": [[x, y], ...]}, which binds the mask
    as the two files do and takes their place where both mark something, or of the kind "rim", where the edge is found
    anew by the picture's colours; ``colors``: true for the picture cut out by the mask, (H, W, 4), with the colours of
    the subject alone where its edge mixes them; ``output``. Result: an
    array (H, W) in [0, 1], ``threshold`` (px) and ``in_focus_share``, before it is combined.
confidence
    ``parameters``: MapParameters; ``output``. Result: an array (H, W) in [0, 1].
restore, magnify
    ``parameters``: RestorationParameters or MagnificationParameters; ``map_parameters``: MapParameters;
    ``alpha``: bool; ``output``. In place of the measured map one of the caller's: ``map``, a file of H x W values in
    [0, 1] (``map_dtype``: "float32", default, or "uint8", where 255 is 1) and ``map_white``, the radius in px of 1
    (default: the largest looked for); or ``map_path``, the path of a file with radii in px. ``subject``: file of
    H x W float32 in [0, 1], the matte of what magnify keeps, in place of the mask. Result: an array (H, W, 3),
    encoded as the picture was, with the picture's opacity as a fourth channel if asked for. Float pixels may lie
    outside [0, 1]: they are measured clipped, and as "float32" come back outside it, exactly as they were where
    nothing was changed.
preview
    ``of``: one of the five requests above, with its arguments, or "picture" for the picture itself;
    ``size``: [height, width] at most; ``crop``: [top, left, height, width] in px of the part to show, all unless
    given; ``view`` of a mask: "overlay" (default, with ``film``: RGB in [0, 1] and, if there is a fourth, opacity),
    "black", "white", "mask" or "layers", which gives the mask as a fourth channel, to be laid upon what there is below;
    given with "restore" or "magnify" it is of what these take for in focus.
    Result: an array (h, w, 3 or 4), uint8, that shows a person the result, and the numbers of that result. What
    was computed in full for it is kept for the same request itself; pictures that a preview shows much
    reduced are computed reduced.
probe
    ``x``, ``y``: a place in px; ``map_parameters``, or a map of the caller's as for restore. Result: ``radius`` (px),
    the blur map's value there.
describe
    Result: ``version``, ``protocol``, ``requests`` (what this version can do) and ``parameters``: for
    "analysis", "map", "mask", "restoration" and "magnification" the controls of that parameter class.
stay
    ``seconds``: wait that long for another caller once this one's end of the standard input is closed, and
    ``held``: JSON that the next one gets. Result: {}. It waits with what it holds, at a Unix socket, ``again``, in the
    private folder; who connects is greeted with ``held`` in the ready message, and goes on as the first did. Any
    request after this one revokes it. Where there are no such sockets (Windows) the worker ends as ever.
close
    Result: {}; then the worker ends.

An array in a result is ``file``, ``shape`` and ``dtype``. `output` is "float32" (default), "uint8" or
"uint16": integers hold values in [0, 1] times 255 or 65535, rounded to nearest. A blur map is in px as
"float32" and divided by its `maximum` (default: the largest radius looked for) otherwise; it can also be had
as "unit", float32 in [0, 1], and as "color", uint8 (H, W, 3).

Kinds of error: "input" (picture or parameter), "request" (malformed, unknown, or nothing opened yet),
"unavailable" (this version cannot do it), "memory", "disk", "internal" (a fault in the suite; the standard
error has the details). After an error the worker lives on with what it held.

There is no request to cancel: kill the process. At the end of its standard input the worker stops in the
middle of whatever it does and removes the folder, so that nothing stays behind if the host is killed; at SIGTERM,
SIGHUP and SIGINT it does the same. A folder that it is given (``--folder``) may hold nothing but ``worker.log``.
"""

from __future__ import annotations

__all__ = ["client", "wire"]
