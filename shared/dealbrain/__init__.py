"""Deal Brain: the verbs of the product as modules, its nouns as tables.

Importing this package or any module in it costs nothing: no environment is read, no client is made.
"""
