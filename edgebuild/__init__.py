"""edgebuild turns a trained model into a blob that an emulator has proven."""

__version__ = "0.1.0"
