"""What is minimised: a weighted sum of terms, each a formula over VGG19's features.

A new term is a class in `terms` and a name in its table. `whole` and `tiled` evaluate
the same terms, on the picture at once or by parts of it.
"""
