"""Photographs out of scikit-image's wheel, cropped to faces as the networks expect them, and photographed again."""
import io

import numpy as np
import skimage
from PIL import Image, ImageEnhance

# Where eyes and mouth are in the astronaut's photograph, x and y, read off by eye.
ASTRONAUT = np.array([[202.5, 101.5], [247.5, 103.5], [222.5, 145]])
# In the 25 x 25 of each face of Labeled Faces in the Wild, about.
FACE_OF_25 = np.array([[8, 9.3], [17, 9.3], [12.5, 18]])
SCENES = ["chelsea", "coffee", "rocket", "stereo_motorcycle"]  # in colour, with no person in sight


def face_box(points: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the square that face-api (and dlib before it) cuts out around eyes and mouth."""
    eyes, mouth = points[:2], points[2]
    side = np.hypot(*(eyes - mouth).T).mean() / 0.45
    x, y = points.mean(axis=0) - np.array([0.5, 0.43]) * side
    return x, y, x + side, y + side


def cut(image: Image.Image, box: tuple[float, float, float, float], size: int) -> np.ndarray:
    """uint8 [size][size][3]."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box))


def photographed_again(image: Image.Image, points: np.ndarray, random: np.random.Generator, size: int) -> np.ndarray:
    """The face turned, of another size, in other light, aligned a little amiss, and through JPEG."""
    centre = points.mean(axis=0)
    angle = np.deg2rad(random.uniform(-12, 12))
    stretch = np.array([random.uniform(0.94, 1.06), 1])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / stretch
    # Pillow asks for the way back: where in the photograph a pixel of the new one is.
    image = image.transform(image.size, Image.Transform.AFFINE,
                            np.column_stack([turn, centre - turn @ centre]).ravel().tolist(), Image.Resampling.BICUBIC)
    for enhance, least, most in ((ImageEnhance.Brightness, 0.7, 1.3), (ImageEnhance.Contrast, 0.75, 1.25),
                                 (ImageEnhance.Color, 0.6, 1.3)):
        image = enhance(image).enhance(random.uniform(least, most))
    left, top, right, bottom = face_box(points)
    side = right - left
    x, y = random.uniform(-0.04, 0.04, 2) * side
    grown = side * random.uniform(-0.03, 0.05)
    face = Image.fromarray(cut(image, (left + x - grown, top + y - grown, right + x + grown, bottom + y + grown),
                               int(random.integers(90, 220))))
    file = io.BytesIO()
    face.save(file, "JPEG", quality=int(random.integers(50, 90)))
    return cut(Image.open(file), (0, 0, *face.size), size)


def subject(count: int, random: np.random.Generator, size: int) -> np.ndarray:
    """uint8 [count][size][size][3]: the astronaut's face, and photographs of the photograph."""
    image = Image.fromarray(skimage.data.astronaut())
    return np.stack([cut(image, face_box(ASTRONAUT), size)] +
                    [photographed_again(image, ASTRONAUT, random, size) for _ in range(count - 1)])


def small_faces(size: int) -> np.ndarray:
    """uint8 [100][size][size][3]: grey, from 25 x 25 pixels each."""
    faces = (skimage.data.lfw_subset()[:100] * 255).round().astype(np.uint8)
    return np.stack([cut(Image.fromarray(face).convert("RGB"), face_box(FACE_OF_25), size) for face in faces])


def scene_crops(count: int, random: np.random.Generator, size: int) -> np.ndarray:
    """uint8 [count][size][size][3]: squares of photographs without people, in full colour and sharpness."""
    crops = []
    for i in range(count):
        scene = getattr(skimage.data, SCENES[i % len(SCENES)])()
        image = Image.fromarray(scene[0] if isinstance(scene, tuple) else scene)
        side = int(random.integers(size // 2, min(image.size)))
        x, y = (int(random.integers(0, extent - side + 1)) for extent in image.size)
        crops.append(cut(image, (x, y, x + side, y + side), size))
    return np.stack(crops)


def extremes(size: int) -> np.ndarray:
    """uint8 [2][size][size][3], black and white: so that a calibration sees every value of a pixel."""
    return np.stack([np.full((size, size, 3), value, np.uint8) for value in (0, 255)])


def chosen(size: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Those that a network is calibrated on; one person, 20 times; 50 strangers."""
    faces = small_faces(size)
    calibration = np.concatenate([faces[::2], scene_crops(24, random, size), extremes(size)])
    return calibration, subject(20, random, size), faces[1::2]


def in_squares(photographs: np.ndarray) -> np.ndarray:
    """[n][h][w][3] -> [n][12][h / 2][w / 2], the pixels of each 2 x 2 together: as the networks read them."""
    n, h, w, _ = photographs.shape
    return photographs.reshape(n, h // 2, 2, w // 2, 2, 3).transpose(0, 2, 4, 5, 1, 3).reshape(n, 12, h // 2, w // 2)


def as_memory(tensor: np.ndarray) -> bytes:
    """The bytes of uint8 [..][channels][h][w] as the tensor unit has them, channels last: what the guests read."""
    return np.moveaxis(tensor, -3, -1).tobytes()
