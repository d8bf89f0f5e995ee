"""The form of released values: what a member takes for a number before it believes it.

A release comes from the key holder, sealed and committed to; it is still foreign bytes. What is
not exactly the result of the phase that comes next is refused by name, instead of ending the reader
somewhere in the mathematics.
"""

COUNT_BOUND = 1 << 31
POINT_BOUND = 1 << 53


def is_count(value: object) -> bool:
    """Tell whether it is a number of rows."""
    return type(value) is int and 0 <= value < COUNT_BOUND


def is_whole(value: object) -> bool:
    """Tell whether it is one fixed-point number."""
    return type(value) is int and abs(value) < POINT_BOUND


def is_point(value: object, length: int) -> bool:
    """Tell whether it is a list of `length` fixed-point numbers."""
    return isinstance(value, list) and len(value) == length and all(map(is_whole, value))
