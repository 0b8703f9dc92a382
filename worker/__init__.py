"""The straight line from an acknowledged instance to a delivered report."""
