"""The catalogue: who may take what, how it is shown, and how it comes on the shelf."""
