"""An image that several questions are about is processed once, and what is made of it is the same to the last bit."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from PIL import Image  # noqa: E402
from tiny import image_processor  # noqa: E402

from mmbench.models.hf.processed_images import ProcessedImages  # noqa: E402


def noise(seed, size=(40, 24)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8))


class Small(transformers.ImageProcessingMixin):
    """Makes one tensor of the pixels of each image; counts images."""

    def __init__(self):
        super().__init__()
        self.seen = 0

    def __call__(self, images, return_tensors=None):
        flat = [image for own in images for image in (own if isinstance(own, list) else [own])]
        self.seen += len(flat)
        return transformers.BatchFeature(self.made([torch.from_numpy(np.array(image)) for image in flat]))

    def made(self, pixels):
        return {"pixel_values": torch.stack(pixels)}


class Padded(Small):
    """Pads to the largest of the batch."""

    def made(self, pixels):
        height, width = (max(p.shape[axis] for p in pixels) for axis in (0, 1))
        whole = torch.zeros(len(pixels), height, width, 3)
        for row, each in zip(whole, pixels, strict=True):
            row[: each.shape[0], : each.shape[1]] = each
        return {"pixel_values": whole}


class Patches(Small):
    """Puts the pixels of all images behind each other."""

    def made(self, pixels):
        flat = [each.reshape(-1, 3) for each in pixels]
        return {"pixel_values": torch.cat(flat), "sizes": torch.tensor([len(each) for each in flat])}


class Related(Small):
    """What is made of an image depends on the others."""

    def made(self, pixels):
        whole = torch.stack(pixels).float()
        return {"pixel_values": whole - whole.mean()}


def asked(kept, processor, numbers, pictures, nested=False):
    images = [pictures[number].copy() for number in numbers]
    with kept.known(images, [f"digest {number}" for number in numbers]):
        return dict(processor([[image] for image in images] if nested else images, return_tensors="pt"))


def equal(one, other):
    assert one.keys() == other.keys()
    return all(torch.equal(one[name], other[name]) for name in one)


BATCHES = ([0, 1, 0], [0, 2, 2, 1], [3, 0, 1], [3, 3])


@pytest.mark.parametrize("nested", [False, True])
def test_each_image_is_processed_once_after_the_first_batch(nested):
    pictures, processor = [noise(seed) for seed in range(4)], Small()
    kept = ProcessedImages(processor)
    for numbers in BATCHES:
        direct = dict(Small()([pictures[number] for number in numbers]))
        assert equal(asked(kept, processor, numbers, pictures, nested), direct)
    # Three of the first batch and two alone, to compare; then each image once.
    assert processor.seen == 3 + 2 + 4
    assert type(processor).__name__ == "Small"


@pytest.mark.parametrize("make", ["clip", "siglip"])
def test_a_real_processor_makes_the_same_to_the_last_bit(make):
    sizes = {"clip": {"size": {"shortest_edge": 32}}, "siglip": {"size": {"height": 32, "width": 32}}}
    name = {"clip": "CLIP", "siglip": "Siglip"}[make]
    processor, direct = (image_processor(make, name, **sizes[make]) for _ in range(2))
    pictures = [noise(seed, size) for seed, size in enumerate([(40, 24), (40, 24), (31, 57), (99, 20)])]
    kept = ProcessedImages(processor)
    for numbers in BATCHES:
        wanted = dict(direct([pictures[number] for number in numbers], return_tensors="pt"))
        assert equal(asked(kept, processor, numbers, pictures), wanted)


@pytest.mark.parametrize("kind", [Padded, Patches, Related])
def test_what_is_made_of_a_whole_batch_is_never_taken_apart(kind):
    pictures = [noise(0), noise(1), noise(2, (50, 20)), noise(3)]
    processor = kind()
    kept = ProcessedImages(processor)
    batches = BATCHES if kind is not Related else ([0, 1], [0, 3], [1, 0])
    for numbers in batches:
        direct = dict(kind()([pictures[number] for number in numbers]))
        assert equal(asked(kept, processor, numbers, pictures), direct)


def test_what_nobody_knows_and_what_is_too_large_is_processed_each_time():
    pictures, processor = [noise(0), noise(1)], Small()
    kept = ProcessedImages(processor, capacity=1)
    asked(kept, processor, [0, 1], pictures)
    before = processor.seen
    assert equal(asked(kept, processor, [0, 1], pictures), dict(Small()(pictures)))
    assert equal(asked(kept, processor, [1, 0], pictures), dict(Small()(pictures[::-1])))
    assert equal(dict(processor(pictures)), dict(Small()(pictures)))
    assert processor.seen == before + 6


def test_threads_share_what_is_kept():
    pictures, processor = [noise(seed) for seed in range(8)], Small()
    kept = ProcessedImages(processor)
    orders = [np.random.default_rng(seed).permutation(8).tolist() for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda numbers: asked(kept, processor, numbers, pictures), orders))
    for numbers, each in zip(orders, made, strict=True):
        assert equal(each, dict(Small()([pictures[number] for number in numbers])))
