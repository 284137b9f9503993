"""Random single-node models of the operators whose fast kernels have edges: one generator an operator.

Each generator takes a `Draw` (seeded) and returns a `Case`, whose attributes need not be valid together: the caller
asks ONNX Runtime and draws again. Sizes are small but lie around the widths of vectors and blocks (15, 16, 17, 33,
...).
"""

import random
from dataclasses import dataclass, field

import numpy as np

EPSILON = float(np.finfo(np.float32).eps)
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 24, 31, 32, 33, 48, 64)
WIDTHS = (1, 2, 3, 5, 7, 8, 13, 15, 16, 17, 24, 31, 32, 33, 47, 64, 65, 100)


@dataclass
class Case:
    op: str
    opset: int
    inputs: dict[str, np.ndarray]  # in the node's order; None for one that is left out
    attributes: dict = field(default_factory=dict)
    outputs: tuple[str, ...] = ("y",)
    constants: tuple[str, ...] = ()  # inputs that become initializers
    products: bool = False  # sums of products: the tolerance follows from the same node run on absolute values
    relative: float = 0.0  # tolerance relative to each value
    absolute: float = 0.0  # tolerance relative to the largest input
    exact: object = (
        None  # a function (case, run) that computes the outputs exactly; None if a rounding is too close to call
    )

    def __post_init__(self):
        self.inputs = {name: None if value is None else np.asarray(value) for name, value in self.inputs.items()}


class Draw(random.Random):
    def normal(self, *shape) -> np.ndarray:
        return self.numpy().standard_normal(shape).astype(np.float32)

    def integers(self, dtype, *shape) -> np.ndarray:
        info = np.iinfo(dtype)
        return self.numpy().integers(info.min, info.max, size=shape, endpoint=True).astype(dtype)

    def scale(self, *shape) -> np.ndarray:
        return np.exp(self.numpy().uniform(-6, 0, shape)).astype(np.float32)

    def numpy(self):
        return np.random.default_rng(self.getrandbits(64))

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def maybe_constant(self, *names: str) -> tuple[str, ...]:
        return names if self.chance(0.8) else ()


def window(draw: Draw, rank: int, *, dilated=True, auto_pads=True, largest_pad=None) -> tuple[dict, list[int]]:
    """Attributes of a convolution or pool window, and the smallest input that it fits on."""
    kernel = [draw.choice((1, 2, 3, 3, 3, 4, 5, 7) if rank < 3 else (1, 2, 3)) for _ in range(rank)]
    attributes = {"kernel_shape": kernel}
    if draw.chance(0.7):
        attributes["strides"] = [draw.choice((1, 1, 2, 2, 3, 4)) for _ in range(rank)]
    if dilated and draw.chance(0.3):
        attributes["dilations"] = [draw.choice((1, 2, 3)) for _ in range(rank)]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, attributes.get("dilations", [1] * rank))]
    if auto_pads and draw.chance(0.25):
        attributes["auto_pad"] = draw.choice(("SAME_UPPER", "SAME_LOWER", "VALID"))
    elif draw.chance(0.7):
        most = [min(r - 1 if largest_pad is None else largest_pad(k), 4) for r, k in zip(reach, kernel)]
        begins = [draw.randint(0, m) for m in most]
        attributes["pads"] = begins + (begins if draw.chance(0.5) else [draw.randint(0, m) for m in most])
    return attributes, reach


