"""A model in thirty lines: it looks at the colours of an image and at the question."""

COLOURS = {
    "red": (255, 0, 0),
    "blue": (0, 0, 255),
    "green": (0, 255, 0),
    "teal": (0, 128, 128),
    "yellow": (255, 255, 0),
    "brown": (165, 42, 42),
    "black": (0, 0, 0),
    "gray": (128, 128, 128),
}


class MyModel:
    """Answers questions about the colour of the one shape in an image."""

    def generate(self, requests):
        """Return one answer for each request."""
        return [self.answer(r.images[0].load(), r.text.splitlines()[0], r.choices) for r in requests]

    def answer(self, image, question, choices):
        """Answer one question: the second most frequent colour is the shape's."""
        (_, _background), (_, shape) = sorted(image.getcolors(4096), reverse=True)[:2]
        colour = next((name for name, rgb in COLOURS.items() if rgb == shape), "unknown")
        if choices is None:  # an open question: any text may be the answer
            return colour
        if "yes" in choices:
            return "yes" if (colour in question) != (" no" in question) else "no"
        return colour if colour in choices else choices[0]
