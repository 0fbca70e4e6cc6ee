"""What version 3 of the generator of scenes makes, on every machine. Another digest means other data: raise `VERSION` then."""

from itertools import islice

from mmbench.data import digest_array
from mmbench_tasks.scenes.faces import mood_block
from mmbench_tasks.scenes.families import families
from mmbench_tasks.scenes.render import render

FINGERPRINTS = {
    "vqa/scenes": {
        "train": "30b5a193ec4c3771238e0205472618e443e6ecf71f007558c89edfd7ed099eaa",
        "val": "7733fd54cbd26785621e126586d84a816435c5a1b57aaac588a25ff8fb10d4d5",
        "test": "f657c19391494285c9f1d41697f12199ef03acbf747b910a2fe8f9b21b6b43d5",
    },
    "retrieval/scenes": {
        "train": "b7c9a71ae11e6800dcf17da4b9bb5717871fc8e5fb2a9909b11a4be35c0b0a10",
        "val": "6b79a7b28a53d9385a0d1e4ddecbf7488653816d69c2c1a2a9a3659062aab49f",
        "test": "c036e0f2bc0b59d0eef29ee9cead3fa0209f1661579daee45dad645747b2c42c",
    },
    "captioning/scenes": {
        "train": "887549ac82dc875be49862eaae61a3f290123fe5cd6468cf256209226c0fdb33",
        "val": "e43935d4ea3dff0d65377949a6af2236da37b46ec29225f0b401974f495049a3",
        "test": "2331027f0d4c3ee06a95791cc113eeaf3bdedfe1e0d890e70e66160fba2e19aa",
    },
    "sentiment/scenes": {
        "train": "dd20402d2009d774c6ece92b3c892084dfb225f531c5edbaeec5018312c0e401",
        "val": "18352583b51e43ef2182622f5bed6701e8a1dc795f70917593a2fdabe4ff015b",
        "test": "21a7ea54ffb25aaccf8ff2548a4a58c1f662aa2b489c517cfd0e77c4f9b0a21d",
    },
}
"""Task → split → digest of its texts, answers and scenes."""
PIXELS = {
    "families": "091d9c2afcd2ed3bf05c7a765100bc213e75d2a428726dd1cab4510daf82a408",
    "faces": "2aafba8cc4b0c34b13a2542e4e2c562599bb4cc3fa6f772c3463168304df2cc8",
}
"""Digests of the pixels of `SCENES` at 64 pixels."""
SCENES = {
    "families": lambda: [s for made in islice(families("test"), 25) for pair in made.pairs for s in pair.scenes],
    "faces": lambda: [scene for number in range(34) for scene in mood_block("test", number).scenes],
}


def pixels_digest(name):
    """Digest of the pixels of some scenes."""
    pixels = render(SCENES[name](), 64)
    return digest_array("image", "RGB", pixels.shape, str(pixels.dtype), pixels.tobytes())
