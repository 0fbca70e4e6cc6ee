"""Small scenes of coloured shapes: a deterministic, versioned generator that tasks draw pictures and questions from.

`scene` says what a scene is, `render` turns scenes into pixels, `blocks` makes the Latin-square blocks of `vqa/scenes`
and `families` the captioned pictures of `retrieval/scenes`; `faces` makes the blocks of `sentiment/scenes`. Everything is random access: a block or a
family is made without generating any other. Importing this package loads no numpy.
"""
