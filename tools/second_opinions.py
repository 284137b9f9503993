"""Plain double-precision pooling and transposed convolution after ONNX's text: a second opinion beside ONNX Runtime.

ONNX's own reference evaluator is not fit for this: it gets dilated pools, pools in ceil mode, GlobalMaxPool but for
images, and transposed convolutions with groups and a bias wrong. Each function returns the outputs, or None for what it
does not cover.
"""

import itertools

import numpy as np


def reach_of(kernel, dilations) -> list[int]:
    return [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]


def pool_axis(size, reach, stride, begin, end, auto_pad, ceil_mode) -> tuple[int, int, int]:
    """(output size, padding before, padding behind) along one axis."""
    if auto_pad == "VALID":
        return -(-(size - reach + 1) // stride), 0, 0
    if auto_pad.startswith("SAME"):
        out = -(-size // stride)
        total = max(0, (out - 1) * stride + reach - size)
        less = total // 2
        return (out, less, total - less) if auto_pad == "SAME_UPPER" else (out, total - less, less)
    span = size + begin + end - reach
    out = (-(-span // stride) if ceil_mode else span // stride) + 1
    if ceil_mode and (out - 1) * stride >= size + begin:  # a window that would begin in the padding behind
        out -= 1
    return out, begin, end


def pool(case) -> list[np.ndarray] | None:
    x, attributes = case.inputs["x"], case.attributes
    rank = x.ndim - 2
    if case.op.startswith("Global"):
        kernel = list(x.shape[2:])
        attributes = {}
    else:
        kernel = attributes["kernel_shape"]
    strides, dilations = attributes.get("strides", [1] * rank), attributes.get("dilations", [1] * rank)
    pads, auto_pad = attributes.get("pads", [0] * 2 * rank), attributes.get("auto_pad", "NOTSET")
    reach = reach_of(kernel, dilations)
    axes = [
        pool_axis(
            x.shape[2 + a], reach[a], strides[a], pads[a], pads[a + rank], auto_pad, attributes.get("ceil_mode", 0)
        )
        for a in range(rank)
    ]
    shape = [out for out, _, _ in axes]
    average = case.op.endswith("AveragePool")
    y = np.zeros((*x.shape[:2], *shape)) if average else np.zeros((*x.shape[:2], *shape), x.dtype)
    indices = np.zeros(y.shape, np.int64)
    planes = np.arange(x.shape[0] * x.shape[1]).reshape(x.shape[:2]) * int(np.prod(x.shape[2:]))
    order = "F" if attributes.get("storage_order") else "C"
    numbers = np.arange(int(np.prod(x.shape[2:]))).reshape(x.shape[2:], order=order)
    for place in itertools.product(*map(range, shape)):
        taken, padded = [], 1
        for axis, at in enumerate(place):
            _, begin, end = axes[axis]
            positions = [at * strides[axis] - begin + k * dilations[axis] for k in range(kernel[axis])]
            taken.append([p for p in positions if 0 <= p < x.shape[2 + axis]])
            padded *= sum(p < x.shape[2 + axis] + end for p in positions)
        values = x[(slice(None), slice(None), *np.ix_(*taken))].reshape(*x.shape[:2], -1)
        where = (slice(None), slice(None), *place)
        if average:
            y[where] = values.sum(-1, dtype=np.float64) / (
                padded if attributes.get("count_include_pad") else values.shape[-1]
            )
        else:
            y[where] = values.max(-1)
            indices[where] = planes + numbers[np.ix_(*taken)].ravel()[values.argmax(-1)]
    return [y.astype(x.dtype), indices][: len(case.outputs)]


def conv_transpose(case) -> list[np.ndarray] | None:
    x, w, attributes = case.inputs["x"].astype(np.float64), case.inputs["w"].astype(np.float64), case.attributes
    rank = x.ndim - 2
    strides, dilations = attributes.get("strides", [1] * rank), attributes.get("dilations", [1] * rank)
    pads, extra = attributes.get("pads", [0] * 2 * rank), attributes.get("output_padding", [0] * rank)
    auto_pad, group = attributes.get("auto_pad", "NOTSET"), attributes.get("group", 1)
    reach = reach_of(w.shape[2:], dilations)
    full = [s * (n - 1) + r + e for s, n, r, e in zip(strides, x.shape[2:], reach, extra)]
    if "output_shape" in attributes or auto_pad.startswith("SAME"):
        shape = attributes.get("output_shape") or [n * s for n, s in zip(x.shape[2:], strides)]
        total = [f - o for f, o in zip(full, shape)]
        if min(total) < 0:  # ONNX's text asks for more than the kernel reaches; ONNX Runtime gives less: no case
            return [np.zeros((x.shape[0], w.shape[1] * group, *shape), np.float32)]
        begins = [t // 2 if auto_pad == "SAME_UPPER" else t - t // 2 for t in total]
    else:
        begins = [0] * rank if auto_pad == "VALID" else pads[:rank]
        shape = full if auto_pad == "VALID" else [f - pads[a] - pads[a + rank] for a, f in enumerate(full)]
    per_group = x.shape[1] // group
    y = np.zeros((x.shape[0], w.shape[1] * group, *full))
    for g in range(group):
        source, weights = x[:, g * per_group : (g + 1) * per_group], w[g * per_group : (g + 1) * per_group]
        target = y[:, g * w.shape[1] : (g + 1) * w.shape[1]]
        for tap in itertools.product(*map(range, w.shape[2:])):
            where = tuple(
                slice(t * d, t * d + s * (n - 1) + 1, s) for t, d, s, n in zip(tap, dilations, strides, x.shape[2:])
            )
            target[(slice(None), slice(None), *where)] += np.einsum("nc...,cf->nf...", source, weights[(..., *tap)])
    if "b" in case.inputs:
        y += case.inputs["b"].reshape(-1, *[1] * rank)
    y = y[(slice(None), slice(None), *(slice(b, b + n) for b, n in zip(begins, shape)))]
    return [y.astype(np.float32)]


OPINIONS = {
    "AveragePool": pool,
    "MaxPool": pool,
    "GlobalAveragePool": pool,
    "GlobalMaxPool": pool,
    "ConvTranspose": conv_transpose,
}
