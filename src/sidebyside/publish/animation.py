"""The still picture of an animated one: for paper, and for those who asked their system for less motion."""

from base64 import b64decode, b64encode
from io import BytesIO

from PIL import Image


def last_frame(gif: str) -> str:
    """Return the last frame of an animated GIF as PNG; both are base64."""
    picture, png = Image.open(BytesIO(b64decode(gif))), BytesIO()
    picture.seek(picture.n_frames - 1)
    picture.convert("RGB").save(png, "PNG", optimize=True)
    return b64encode(png.getvalue()).decode()
