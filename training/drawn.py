"""Draws random objects in front of the lens and on the lens.

The report's makers have few materials, and a network would learn these. Here form, material, sharpness and light are
random, within the limits of optics: an object near the lens is out of focus and has a soft border, and it absorbs
light, adds light, scatters light or refracts light.
"""

import argparse
import csv
import pathlib

import cv2
import numpy as np

HEIGHT, WIDTH = 192, 320


def blurred(plane, sigma):
    return cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT) if sigma > 0.2 else plane


def waves(random, size):
    """Returns smooth numbers around 0 whose hills are `size` samples wide."""
    rows, columns = max(int(HEIGHT / size), 1) + 2, max(int(WIDTH / size), 1) + 2
    return cv2.resize(random.normal(0, 1, (rows, columns)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def places():
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return rows, columns


ROWS, COLUMNS = places()


def hidden(random):
    """Returns the share of each sample that an object in front of the lens hides."""
    if random.random() < 0.12:
        return np.ones((HEIGHT, WIDTH), np.float32)
    if random.random() < 0.7:
        angle = random.uniform(0, 2 * np.pi)
        field = (COLUMNS - WIDTH / 2) / WIDTH * np.cos(angle) + (ROWS - HEIGHT / 2) / HEIGHT * np.sin(angle)
        field += random.uniform(0, 0.12) * waves(random, random.uniform(20, 120))
    else:
        x, y = random.uniform(0, WIDTH), random.uniform(0, HEIGHT)
        stretch = random.uniform(0.5, 2)
        field = -np.hypot((COLUMNS - x) / WIDTH * stretch, (ROWS - y) / HEIGHT) + random.uniform(0, 0.1) * waves(random, random.uniform(20, 80))
    border = np.quantile(field, 1 - random.uniform(0.15, 0.97))
    soft = 10 ** random.uniform(-2.6, -0.7)
    return (1 / (1 + np.exp(-np.clip((field - border) / soft * 4, -30, 30)))).astype(np.float32)


def material(random, others):
    """Returns the picture of an object: luma and both colour differences."""
    level, spread = random.uniform(0, 255), random.uniform(0, 45)
    luma = level + spread * waves(random, random.uniform(30, 200))
    colour = random.normal(0, 18, 2) if random.random() < 0.7 else np.zeros(2)
    cb, cr = (np.full((HEIGHT, WIDTH), 128 + value, np.float32) for value in colour)
    way = random.integers(5)
    if way == 1:
        # Woven, ribbed or checked cloth.
        angle, period = random.uniform(0, np.pi), random.uniform(3, 26)
        along = (COLUMNS * np.cos(angle) + ROWS * np.sin(angle) + 2 * waves(random, 60)) * 2 * np.pi / period
        across = (ROWS * np.cos(angle) - COLUMNS * np.sin(angle) + 2 * waves(random, 60)) * 2 * np.pi / period / random.uniform(0.5, 2)
        pattern = np.sin(along) if random.random() < 0.4 else np.sin(along) * np.sin(across)
        if random.random() < 0.4:
            pattern = np.tanh(pattern * random.uniform(2, 8))
        luma = luma + random.uniform(5, 60) * pattern
    elif way == 2:
        # Print: patches of a few tones.
        size = random.uniform(4, 40)
        luma = luma + random.uniform(10, 80) * np.sign(waves(random, size) + random.normal(0, 0.5))
    elif way == 3:
        # Fur, leaves or rough cloth.
        luma = luma + random.uniform(5, 35) * (waves(random, random.uniform(2, 12)) + waves(random, random.uniform(6, 30)))
    elif way == 4 and len(others):
        # Any object that is seen from very near.
        other = others[random.integers(len(others))]
        zoom = random.uniform(3, 12)
        height, width = max(int(HEIGHT / zoom), 4), max(int(WIDTH / zoom), 4)
        top, left = random.integers(HEIGHT - height + 1), random.integers(WIDTH - width + 1)
        part = [plane[top : top + height, left : left + width] for plane in other]
        luma, cb, cr = (cv2.resize(plane.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for plane in part)
        gain = random.uniform(0.4, 1.5)
        luma = luma * gain
    sigma = random.choice([0, 1, 2.5, 6])
    return [blurred(plane.astype(np.float32), sigma) for plane in (luma, cb, cr)]


def cover(planes, random, others):
    """Draws an object in front of the lens."""
    mask, thing = hidden(random), material(random, others)
    through = random.uniform(0, 0.35) if random.random() < 0.2 else 0
    mask = mask * (1 - through)
    return [plane * (1 - mask) + new * mask for plane, new in zip(planes, thing)]


def spots(random):
    """Returns the share of each sample that drops, dust and splashes cover, and each drop's middle and half axes."""
    mask, drops = np.zeros((HEIGHT, WIDTH), np.float32), []
    size = 10 ** random.uniform(0.5, 1.6)
    area = random.uniform(0.02, 0.35) * WIDTH * HEIGHT
    soft = random.uniform(0.05, 0.6)
    for _ in range(int(min(max(area / (np.pi * size * size), 2), 150))):
        radius = size * (0.5 + random.random() ** 2)
        x, y = random.uniform(0, WIDTH), random.uniform(0, HEIGHT)
        high = radius * random.uniform(0.8, 1.4)
        away = np.hypot((COLUMNS - x) / radius, (ROWS - y) / high)
        if random.random() < 0.3:
            away = away + 0.15 * waves(random, radius)
        mask = np.maximum(mask, np.clip((1 + soft - away) / (2 * soft), 0, 1))
        drops.append((x, y, radius, high))
    return mask.astype(np.float32), drops


def smears(random):
    """Returns the share of each sample that a film covers."""
    field = waves(random, random.uniform(15, 110)) + 0.4 * waves(random, random.uniform(5, 20))
    if random.random() < 0.3:
        # From the border inwards.
        field = 2.5 * np.hypot((COLUMNS - WIDTH / 2) / WIDTH, (ROWS - HEIGHT / 2) / HEIGHT) + 0.2 * field
    border = np.quantile(field, 1 - random.uniform(0.06, 0.9))
    return np.clip((field - border) / random.uniform(0.05, 0.8), 0, 1).astype(np.float32) * random.uniform(0.5, 1)


def threads(random):
    """Returns the strength of webs, hairs and scratches at each sample."""
    canvas = np.zeros((HEIGHT * 2, WIDTH * 2), np.float32)
    x, y = random.uniform(0, WIDTH * 2), random.uniform(0, HEIGHT * 2)
    rays = random.integers(3, 14)
    is_web = random.random() < 0.6
    for _ in range(rays):
        if not is_web:
            x, y = random.uniform(0, WIDTH * 2), random.uniform(0, HEIGHT * 2)
        angle, bend = random.uniform(0, 2 * np.pi), random.normal(0, 0.02)
        points, at = [], np.array([x, y])
        for _ in range(random.integers(6, 40)):
            points.append(at.copy())
            at += 14 * np.array([np.cos(angle), np.sin(angle)])
            angle += bend + random.normal(0, 0.05)
        strength = random.uniform(0.3, 1)
        cv2.polylines(canvas, [np.int32(points)], False, float(strength), int(random.integers(1, 5)), cv2.LINE_AA)
    if is_web and random.random() < 0.7:
        for radius in np.arange(20, random.uniform(60, 300), random.uniform(10, 30)):
            cv2.ellipse(canvas, (int(x), int(y)), (int(radius), int(radius * 0.8)), 0, 0, 360, float(random.uniform(0.2, 0.8)), 1, cv2.LINE_AA)
    return blurred(cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), random.uniform(0, 1.5))


def streaks(luma, random):
    """Returns the light of lamps that wet or greasy glass spreads along a few directions."""
    lamps = np.where(luma > random.uniform(170, 235), luma, 0).astype(np.float32)
    length = int(random.uniform(15, 90)) | 1
    sum_of = np.zeros_like(luma)
    for _ in range(random.integers(1, 4)):
        angle = random.uniform(0, np.pi)
        kernel = np.zeros((length, length), np.float32)
        middle = length // 2
        along = (middle * np.cos(angle), middle * np.sin(angle))
        cv2.line(kernel, (int(middle - along[0]), int(middle - along[1])), (int(middle + along[0]), int(middle + along[1])), 1.0, int(random.integers(1, 4)))
        sum_of += cv2.filter2D(lamps, -1, kernel / max(kernel.sum(), 1))
    return blurred(sum_of, random.uniform(0.5, 4)) * random.uniform(0.5, 4)


def dirt(planes, random):
    """Draws dirt on the glass."""
    luma, cb, cr = planes
    way = random.integers(7)
    if way == 0 and (luma > 200).mean() > 0.002:
        return [luma + streaks(luma, random) + random.uniform(0, 12), cb, cr]
    if way == 1:
        mask = threads(random)
        level = random.uniform(60, 200) if random.random() < 0.7 else random.uniform(-140, -40)
        return [luma + mask * level, cb, cr]
    if way in (2, 3):
        # Drops refract light: the picture in a drop is upside down, wide, and dark at the rim.
        mask, drops = spots(random)
        across, down = COLUMNS.copy(), ROWS.copy()
        gain = np.ones_like(luma)
        for x, y, radius, high in drops:
            u, v = (COLUMNS - x) / radius, (ROWS - y) / high
            away = np.hypot(u, v)
            inside = away < 1.15
            power = random.uniform(0.7, 5)
            across[inside] = (x - u * radius * power)[inside]
            down[inside] = (y - v * high * power)[inside]
            rim = 1 - random.uniform(0, 0.7) * np.clip((away - 0.6) / 0.4, 0, 1)
            gain[inside] = (rim * random.uniform(0.8, 1.25))[inside]
        sigma = random.choice([0, 1, 3, 7])
        bent = [
            blurred(cv2.remap(plane, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), sigma) for plane in planes
        ]
        bent[0] = bent[0] * gain
        return [plane * (1 - mask) + new * mask for plane, new in zip(planes, bent)]
    mask = spots(random)[0] if random.random() < 0.6 else smears(random)
    mask = blurred(mask, random.choice([0, 1, 3, 8]))
    if way == 4:
        # Dirt that absorbs light, or that is lit itself.
        level = random.uniform(0, 255)
        strength = random.uniform(0.4, 1)
        colour = random.normal(0, 8, 2)
        share = mask * strength
        return [luma * (1 - share) + level * share] + [
            plane * (1 - share) + (128 + value) * share for plane, value in zip((cb, cr), colour)
        ]
    # Dirt that scatters light.
    if random.random() < 0.3:
        length = int(random.uniform(9, 41)) | 1
        kernel = np.zeros((length, length), np.float32)
        angle = random.uniform(0, np.pi)
        along = (length / 2 * np.cos(angle), length / 2 * np.sin(angle))
        cv2.line(kernel, (int(length / 2 - along[0]), int(length / 2 - along[1])), (int(length / 2 + along[0]), int(length / 2 + along[1])), 1.0, 1)
        spread = [cv2.filter2D(plane, -1, kernel / kernel.sum()) for plane in planes]
    else:
        spread = [blurred(plane, random.uniform(2.5, 12)) for plane in planes]
    veil, gain = random.uniform(0, 45), random.uniform(0.7, 1.05)
    spread[0] = spread[0] * gain + veil
    return [plane * (1 - mask) + new * mask for plane, new in zip(planes, spread)]


def differs(before, after):
    """Returns the mean difference of each cell of 8 × 8 samples, in grey levels."""
    apart = np.abs(np.clip(after, 0, 255) - before)
    return apart.reshape(HEIGHT // 8, 8, WIDTH // 8, 8).mean((1, 3))


def faulty(luma, cb, cr, kind, random, others):
    """Returns a picture with a drawn fault, and the fault's place. Chroma has half the width and height of luma."""
    planes = [luma] + [cv2.resize(plane, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) for plane in (cb, cr)]
    large = [[other[0]] + [cv2.resize(plane, (WIDTH, HEIGHT)) for plane in other[1:]] for other in others]
    drawn = cover(planes, random, large) if kind == "occlusion" else dirt(planes, random)
    mask = differs(luma, drawn[0])
    small = [cv2.resize(plane, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA) for plane in drawn[1:]]
    return drawn[0], small[0], small[1], mask


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", default="target/training/development")
    parser.add_argument("--out", default="target/training/drawn")
    parser.add_argument("--diagnoses", default="lens_dirty,occlusion")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    folder, out = pathlib.Path(arguments.pictures), pathlib.Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    with open(folder / "samples.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    shapes = {"luma": (HEIGHT, WIDTH), "cb": (HEIGHT // 2, WIDTH // 2), "cr": (HEIGHT // 2, WIDTH // 2)}
    planes = [np.memmap(folder / f"{name}.bin", np.uint8, "r").reshape(-1, *shape) for name, shape in shapes.items()]
    # Faults are drawn on healthy pictures and on confounders. All cameras are equally frequent.
    sound = [at for at, row in enumerate(rows) if row["role"] in ("healthy", "confounder")]
    cameras = sorted({rows[at]["camera"] for at in sound})
    of_camera = {camera: [at for at in sound if rows[at]["camera"] == camera] for camera in cameras}
    diagnoses = arguments.diagnoses.split(",")
    random = np.random.default_rng(arguments.seed)

    def picture(at):
        return [plane[at].astype(np.float32) for plane in planes]

    files = [open(out / f"{name}.bin", "wb") for name in [*shapes, "mask"]]
    with open(out / "samples.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        for number in range(arguments.count):
            at = int(random.choice(of_camera[cameras[random.integers(len(cameras))]]))
            diagnosis = diagnoses[number % len(diagnoses)]
            others = [picture(int(random.choice(sound)))]
            *drawn, mask = faulty(*picture(at), diagnosis, random, others)
            for to, plane in zip(files, [*drawn, mask]):
                to.write(np.clip(np.round(plane), 0, 255).astype(np.uint8).tobytes())
            beside = [other for other in diagnoses if other != diagnosis]
            row = {"camera": rows[at]["camera"], "file": rows[at]["file"], "role": "fault", "kind": "drawn"}
            table.writerow(row | {"maker": f"drawn_{diagnosis}", "severity": "", "must": diagnosis, "may": " ".join(beside)})
    for file in files:
        file.close()


if __name__ == "__main__":
    main()