def spatial(draw: Draw, reach: list[int], most: int = 24) -> list[int]:
    return [draw.randint(r, max(r + 1, most if len(reach) < 3 else most // 3)) for r in reach]


def groups_and_channels(draw: Draw) -> tuple[int, int, int]:
    """Groups, input channels, output channels: dense, grouped, or one group a channel."""
    kind = draw.random()
    if kind < 0.5:
        return 1, draw.choice(CHANNELS), draw.choice(CHANNELS)
    if kind < 0.75:
        group = draw.choice((2, 3, 4, 8))
        return group, group * draw.choice((1, 2, 3, 4, 8, 16)), group * draw.choice((1, 2, 3, 4, 8, 16))
    channels = draw.choice(CHANNELS)
    return channels, channels, channels * draw.choice((1, 1, 1, 2))


def conv(draw: Draw) -> Case:
    attributes, reach = window(draw, draw.choice((1, 2, 2, 2, 2, 3)))
    group, channels, filters = groups_and_channels(draw)
    x = draw.normal(draw.choice((1, 1, 2, 3)), channels, *spatial(draw, reach))
    inputs = {"x": x, "w": draw.normal(filters, channels // group, *attributes["kernel_shape"])}
    if draw.chance(0.7):
        inputs["b"] = draw.normal(filters)
    if group > 1 or draw.chance(0.2):
        attributes["group"] = group
    if draw.chance(0.2):
        del attributes["kernel_shape"]
    return Case(
        "Conv",
        draw.choice((7, 11, 13, 17, 20, 22)),
        inputs,
        attributes,
        constants=draw.maybe_constant("w", "b"),
        products=True,
    )


def conv_transpose(draw: Draw) -> Case:
    rank = draw.choice((1, 2, 2, 2, 3))
    attributes, reach = window(draw, rank)
    group, channels, filters = groups_and_channels(draw)
    size = spatial(draw, [1] * rank, 12)
    inputs = {
        "x": draw.normal(draw.choice((1, 2)), channels, *size),
        "w": draw.normal(channels, filters // group, *attributes["kernel_shape"]),
    }
    if draw.chance(0.6):
        inputs["b"] = draw.normal(filters)
    strides = attributes.get("strides", [1] * rank)
    dilations = attributes.get("dilations", [1] * rank)
    if draw.chance(0.3):
        attributes["output_padding"] = [draw.randint(0, max(s, d) - 1) for s, d in zip(strides, dilations)]
    if draw.chance(0.2):
        attributes["output_shape"] = [
            s * (n - 1) + r - draw.randint(0, min(3, r - 1)) for s, n, r in zip(strides, size, reach)
        ]
        attributes.pop("pads", None)
    if group > 1:
        attributes["group"] = group
    return Case(
        "ConvTranspose",
        draw.choice((11, 13, 17, 22)),
        inputs,
        attributes,
        constants=draw.maybe_constant("w", "b"),
        products=True,
    )


def average_pool(draw: Draw) -> Case:
    opset = draw.choice((7, 10, 11, 13, 17, 19, 22))
    attributes, reach = window(
        draw, draw.choice((1, 2, 2, 2, 3)), dilated=opset >= 19, largest_pad=lambda kernel: kernel - 1
    )
    if opset >= 10 and draw.chance(0.4):
        attributes["ceil_mode"] = 1
    if draw.chance(0.5):
        attributes["count_include_pad"] = draw.choice((0, 1))
    x = draw.normal(draw.choice((1, 2)), draw.choice(CHANNELS), *spatial(draw, reach))
    return Case("AveragePool", opset, {"x": x}, attributes, products=True)


def max_pool(draw: Draw) -> Case:
    opset = draw.choice((8, 10, 11, 12, 13, 17, 22))
    attributes, reach = window(
        draw, draw.choice((1, 2, 2, 2, 3)), dilated=opset >= 10, largest_pad=lambda kernel: kernel - 1
    )
    if opset >= 10 and draw.chance(0.4):
        attributes["ceil_mode"] = 1
    shape = draw.choice((1, 2)), draw.choice(CHANNELS), *spatial(draw, reach)
    x = draw.normal(*shape)
    if opset >= 12 and draw.chance(0.25):
        x = draw.integers(draw.choice((np.uint8, np.int8)), *shape)
    outputs = ("y", "indices") if x.dtype == np.float32 and draw.chance(0.3) else ("y",)
    if len(outputs) == 2 and draw.chance(0.3):
        attributes["storage_order"] = 1
    return Case("MaxPool", opset, {"x": x}, attributes, outputs)


def global_pool(draw: Draw) -> Case:
    op = draw.choice(("GlobalAveragePool", "GlobalMaxPool"))
    x = draw.normal(draw.choice((1, 2, 3)), draw.choice(CHANNELS), *spatial(draw, [1] * draw.choice((1, 2, 2, 3))))
    return Case(op, draw.choice((7, 13, 22)), {"x": x}, products=op == "GlobalAveragePool")


def matrix_shapes(draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes that MatMul accepts: vectors, matrices, stacks that broadcast."""
    m, k, n = draw.choice(WIDTHS), draw.choice((*WIDTHS, 256, 577)), draw.choice(WIDTHS)
    stack = [draw.choice((1, 2, 3)) for _ in range(draw.choice((0, 0, 1, 1, 2, 3)))]
    left = [1 if draw.chance(0.2) else s for s in stack][draw.choice((0, 0, min(1, len(stack)))) :]
    right = [] if draw.chance(0.4) else [1 if draw.chance(0.2) else s for s in stack]
    a, b = (*left, m, k), (*right, k, n)
    if draw.chance(0.08):
        a = (k,)
    if draw.chance(0.08):
        b = (k,)
    return a, b


def matmul(draw: Draw) -> Case:
    a, b = matrix_shapes(draw)
    dtype = draw.choice((np.float32,) * 6 + (np.float64, np.int32, np.int64))
    if np.issubdtype(dtype, np.integer):
        inputs = {"a": draw.integers(np.int8, *a).astype(dtype), "b": draw.integers(np.int8, *b).astype(dtype)}
    else:
        inputs = {"a": draw.normal(*a).astype(dtype), "b": draw.normal(*b).astype(dtype)}
    return Case(
        "MatMul",
        draw.choice((9, 13, 17, 22)),
        inputs,
        constants=draw.choice(((), ("b",), ("b",), ("a",))),
        products=not np.issubdtype(dtype, np.integer),
    )


def gemm(draw: Draw) -> Case:
    m, k, n = draw.choice(WIDTHS), draw.choice((*WIDTHS, 256, 577)), draw.choice(WIDTHS)
    attributes = {name: 1 for name in ("transA", "transB") if draw.chance(0.5)}
    for name in ("alpha", "beta"):
        if draw.chance(0.3):
            attributes[name] = draw.choice((0.5, 2.0, -1.0, 0.25))
    dtype = draw.choice((np.float32,) * 5 + (np.float64,))
    inputs = {
        "a": draw.normal(*((k, m) if "transA" in attributes else (m, k))).astype(dtype),
        "b": draw.normal(*((n, k) if "transB" in attributes else (k, n))).astype(dtype),
    }
    shape = draw.choice((None, (), (1,), (n,), (1, n), (m, 1), (1, 1), (m, n)))
    if shape is not None:
        inputs["c"] = draw.normal(*shape).astype(dtype)
    return Case(
        "Gemm", draw.choice((9, 11, 13, 22)), inputs, attributes, constants=draw.maybe_constant("b", "c"), products=True
    )


def resize(draw: Draw) -> Case:
    opset = draw.choice((11, 13, 18, 18, 19, 19, 22))
    mode = draw.choice(("nearest", "linear", "cubic"))
    attributes = {"mode": mode}
    transforms = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize"]
    transforms += ["half_pixel_symmetric"] * (opset >= 19) + ["tf_half_pixel_for_nn"] * (opset < 18)
    if draw.chance(0.85):
        attributes["coordinate_transformation_mode"] = draw.choice(transforms)
    rank = draw.choice({"nearest": (1, 2, 3, 4, 4, 5), "linear": (3, 4, 4, 4, 5), "cubic": (4,)}[mode])
    resized = min(
        rank, draw.choice({"nearest": (1, 2, 2, 3), "linear": (1, 2, 2, 3 if rank > 4 else 2), "cubic": (2,)}[mode])
    )
    shape = [draw.choice((1, 2, 3, 5)) for _ in range(rank - resized)]
    shape += [draw.randint(1, 24 if resized < 3 else 9) for _ in range(resized)]
    x = draw.normal(*shape)
    if draw.chance(0.15):
        x = draw.integers(draw.choice((np.uint8, np.int8)), *shape) if mode != "cubic" else x
    if mode == "nearest" and draw.chance(0.85):
        attributes["nearest_mode"] = draw.choice(("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"))
    if mode == "cubic":
        if draw.chance(0.4):
            attributes["cubic_coeff_a"] = draw.choice((-0.5, -0.75, -0.6))
        if draw.chance(0.3):
            attributes["exclude_outside"] = 1
    if opset >= 18 and mode != "nearest" and draw.chance(0.35):
        attributes["antialias"] = 1
    with_axes = opset >= 18 and draw.chance(0.4)
    axes = list(range(rank - resized, rank)) if with_axes else list(range(rank))
    factors = [1.0] * (rank - resized) + [
        draw.choice((0.25, 0.5, 0.6, 0.75, 1.0, 1.5, 2.0, 2.0, 3.0, 3.5)) for _ in range(resized)
    ]
    factors, extents = [factors[a] for a in axes], [shape[a] for a in axes]
    sizes = [max(1, int(f * e)) for f, e in zip(factors, extents)]
    by_sizes = draw.chance(0.5)
    if with_axes:
        attributes["axes"] = [a - rank for a in axes] if draw.chance(0.3) else axes
        if by_sizes and draw.chance(0.4):
            attributes["keep_aspect_ratio_policy"] = draw.choice(("stretch", "not_larger", "not_smaller"))
    roi = None
    if attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        starts = [0.0 if f == 1 else round(draw.uniform(0, 0.4), 2) for f in factors]
        ends = [1.0 if f == 1 else round(draw.uniform(0.6, 1.2), 2) for f in factors]
        roi = np.array(starts + ends, np.float32)
        attributes["extrapolation_value"] = draw.choice((0.0, 1.5, -2.0))
    if opset < 13 and roi is None:
        roi = np.array([0.0] * len(axes) + [1.0] * len(axes), np.float32)
    empty = np.array([], np.float32) if opset < 13 else None
    inputs = {"x": x, "roi": roi, "scales": empty if by_sizes else np.array(factors, np.float32)}
    if by_sizes:
        inputs["sizes"] = np.array(sizes, np.int64)
    return Case(
        "Resize",
        opset,
        inputs,
        attributes,
        constants=("roi", "scales", "sizes") if draw.chance(0.9) else (),
        absolute=64 * EPSILON if mode != "nearest" else 0.0,
    )


def rounded(accumulators: np.ndarray, scale: np.ndarray, zero_point: np.ndarray) -> np.ndarray | None:
    """Requantised exactly; None where a value lies so near to a tie that single precision may round it either way."""
    values = accumulators.astype(np.float64) * scale
    if np.abs(values - np.floor(values) - 0.5).min(initial=1.0) < 2e-4:
        return None
    info = np.iinfo(zero_point.dtype)
    return np.clip(np.rint(values) + int(zero_point), info.min, info.max).astype(zero_point.dtype)


def weights(draw: Draw, dtype, *shape) -> np.ndarray:
    """Mostly of 7 bits where signed: with 8, ONNX Runtime's sums saturate on CPUs without VNNI."""
    values = draw.integers(dtype, *shape)
    return values // 2 if dtype == np.int8 and draw.chance(0.8) else values


def zero_point_like(draw: Draw, dtype, *shape) -> np.ndarray:
    """Around the middle of the range, as calibration gives them; sometimes at its ends."""
    info = np.iinfo(dtype)
    if draw.chance(0.2):
        return draw.integers(dtype, *shape)
    middle = (int(info.min) + int(info.max) + 1) // 2
    return (middle + draw.numpy().integers(-20, 20, shape)).astype(dtype)


def output_scale(scales: np.ndarray, depth: int) -> np.ndarray:
    """One that spreads sums of `depth` products of bytes over the range of a byte."""
    return np.float32(np.mean(scales) * np.sqrt(depth) * 60)


def qlinear_conv(draw: Draw) -> Case:
    base = conv(draw)
    x_type, w_type = draw.choice(((np.uint8, np.uint8), (np.uint8, np.int8), (np.uint8, np.int8), (np.int8, np.int8)))
    x, w = base.inputs["x"], base.inputs["w"]
    per_channel = draw.chance(0.5)
    scales = draw.scale(w.shape[0]) if per_channel else draw.scale()
    symmetric = per_channel or draw.chance(0.5)
    w_zero = np.zeros(scales.shape, w_type) if symmetric else zero_point_like(draw, w_type)
    if per_channel and w_type == np.uint8:
        w_zero = np.full(scales.shape, 128, w_type)
    x_scale = draw.scale()
    inputs = {
        "x": draw.integers(x_type, *x.shape),
        "x_scale": x_scale,
        "x_zero_point": zero_point_like(draw, x_type),
        "w": weights(draw, w_type, *w.shape),
        "w_scale": scales,
        "w_zero_point": w_zero,
        "y_scale": output_scale(x_scale * scales, w[0].size),
        "y_zero_point": zero_point_like(draw, x_type),
    }
    if draw.chance(0.5):
        inputs["b"] = draw.numpy().integers(-5000, 5000, w.shape[0]).astype(np.int32)
    case = Case(
        "QLinearConv", max(base.opset, 10), inputs, base.attributes, constants=tuple(n for n in inputs if n != "x")
    )
    case.exact = exact_qlinear_conv
    return case


def exact_conv(x: np.ndarray, w: np.ndarray, case: Case, run) -> np.ndarray | None:
    """The convolution of integers by single-precision ones of x's upper and lower half bytes, whose sums are exact."""
    if w[0].size * 16 * 255 >= 2**24:
        return None
    halves = []
    for half in (x >> 4, x & 15):
        inputs = {"x": half.astype(np.float32), "w": w.astype(np.float32)}
        halves.append(run(Case("Conv", case.opset, inputs, case.attributes))[0].astype(np.int64))
    return 16 * halves[0] + halves[1]


def exact_qlinear_conv(case: Case, run) -> list[np.ndarray] | None:
    inputs = case.inputs
    rank = inputs["w"].ndim - 2
    x = inputs["x"].astype(np.int32) - int(inputs["x_zero_point"])
    w_zero = inputs["w_zero_point"].astype(np.int32)
    w = inputs["w"].astype(np.int32) - (w_zero.reshape(-1, 1, *[1] * rank) if w_zero.ndim else w_zero)
    sums = exact_conv(x, w, case, run)
    if sums is None:
        return None
    if "b" in inputs:
        sums += inputs["b"].reshape(1, -1, *[1] * rank)
    scale = np.float64(inputs["x_scale"]) * inputs["w_scale"].astype(np.float64) / np.float64(inputs["y_scale"])
    result = rounded(sums, scale.reshape(1, -1, *[1] * rank), inputs["y_zero_point"])
    return None if result is None else [result]


def conv_integer(draw: Draw) -> Case:
    base = conv(draw)
    w_type = draw.choice((np.uint8, np.int8))
    inputs = {
        "x": draw.integers(np.uint8, *base.inputs["x"].shape),
        "w": weights(draw, w_type, *base.inputs["w"].shape),
    }
    if draw.chance(0.8):
        inputs["x_zero_point"] = zero_point_like(draw, np.uint8)
        if draw.chance(0.6):
            inputs["w_zero_point"] = zero_point_like(draw, w_type)
    case = Case(
        "ConvInteger", max(base.opset, 10), inputs, base.attributes, constants=tuple(n for n in inputs if n != "x")
    )
    case.exact = exact_conv_integer
    return case


def exact_conv_integer(case: Case, run) -> list[np.ndarray] | None:
    inputs = case.inputs
    x = inputs["x"].astype(np.int32) - int(inputs.get("x_zero_point", 0))
    w = inputs["w"].astype(np.int32) - int(inputs.get("w_zero_point", 0))
    sums = exact_conv(x, w, case, run)
    return None if sums is None else [sums.astype(np.int32)]


def quantized_matrices(draw: Draw):
    a, b = matrix_shapes(draw)
    while len(a) < 2 or len(b) < 2:
        a, b = matrix_shapes(draw)
    a_type, b_type = draw.choice(((np.uint8, np.uint8), (np.uint8, np.int8), (np.uint8, np.int8), (np.int8, np.int8)))
    return draw.integers(a_type, *a), weights(draw, b_type, *b)


def qlinear_matmul(draw: Draw) -> Case:
    a, b = quantized_matrices(draw)
    per_column = b.ndim == 2 and draw.chance(0.4)
    a_scale, b_scale = draw.scale(), draw.scale(b.shape[-1]) if per_column else draw.scale()
    b_zero = np.zeros(b_scale.shape, b.dtype) if per_column else zero_point_like(draw, b.dtype)
    inputs = {
        "a": a,
        "a_scale": a_scale,
        "a_zero_point": zero_point_like(draw, a.dtype),
        "b": b,
        "b_scale": b_scale,
        "b_zero_point": b_zero,
        "y_scale": output_scale(a_scale * b_scale, b.shape[-2]),
        "y_zero_point": zero_point_like(draw, a.dtype),
    }
    case = Case("QLinearMatMul", draw.choice((10, 13, 21)), inputs, constants=tuple(n for n in inputs if n != "a"))
    case.exact = exact_qlinear_matmul
    return case


def exact_qlinear_matmul(case: Case, run) -> list[np.ndarray] | None:
    inputs = case.inputs
    a = inputs["a"].astype(np.int64) - int(inputs["a_zero_point"])
    b = inputs["b"].astype(np.int64) - inputs["b_zero_point"].astype(np.int64)
    scale = np.float64(inputs["a_scale"]) * inputs["b_scale"].astype(np.float64) / np.float64(inputs["y_scale"])
    result = rounded(np.matmul(a, b), scale, inputs["y_zero_point"])
    return None if result is None else [result]


def matmul_integer(draw: Draw) -> Case:
    a, b = quantized_matrices(draw)
    inputs = {"a": a, "b": b}
    if draw.chance(0.8):
        inputs["a_zero_point"] = zero_point_like(draw, a.dtype)
        if draw.chance(0.6):
            inputs["b_zero_point"] = zero_point_like(
                draw, b.dtype, *((b.shape[-1],) if b.ndim == 2 and draw.chance(0.4) else ())
            )
    case = Case("MatMulInteger", draw.choice((10, 13, 20)), inputs, constants=tuple(n for n in inputs if n != "a"))
    case.exact = exact_matmul_integer
    return case


def exact_matmul_integer(case: Case, run) -> list[np.ndarray]:
    inputs = case.inputs
    a = inputs["a"].astype(np.int64) - int(inputs.get("a_zero_point", 0))
    b = inputs["b"].astype(np.int64) - np.asarray(inputs.get("b_zero_point", 0)).astype(np.int64)
    return [np.matmul(a, b).astype(np.int32)]


def scales_and_axis(draw: Draw, shape: tuple[int, ...], opset: int) -> tuple[np.ndarray, dict]:
    """One scale, one for each index of an axis, or (opset 21) one for each block along it."""
    if opset < 13 or draw.chance(0.35):
        return draw.scale(), {}
    axis = draw.randrange(len(shape))
    attributes = {"axis": axis - len(shape) if draw.chance(0.3) else axis}
    if opset >= 21 and draw.chance(0.4):
        block = draw.choice([b for b in (1, 2, 3, 4, 8, 16) if b <= shape[axis]])
        attributes["block_size"] = block
        return draw.scale(*shape[:axis], -(-shape[axis] // block), *shape[axis + 1 :]), attributes
    return draw.scale(shape[axis]), attributes


def quantize_linear(draw: Draw) -> Case:
    opset = draw.choice((10, 13, 19, 21))
    shape = tuple(draw.choice((1, 2, 3, 8, 17, 32)) for _ in range(draw.choice((1, 2, 3, 4))))
    scale, attributes = scales_and_axis(draw, shape, opset)
    inputs = {"x": draw.normal(*shape) * np.float32(np.mean(scale) * 80), "y_scale": scale}
    if draw.chance(0.8):
        inputs["y_zero_point"] = zero_point_like(draw, draw.choice((np.uint8, np.int8)), *scale.shape)
    return Case("QuantizeLinear", opset, inputs, attributes, constants=tuple(n for n in inputs if n != "x"))


def dequantize_linear(draw: Draw) -> Case:
    opset = draw.choice((10, 13, 19, 21))
    shape = tuple(draw.choice((1, 2, 3, 8, 17, 32)) for _ in range(draw.choice((1, 2, 3, 4))))
    scale, attributes = scales_and_axis(draw, shape, opset)
    dtype = draw.choice((np.uint8, np.int8, np.int32))
    inputs = {
        "x": (draw.integers(np.int16, *shape) if dtype == np.int32 else draw.integers(dtype, *shape)).astype(dtype),
        "x_scale": scale,
    }
    if dtype != np.int32 and draw.chance(0.8):
        inputs["x_zero_point"] = zero_point_like(draw, dtype, *scale.shape)
    return Case(
        "DequantizeLinear", opset, inputs, attributes, constants=tuple(n for n in inputs if n != "x"), relative=EPSILON
    )


def dynamic_quantize_linear(draw: Draw) -> Case:
    shape = tuple(draw.choice((1, 2, 3, 8, 17, 32)) for _ in range(draw.choice((1, 2, 3))))
    x = draw.normal(*shape) * np.float32(draw.choice((0.01, 1, 30))) + np.float32(draw.choice((0, 0, 1, -3)))
    return Case(
        "DynamicQuantizeLinear",
        draw.choice((11, 13, 20)),
        {"x": x},
        outputs=("y", "y_scale", "y_zero_point"),
        relative=2 * EPSILON,
    )


# How many of 2,000 cases each generator gets.
GENERATORS = {
    conv: 370,
    conv_transpose: 180,
    average_pool: 150,
    max_pool: 150,
    global_pool: 30,
    matmul: 200,
    gemm: 150,
    resize: 280,
    qlinear_conv: 120,
    qlinear_matmul: 80,
    conv_integer: 60,
    matmul_integer: 60,
    quantize_linear: 65,
    dequantize_linear: 65,
    dynamic_quantize_linear: 40,
}
