"""Caption metrics as the official COCO scorer defines them: BLEU, ROUGE-L and CIDEr-D in NumPy, METEOR and SPICE in Java."""
