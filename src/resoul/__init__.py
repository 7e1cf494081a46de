"""Change a Python program while it runs."""
