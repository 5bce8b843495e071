"""The method's figures: grids of runs, feature maps, Gram matrices, films, classes.

Each is a few lines over the ordinary run; scripts/ has a command for each.
"""
