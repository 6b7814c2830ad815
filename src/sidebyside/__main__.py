"""The package's commands: ``python -m sidebyside doctor``."""

from __future__ import annotations

import sys

from sidebyside import doctor

USAGE = f"""\
usage: python -m sidebyside doctor [library ...]

doctor    Is this machine ready for the course? Looks at Python, memory, disk, the C++ compiler for Stan, and runs
          a tiny model in each installed library (a minute or two). Installs nothing.
          Libraries named ({", ".join(doctor.TAGS)}) must be there, and no others are looked at.
          Exit code: 0 all well, 1 something fails, 2 the command was not understood.
"""


def main(arguments: list[str]) -> int:
    """Run a command and return its exit code."""
    command, *names = arguments or [""]
    if {"-h", "--help"} & set(arguments):
        print(USAGE, end="")  # noqa: T201
        return 0
    unknown = [name for name in names if name.lower() not in doctor.TAGS]
    if command == "doctor" and not unknown:
        return doctor.main(list(dict.fromkeys(name.lower() for name in names)))
    if command == "doctor":
        wrong = f"No library is called {', '.join(unknown)}; there are: {', '.join(doctor.TAGS)}."
    else:
        wrong = f"There is no command {command!r}." if command else "Say which command."
    print(f"{wrong}\n\n{USAGE}", end="", file=sys.stderr)  # noqa: T201
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
