"""JSON files that travel with the package, one a name."""

from importlib.resources import files


def read(folder: str, name: str, what: str) -> str:
    """Return the text of ``sidebyside/folder/name.json``; raise ``ValueError`` that names the known ones if it is none.

    ``what`` is what such a file holds, in words, for the message.
    """
    home = files("sidebyside") / folder
    path = home / f"{name}.json"
    if not path.is_file():
        known = sorted(entry.name.removesuffix(".json") for entry in home.iterdir() if entry.name.endswith(".json"))
        raise ValueError(f"There is no {what} called {name!r}. There are: {', '.join(known)}.")
    return path.read_text()
