"""The faces: each translates the streams for one kind of user. None imports another."""
