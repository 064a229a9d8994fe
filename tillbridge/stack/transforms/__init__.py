"""The transformations of a hop, carried out on the body of an event. Pure: values in, values out."""

from tillbridge.stack.transforms.arrival import ANY, arrives
from tillbridge.stack.transforms.facts import Facts, Rejected
from tillbridge.stack.transforms.run import apply, steps
from tillbridge.stack.transforms.words import words_of

__all__ = ["ANY", "Facts", "Rejected", "apply", "arrives", "steps", "words_of"]
