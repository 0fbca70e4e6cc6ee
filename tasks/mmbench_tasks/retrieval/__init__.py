"""Finding captions by picture and pictures by caption: the family `retrieval`."""
