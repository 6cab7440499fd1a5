"""The public Python API, one module a subject; `lzeval` itself exports its names."""
