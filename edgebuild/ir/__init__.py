"""The intermediate representation: a graph of TFLite operators over typed, quantized tensors."""
