"""Questions about pictures: the family `vqa` and its data sets."""
