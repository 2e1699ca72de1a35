"""voc: feedback in, understood, routed, kept."""

__version__ = "0.1.0"
