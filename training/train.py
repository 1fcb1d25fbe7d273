"""Trains the network that detects dirt and covers, and writes its integer weights.

Pictures come from `cargo xtask report samples`. The network is trained with pictures of the development set. Pictures
of the validation set are only used to choose the thresholds that are printed. See README.md.
"""

import argparse
import csv
import json
import pathlib
import struct
import time

import numpy as np
import tensorflow as tf

# As in the SDK's network module: 256 stands for 1, and 4095 is the largest value.
ONE, MOST = 256.0, 4095.0
LUMA, CHROMA, CELLS = (192, 320), (96, 160), (24, 40)
# A cell is faulty if it differs from the healthy picture by at least FAULTY grey levels, and sound if it differs
# by at most SOUND grey levels.
FAULTY, SOUND = 5, 1
# The score of a picture is the mean of this share of its cells: the cells with the strongest evidence of the
# fault.
TOP = 1 / 24
# Kinds of layers, and flags of layers, as in the SDK.
SQUARE, DEPTHWISE, POINTWISE = 0, 1, 2
RECTIFIES, KEEPS, ADDS = 1, 2, 4


class Pictures:
    """The pictures of some folders, with their labels."""

    def __init__(self, folders, diagnoses):
        self.rows, planes = [], []
        shapes = {"luma": LUMA, "cb": CHROMA, "cr": CHROMA, "mask": CELLS}
        for folder in map(pathlib.Path, folders.split(",")):
            with open(folder / "samples.csv", newline="", encoding="utf-8") as file:
                self.rows += csv.DictReader(file)
            planes.append([np.fromfile(folder / f"{name}.bin", np.uint8).reshape(-1, *shape) for name, shape in shapes.items()])
        self.luma, self.cb, self.cr, self.mask = (np.concatenate(parts) for parts in zip(*planes))
        count, kinds = len(self.rows), len(diagnoses)
        # True labels of each picture, and the weights of these labels in the loss: for the whole picture and for
        # its cells.
        self.label = np.zeros((count, kinds), np.float32)
        self.heed = np.ones((count, kinds), np.float32)
        self.heed_cells = np.ones((count, kinds), np.float32)
        for at, row in enumerate(self.rows):
            for kind, diagnosis in enumerate(diagnoses):
                if diagnosis in row["must"].split():
                    self.label[at, kind] = 1
                    if row["role"] == "real":
                        self.heed_cells[at, kind] = 0
                    elif (self.mask[at] >= FAULTY).mean() < 0.01:
                        # The fault is not visible.
                        self.heed[at, kind] = 0
                elif diagnosis in row["may"].split():
                    # A picture that is blurred as a whole has no dirt.
                    weight = 0.3 if row["kind"] == "blur" else 0
                    self.heed[at, kind] = self.heed_cells[at, kind] = weight

    def weights(self):
        """Returns the probability of each picture: lower for cameras with many pictures, higher for real faults."""
        cameras = [row["camera"] for row in self.rows]
        counts = {camera: cameras.count(camera) for camera in set(cameras)}
        weight = np.array([counts[camera] ** -0.5 for camera in cameras])
        real = np.array([row["role"] == "real" and self.label[at].any() for at, row in enumerate(self.rows)])
        weight[real] *= 6
        return weight / weight.sum()

    def batch(self, chosen, part=1, random=None):
        """Returns planes and labels of a part of each picture. The picture's sides are divided by `part`."""
        rows, columns = (length // part for length in CELLS)

        def cut(plane, side):
            out = np.empty((len(chosen), rows * side, columns * side), np.uint8)
            for to, at, (row, column) in zip(out, chosen, places):
                to[:] = plane[at, row * side : (row + rows) * side, column * side : (column + columns) * side]
            return out

        most = (CELLS[0] - rows + 1, CELLS[1] - columns + 1)
        places = random.integers(0, most, (len(chosen), 2)) if part > 1 else np.zeros((len(chosen), 2), int)
        planes = [cut(self.luma, 8), cut(self.cb, 4), cut(self.cr, 4)]
        mask = cut(self.mask, 1)
        label, heed, heed_cells = (part[chosen] for part in (self.label, self.heed, self.heed_cells))
        cells = label[:, None, None, :] * (mask >= FAULTY)[..., None]
        unsure = label[:, None, None, :] * ((mask > SOUND) & (mask < FAULTY))[..., None]
        if part > 1:
            # The fault may lie outside of the part.
            here = (mask >= FAULTY).mean((1, 2))[:, None] > 0.02
            heed = np.where((label == 1) & (heed_cells > 0), heed * here, np.where(label == 1, heed / 2, heed))
        return planes, (cells.astype(np.float32), heed_cells[:, None, None, :] * (1 - unsure), label, heed)


def stacked(luma, cb, cr):
    """Returns six channels on a grid of the size of chroma: four luma samples, Cb, Cr. A unit is 128 grey levels."""
    squares = tf.nn.space_to_depth(luma[..., None], 2)
    return (tf.concat([squares, cb[..., None], cr[..., None]], -1) - 128.0) / 128.0


def varied(luma, cb, cr):
    """Varies the pictures: changes light and noise, removes the colour of some, and blurs some."""
    count = tf.shape(luma)[0]

    def normal(mean, deviation):
        return tf.random.normal([count, 1, 1], mean, deviation)

    def chance(share):
        return tf.cast(tf.random.uniform([count, 1, 1]) < share, tf.float32)

    gain, gamma = tf.exp(normal(0, 0.15)), tf.exp(normal(0, 0.25))
    luma = gain * 255 * (luma / 255 + 1e-6) ** gamma + normal(0, 6)
    kernel = tf.constant([1.0, 2.0, 1.0])
    kernel = tf.reshape(kernel[:, None] * kernel[None] / 16, [3, 3, 1, 1])
    unsharp = chance(0.25)
    luma += unsharp * (tf.nn.conv2d(luma[..., None], kernel, 1, "SAME")[..., 0] - luma)
    luma += chance(0.5) * tf.random.uniform([count, 1, 1], 0, 6) * tf.random.normal(tf.shape(luma))
    strength = (1 - chance(0.2)) * tf.random.uniform([count, 1, 1], 0.5, 1.3)
    colours = [128 + strength * (plane - 128) + tf.sign(strength) * normal(0, 4) for plane in (cb, cr)]
    return [tf.clip_by_value(tf.round(plane), 0, 255) for plane in (luma, *colours)]


class Network(tf.Module):
    """Convolutions and blocks, then one number for each diagnosis.

    The plan has one word for each step: `square:N:S` is a convolution to N channels with a stride of S, `down:N`
    halves the grid, and `block:D` applies a depthwise convolution, dilated by D, and a pointwise
    convolution, and adds the result to its input.
    """

    def __init__(self, kinds, plan):
        super().__init__()
        random = tf.random.Generator.from_seed(7)
        self.plan, width = [], 6
        for word in plan.split():
            way, number, *more = word.split(":")
            number = int(number)
            if way == "square":
                self.plan.append((SQUARE, width, number, int(more[0]), 1, RECTIFIES))
                width = number
            elif way == "down":
                self.plan.append((DEPTHWISE, width, width, 2, 1, RECTIFIES))
                self.plan.append((POINTWISE, width, number, 1, 1, RECTIFIES))
                width = number
            else:
                self.plan.append((DEPTHWISE, width, width, 1, number, RECTIFIES | KEEPS))
                self.plan.append((POINTWISE, width, width, 1, 1, RECTIFIES | ADDS))
        self.plan.append((POINTWISE, width, kinds, 1, 1, 0))
        self.kernels, self.gains, self.offsets = [], [], []
        self.means, self.variances = [], []
        for way, inputs, outputs, _, _, flags in self.plan:
            shape = {SQUARE: (3, 3, inputs, outputs), DEPTHWISE: (3, 3, inputs, 1), POINTWISE: (1, 1, inputs, outputs)}[way]
            taps = shape[0] * shape[1] * (1 if way == DEPTHWISE else inputs)
            self.kernels.append(tf.Variable(random.normal(shape, stddev=(2.0 / taps) ** 0.5)))
            self.gains.append(tf.Variable(tf.fill([outputs], 0.3 if flags & ADDS else 1.0)))
            self.offsets.append(tf.Variable(tf.fill([outputs], 0.0 if flags else -2.0)))
            self.means.append(tf.Variable(tf.zeros([outputs]), trainable=False))
            self.variances.append(tf.Variable(tf.ones([outputs]), trainable=False))

    def __call__(self, values, training):
        kept = None
        for at, (way, _, _, stride, dilation, flags) in enumerate(self.plan):
            if flags & KEEPS:
                kept = values
            rim = 0 if way == POINTWISE else dilation
            padded = tf.pad(values, [[0, 0], [rim, rim], [rim, rim], [0, 0]])
            if way == DEPTHWISE:
                sums = tf.nn.depthwise_conv2d(
                    padded, self.kernels[at], [1, stride, stride, 1], "VALID", dilations=[dilation] * 2
                )
            else:
                sums = tf.nn.conv2d(padded, self.kernels[at], stride, "VALID")
            if at == len(self.plan) - 1:
                return sums * self.gains[at] + self.offsets[at]
            if training:
                mean, variance = tf.nn.moments(sums, [0, 1, 2])
                self.means[at].assign(0.98 * self.means[at] + 0.02 * mean)
                self.variances[at].assign(0.98 * self.variances[at] + 0.02 * variance)
            else:
                mean, variance = self.means[at], self.variances[at]
            sums = (sums - mean) * self.gains[at] * tf.math.rsqrt(variance + 1e-4) + self.offsets[at]
            if flags & ADDS:
                sums += kept
            values = tf.clip_by_value(sums, 0.0, MOST / ONE)
        raise AssertionError("a plan without a last layer")

    def layers(self):
        """Yields each layer as integers: weights in the order of the SDK, shifts, biases."""
        for at, plan in enumerate(self.plan):
            way, inputs, outputs, *_ = plan
            kernel = self.kernels[at].numpy()
            gain, offset = self.gains[at].numpy(), self.offsets[at].numpy()
            if at < len(self.plan) - 1:
                gain = gain / np.sqrt(self.variances[at].numpy() + 1e-4)
                offset = offset - self.means[at].numpy() * gain
            if way == DEPTHWISE:
                weights = kernel[..., 0] * gain
                largest = np.abs(weights).max((0, 1))
            else:
                weights = np.moveaxis(kernel * gain, 3, 0)
                largest = np.abs(weights).reshape(outputs, -1).max(1)
            shifts = np.clip(np.floor(np.log2(127.0 / np.maximum(largest, 1e-6))), 1, 16).astype(int)
            scale = 2.0**shifts
            scaled = weights * scale if way == DEPTHWISE else weights * scale[:, None, None, None]
            yield plan, np.clip(np.round(scaled), -127, 127).astype(np.int8), shifts, np.round(offset * scale * ONE)


def integers(layers, pictures):
    """Computes the network with the same integers as the SDK. Returns its output."""
    values, kept = np.round(pictures * ONE).astype(np.int64), None
    for (way, _, outputs, stride, dilation, flags), weights, shifts, biases in layers:
        if flags & KEEPS:
            kept = values
        rim = 0 if way == POINTWISE else dilation
        padded = np.pad(values, [(0, 0), (rim, rim), (rim, rim), (0, 0)])
        rows, columns = -(-values.shape[1] // stride), -(-values.shape[2] // stride)
        sums = np.zeros((len(values), rows, columns, outputs), np.int64) + biases.astype(np.int64)
        for tap in range(1 if way == POINTWISE else 9):
            down, across = tap // 3 * dilation, tap % 3 * dilation
            part = padded[:, down : down + stride * rows : stride, across : across + stride * columns : stride]
            part = part[:, :rows, :columns]
            if way == DEPTHWISE:
                sums += part * weights.reshape(9, -1)[tap].astype(np.int64)
            else:
                sums += part @ weights.reshape(outputs, -1, weights.shape[3])[:, tap].T.astype(np.int64)
        sums = (sums + (1 << (shifts - 1))) >> shifts
        if flags & ADDS:
            sums += kept
        values = np.clip(sums, 0 if flags & RECTIFIES else -MOST, MOST).astype(np.int64)
    return values


def written(layers):
    """Returns the bytes that the SDK reads."""
    layers = list(layers)
    parts = [struct.pack("B", len(layers))]
    for plan, weights, shifts, biases in layers:
        parts.append(struct.pack("6B", *plan))
        parts += [weights.tobytes(), bytes(int(shift) for shift in shifts), biases.astype("<i4").tobytes()]
    return b"".join(parts)


def scores(logits):
    cells = np.sort(logits.reshape(len(logits), -1, logits.shape[-1]), axis=1)
    return cells[:, -int(TOP * cells.shape[1]) :].mean(1)


def area_under(positive, negative):
    order = np.concatenate([positive, negative]).argsort().argsort() + 1
    return (order[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2) / max(len(positive) * len(negative), 1)


def told(pictures, diagnoses, found):
    """Returns the shares of faults that are found, at two thresholds.

    The scores of 1 % of the healthy pictures exceed the first threshold, and those of 0.2 % exceed the second.
    """
    lines = []
    for kind, diagnosis in enumerate(diagnoses):
        score, label, heed = found[:, kind], pictures.label[:, kind] == 1, pictures.heed[:, kind]
        sound = ~label & (heed == 1)
        negative, positive = np.sort(score[sound]), score[label & (heed > 0)]
        if not len(negative) or not len(positive):
            continue
        line = {"diagnosis": diagnosis, "auc": round(float(area_under(positive, negative)), 3)}
        for share in (0.01, 0.002):
            limit = negative[-max(int(share * len(negative)), 1) - 1]
            line[f"found at {share}"] = [round(float((positive > limit).mean()), 3), round(float(limit), 2)]
            makers = sorted({row["maker"] for row in pictures.rows})
            for maker in makers if share == 0.01 else []:
                of_maker = np.array([row["maker"] == maker for row in pictures.rows]) & label & (heed > 0)
                if maker and of_maker.any():
                    line[maker] = round(float((score[of_maker] > limit).mean()), 2)
            real = np.array([row["role"] == "real" for row in pictures.rows]) & label
            line[f"real at {share}"] = f"{int((score[real] > limit).sum())} of {int(real.sum())}"
        lines.append(line)
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--development", default="target/training/development,target/training/drawn")
    parser.add_argument("--validation", default="target/training/validation")
    parser.add_argument("--diagnoses", default="lens_dirty,occlusion")
    parser.add_argument("--plan", default="square:16:2 square:32:2 block:1 block:2 block:4 block:8 block:2 block:1")
    parser.add_argument("--part", type=int, default=1, help="train on parts with 1/PART of the width and height")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default="target/training/glass.bin")
    arguments = parser.parse_args()
    tf.keras.utils.set_random_seed(arguments.seed)
    diagnoses = arguments.diagnoses.split(",")
    development = Pictures(arguments.development, diagnoses)
    validation = Pictures(arguments.validation, diagnoses)
    network = Network(len(diagnoses), arguments.plan)
    rate = tf.keras.optimizers.schedules.CosineDecay(arguments.rate, arguments.steps, alpha=0.01)
    optimizer = tf.keras.optimizers.AdamW(rate, weight_decay=1e-4)
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(luma, cb, cr, cells, heed_cells, label, heed):
        planes = [tf.cast(plane, tf.float32) for plane in (luma, cb, cr)]
        if tf.random.uniform([]) < 0.5:
            planes = [plane[:, :, ::-1] for plane in planes]
            cells, heed_cells = cells[:, :, ::-1], heed_cells[:, :, ::-1]
        pictures = stacked(*varied(*planes))
        with tf.GradientTape() as tape:
            logits = network(pictures, True)
            apart = tf.nn.sigmoid_cross_entropy_with_logits(cells, logits) * heed_cells
            # Faulty cells are rarer than sound cells.
            by_cells = tf.reduce_mean(apart * (1 + 2 * cells))
            flat = tf.reshape(logits, [tf.shape(logits)[0], -1, len(diagnoses)])
            top = tf.math.top_k(tf.transpose(flat, [0, 2, 1]), int(TOP * logits.shape[1] * logits.shape[2])).values
            whole = tf.nn.sigmoid_cross_entropy_with_logits(label, tf.reduce_mean(top, 2)) * heed
            loss = by_cells + 0.4 * tf.reduce_mean(whole)
        changes = tape.gradient(loss, network.trainable_variables)
        changes, _ = tf.clip_by_global_norm(changes, 1.0)
        optimizer.apply(changes, network.trainable_variables)
        return by_cells, tf.reduce_mean(whole)

    @tf.function
    def run(pictures):
        return network(pictures, False)

    def seen(planes):
        return stacked(*(tf.cast(plane, tf.float32) for plane in planes))

    def found(pictures, tell):
        parts = []
        for begin in range(0, len(pictures.rows), 64):
            planes, _ = pictures.batch(np.arange(begin, min(begin + 64, len(pictures.rows))))
            parts.append(scores(tell(seen(planes))))
        return np.concatenate(parts)

    random, weights = np.random.default_rng(arguments.seed), development.weights()
    begin, sums = time.time(), np.zeros(2)
    for number in range(1, arguments.steps + 1):
        chosen = np.sort(random.choice(len(weights), arguments.batch, p=weights))
        planes, goals = development.batch(chosen, arguments.part, random)
        losses = step(*(tf.constant(part) for part in (*planes, *goals)))
        sums += [float(loss) for loss in losses]
        if number % 100 == 0:
            spent = time.time() - begin
            print(f"{number} steps, {spent:.0f} s: cells {sums[0] / 100:.4f}, pictures {sums[1] / 100:.4f}", flush=True)
            sums[:] = 0
        if number % 1000 == 0:
            for line in told(validation, diagnoses, found(validation, lambda part: run(part).numpy())):
                print(json.dumps(line), flush=True)
            pathlib.Path(arguments.out).write_bytes(written(network.layers()))
    layers = list(network.layers())
    pathlib.Path(arguments.out).write_bytes(written(layers))
    print("with integers:")
    for line in told(validation, diagnoses, found(validation, lambda part: integers(layers, part.numpy()) / ONE)):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
