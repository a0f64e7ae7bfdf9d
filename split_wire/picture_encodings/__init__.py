"""Encodings of a whole picture, uint8 [1, 3, H, W]: what they know, and others do not, is that its samples are pixels.

| module | one idea |
|---|---|
| `differences` | what is left of a picture when its neighbours and its green foretell each sample |
| `webp` | a lossless WebP file |
| `jpeg_xl` | a lossless JPEG XL codestream, by an optional package |
| `jpeg` | a baseline JPEG file, which loses detail |
"""
