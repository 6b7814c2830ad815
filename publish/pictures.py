"""Pictures beside the one that a notebook shows: for the projector, and the still one of an animation."""

from base64 import b64decode, b64encode
from io import BytesIO

from PIL import Image

# The type under which a cell's output holds its figure as publish/projector.py drew it; decks take it.
PROJECTOR = "image/vnd.sidebyside.projector+png"
# The environment variable that tells the kernel for which cells: the sha256 of each one's source, blanks between.
FOR_DECKS = "SIDEBYSIDE_FOR_DECKS"


def last_frame(gif: str) -> str:
    """Return the last frame of an animated GIF as PNG; both are base64.

    It is for paper, and for those who asked their system for less motion.
    """
    picture, png = Image.open(BytesIO(b64decode(gif))), BytesIO()
    picture.seek(picture.n_frames - 1)
    picture.convert("RGB").save(png, "PNG", optimize=True)
    return b64encode(png.getvalue()).decode()
