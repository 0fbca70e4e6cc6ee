"""Write forty images of one colour each and two questions about each of them."""

import json
from pathlib import Path

from PIL import Image

COLOURS = {"red": (220, 40, 40), "green": (40, 180, 60), "blue": (50, 80, 220), "yellow": (240, 220, 60)}


def main() -> None:
    """Write ``images/`` and ``questions.jsonl`` beside this file."""
    here = Path(__file__).resolve().parent
    (here / "images").mkdir(exist_ok=True)
    lines = []
    for number in range(40):
        name, rgb = list(COLOURS.items())[number % 4]
        path = here / "images" / f"{number:02}.png"
        Image.new("RGB", (32, 32), rgb).save(path)
        image = f"images/{path.name}"
        lines.append({"image": image, "question": "What colour is it?", "answer": name, "choices": list(COLOURS)})
        is_red = "yes" if name == "red" else "no"
        lines.append({"image": image, "question": "Is it red?", "answer": is_red, "choices": ["yes", "no"]})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (here / "questions.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
