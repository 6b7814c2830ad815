"""The JupyterHub of ``make hub-trial``: students without accounts on this machine. For trials alone, never for a class.

The trial says where and how through the environment: HUB_TRIAL_FOLDER, HUB_TRIAL_PORT, HUB_TRIAL_NOTEBOOK and
HUB_TRIAL_DATA_LIMIT (bytes). With HUB_TRIAL_VALUES, the accounts are those of that file of values for Kubernetes;
without, everybody is let in.
"""

import os
import resource
import shutil
import sys
from pathlib import Path

import yaml
from jupyterhub.spawner import SimpleLocalProcessSpawner

FOLDER = Path(os.environ["HUB_TRIAL_FOLDER"])
PORT = int(os.environ["HUB_TRIAL_PORT"])
NOTEBOOK = Path(os.environ["HUB_TRIAL_NOTEBOOK"])
DATA_LIMIT = int(os.environ["HUB_TRIAL_DATA_LIMIT"])
VALUES = os.environ.get("HUB_TRIAL_VALUES")


class LimitedSpawner(SimpleLocalProcessSpawner):
    """Each process of a student may hold so much data and no more: the kernel refuses what goes beyond."""

    def make_preexec_fn(self, name):
        enter_home = super().make_preexec_fn(name)

        def prepare():
            enter_home()
            # Private memory that can be written to. Address space (RLIMIT_AS) would count what libraries only reserve.
            resource.setrlimit(resource.RLIMIT_DATA, (DATA_LIMIT, DATA_LIMIT))

        return prepare


def hand_out(spawner):
    """Put the notebook into a student's home, if it isn't there, as nbgitpuller would."""
    home = Path(spawner.home_dir)
    home.mkdir(parents=True, exist_ok=True)
    if not (home / NOTEBOOK.name).exists():
        shutil.copyfile(NOTEBOOK, home / NOTEBOOK.name)


c = get_config()  # noqa: F821 - JupyterHub gives it
c.JupyterHub.bind_url = f"http://127.0.0.1:{PORT}"
c.JupyterHub.hub_port = PORT + 1
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{PORT + 2}"
c.ConfigurableHTTPProxy.command = [os.environ["HUB_TRIAL_PROXY"]]
c.JupyterHub.db_url = f"sqlite:///{FOLDER / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(FOLDER / "cookie_secret")
if VALUES:
    for section, settings in yaml.safe_load(Path(VALUES).read_text())["hub"]["config"].items():
        for name, value in settings.items():
            setattr(c[section], name, value)
else:
    c.JupyterHub.authenticator_class = "dummy"
    c.DummyAuthenticator.password = "trial"
    c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = LimitedSpawner
c.SimpleLocalProcessSpawner.home_dir_template = str(FOLDER / "{username}")
c.Spawner.pre_spawn_hook = hand_out
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"] if os.getuid() == 0 else []
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = c.Spawner.http_timeout = 300  # an overloaded machine shall be slow, not give up
