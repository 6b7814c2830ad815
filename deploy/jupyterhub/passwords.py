"""Give each account of a JupyterHub a password, before anybody can log in; ``book/jupyterhub.md`` says when.

``python passwords.py NAME ...`` sets a random password for each name and prints it. It runs with the hub's own Python,
in the folder where FirstUseAuthenticator keeps ``passwords.dbm``. A name that has a password already is an error, and
no password is set: either somebody has the account, or ``--again`` replaces a password that was forgotten.
"""

import argparse
import dbm
import secrets
import sys

from firstuseauthenticator import FirstUseAuthenticator

LETTERS = "abcdefghjkmnpqrstuvwxyz"  # without i, l and o, which are hard to tell from 1 and 0 on paper


def new_password() -> str:
    """Return three groups of four random letters: 54 bits, too many to guess through a login page."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))


def main() -> int:
    """Set the passwords, or report the names that have one."""
    parser = argparse.ArgumentParser(prog="passwords.py", description=__doc__.partition("\n\n")[0])
    parser.add_argument("names", nargs="+", metavar="name")
    parser.add_argument("--again", action="store_true", help="replace the passwords that the names have")
    given = parser.parse_args()
    hub = FirstUseAuthenticator()
    names = [hub.normalize_username(name) for name in given.names]
    with dbm.open(hub.dbm_path, "c", 0o600) as stored:
        taken = [name for name in names if name.encode() in stored]
    if taken and not given.again:
        print(f"These have a password already: {' '.join(taken)}. Nothing was changed.", file=sys.stderr)
        return 1
    for name in names:
        password = new_password()
        hub.reset_password(name, password)
        print(f"{name}\t{password}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
