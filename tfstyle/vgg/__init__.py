"""VGG19: one table of its layers, its weights files, and the extractor of features.

`layers` and `weights` load no TensorFlow; the network itself is in `extractor`, and in
`tiles` as it looks at parts of a picture.
"""
