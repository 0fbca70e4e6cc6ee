"""Models in the Hugging Face layout, from the hub or from a folder. Importing it loads neither torch nor transformers."""
