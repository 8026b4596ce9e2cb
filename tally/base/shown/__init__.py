"""What may be shown of values that come from outside, and streams that show no more than that."""
