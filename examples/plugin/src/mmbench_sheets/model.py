"""``darkness``: a model adapter that looks at how dark an image is."""


class Darkness:
    """Takes dark sheets for damaged ones."""

    version = "1"

    def __init__(self, threshold: float = 0.35):
        self.threshold = threshold

    def generate(self, requests):
        """Answer each request with a number, or with one of its choices."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        pixels = request.images[0].load().convert("L").tobytes()
        dark = 1 - sum(pixels) / len(pixels) / 255
        if request.choices:
            return "yes" if dark > self.threshold else "no"
        return f"{dark:.4f}"
