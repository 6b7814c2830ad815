"""JupyterHub and Binder: the page shows the trial's figures, the values fit them, the image gets what it needs."""

import dbm
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import hub_trial
import nbformat
import pytest
import yaml

from publish.branch import BRANCH
from publish.launch import BINDER
from publish.study import START

ROOT = Path(__file__).parents[1]
TRIAL = json.loads((ROOT / "deploy" / "jupyterhub" / "trial.json").read_text("utf-8"))
VALUES_FILE = ROOT / "deploy" / "jupyterhub" / "values.yaml"
VALUES = yaml.safe_load(VALUES_FILE.read_text("utf-8"))
HOOK = VALUES["singleuser"]["lifecycleHooks"]["postStart"]["exec"]["command"]
COURSE = "/srv/course"  # where the image has the repository
GB_IN_MB = 10**9 / 2**20  # Kubernetes' G is 10**9 bytes, the trial's MB 2**20


def test_the_pages_show_the_trials_figures():
    pages = [page.read_text("utf-8") for page in (hub_trial.PAGE, hub_trial.GUIDE)]
    assert [hub_trial.fill(page, TRIAL) for page in pages] == pages, "make hub-trial HUB=--keep fills the pages"
    for name, text in hub_trial.parts(TRIAL).items():
        assert "".join(pages).count(f"% trial: {name}\n\n{text}\n\n% end\n") == 1


def test_a_class_that_got_slow_or_lost_somebody_is_the_last():
    alone = {"students": 1, "finished": 1, "memory": {"least_left_mb": 9000}, "errors": []}
    alone["seconds"] = {"notebook": {"slowest": 50.0}}
    assert hub_trial.too_much([alone]) == ""
    slow = alone | {"seconds": {"notebook": {"slowest": 151.0}}}
    assert hub_trial.too_much([alone, slow]) == "the slowest took 3.0 times as long as one alone"
    assert "only 1 of 2 finished: KeyError" in hub_trial.too_much(
        [alone, slow | {"students": 2, "errors": ["KeyError"]}]
    )
    assert "900 MB" in hub_trial.too_much([alone, alone | {"memory": {"least_left_mb": 900}}])


def test_the_accidents_touched_nobody_else():
    faults = TRIAL["faults"]
    assert faults["others"]["disturbed"] == {}
    assert faults["others"]["finished"] == faults["others"]["students"] > 0
    assert {faults[name]["again"] for name in ("kernel killed", "memory limit", "server killed")} == {"ok"}


def test_no_account_with_a_password_went_to_a_stranger():
    """The hub without passwords shows that the trial would have noticed."""
    prepared, open_to_all = (TRIAL["accounts"][how] for how in hub_trial.HOW)
    tries = [what for what in prepared if what.startswith("stranger")]
    assert {prepared[what] for what in tries} == {"refused"}
    assert (prepared["instructor"], prepared["student"]) == ("admin", "let in")
    assert [open_to_all[what] for what in tries if "instructor" in what] == ["admin", "admin"]
    assert {found["the password with another name"] for found in TRIAL["accounts"].values()} == {"not kept"}


def test_the_trial_says_what_is_missing_where_no_library_is_named(tmp_path):
    """``make hub-trial`` without options."""
    environment = os.environ | {"HUB_TRIAL_PACKAGES": str(tmp_path), "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(ROOT / "trials" / "hub_trial.py")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.endswith("configurable-http-proxy is missing: make hub-trial installs it\n")


# ---- accounts ------------------------------------------------------------------------------


def commands(heading: str) -> str:
    """Return the commands of a section of the page, without comments."""
    section = hub_trial.PAGE.read_text("utf-8").partition(f"\n## {heading}")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```bash\n(.+?)^```", section, re.DOTALL | re.MULTILINE)
    return re.sub(r"^#.*\n", "", "".join(blocks), flags=re.MULTILINE)


def test_the_littlest_hub_has_passwords_and_https_before_names():
    text = commands("Up to 40 people")
    steps = [
        '--admin "instructor:$PASSWORD"',
        "https.enabled true",
        "reload proxy",
        "passwords.py ada",
        "users.allowed",
    ]
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    assert "auth.type" not in text, "passwords.py is for FirstUseAuthenticator"


def test_kubernetes_has_passwords_before_the_hub_can_be_reached():
    text, accounts = commands("More people"), VALUES["hub"]["config"]["Authenticator"]
    install, given, opened = re.split(r"(kubectl --namespace class exec .+?\.py\n)", text, flags=re.DOTALL)
    assert "proxy.service.type=ClusterIP" in install
    assert "proxy.service.type" not in opened
    assert "helm upgrade" in opened
    names = [*accounts["admin_users"], *accounts["allowed_users"]]
    assert f"python3 - {' '.join(names)} " in given


def test_the_values_keep_no_password_for_other_names_and_no_plain_http():
    config = VALUES["hub"]["config"]
    assert config["JupyterHub"]["authenticator_class"] == "firstuseauthenticator.FirstUseAuthenticator"
    assert config["FirstUseAuthenticator"]["create_users"] is False
    assert VALUES["proxy"]["https"]["enabled"] is True


AUTHENTICATOR = """
import dbm

class FirstUseAuthenticator:
    dbm_path = "passwords.dbm"

    def normalize_username(self, name):
        return name.lower()

    def reset_password(self, name, password):
        with dbm.open(self.dbm_path, "c", 0o600) as stored:
            stored[name] = password
"""


@pytest.fixture
def give(tmp_path):
    """Return a function that runs passwords.py, where a stand-in takes FirstUseAuthenticator's place.

    The trial runs it with the real one, which needs JupyterHub.
    """
    (tmp_path / "firstuseauthenticator.py").write_text(AUTHENTICATOR)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}

    def run(*names):
        command = [sys.executable, str(hub_trial.PASSWORDS), *names]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


def stored(folder: Path) -> dict[str, str]:
    with dbm.open(str(folder / "passwords.dbm"), "r") as passwords:
        return {name.decode(): passwords[name].decode() for name in passwords.keys()}  # noqa: SIM118 - no mapping


def test_each_account_gets_a_password_of_its_own(give, tmp_path):
    printed = dict(line.split("\t") for line in give("Ada", "ben").stdout.splitlines())
    assert printed == stored(tmp_path)
    assert list(printed) == ["ada", "ben"]
    assert printed["ada"] != printed["ben"]
    assert all(re.fullmatch(r"[a-z]{4}-[a-z]{4}-[a-z]{4}", password) for password in printed.values())


def test_an_account_keeps_its_password_unless_it_is_replaced(give, tmp_path):
    first = dict(line.split("\t") for line in give("ada").stdout.splitlines())
    again = give("ada", "ben")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "These have a password already: ada. Nothing was changed.\n"
    assert stored(tmp_path) == first
    assert give("--again", "ada").returncode == 0
    assert stored(tmp_path)["ada"] != first["ada"]


@pytest.mark.parametrize("tag", TRIAL["libraries"])
def test_the_values_give_a_student_what_the_trial_measured(tag):
    """What is guaranteed holds server and kernel; below the limit, the kernel may grow by half."""
    alone = next(step for step in TRIAL["libraries"][tag]["steps"] if step["students"] == 1)["memory"]
    memory = VALUES["singleuser"]["memory"]
    said = "# for PyMC, NumPyro or Stan; for Pyro: guarantee 2G; for TFP: guarantee 4G, limit 5G\n"
    assert said in VALUES_FILE.read_text("utf-8")
    memory = memory | {"pyro": {"guarantee": "2G"}, "tfp": {"guarantee": "4G", "limit": "5G"}}.get(tag, {})
    guarantee, limit = (int(memory[name].removesuffix("G")) * GB_IN_MB for name in ("guarantee", "limit"))
    assert guarantee > alone["server_pss_mb"] + alone["kernel_pss_mb"]
    assert limit > alone["server_pss_mb"] + 1.5 * alone["kernel_pss_mb"]


def test_the_values_open_what_the_image_holds():
    *_, study = map(Path, HOOK)
    assert str(study.parent) == "/home/jovyan"
    assert VALUES["singleuser"]["defaultUrl"] == f"/lab/tree/{study.name}/{START}"
    page = hub_trial.PAGE.read_text("utf-8")
    assert f"--target-repo-dir {COURSE} \\\n" in page
    image = VALUES["singleuser"]["image"]
    assert page.count(f"{image['name']}:{image['tag']}") == 2


@pytest.fixture
def image(tmp_path):
    """Return the repository as repo2docker's image holds it, with two chapters, and the environment of its commands.

    Python finds there what is installed from ``src``, and in the folder itself what stands beside it.
    """
    root = tmp_path / "repository"
    (root / "notebooks").mkdir(parents=True)
    for name in ("_config.yml", "postBuild", "book", ".jupyter", "publish", "src"):
        (root / name).symlink_to(ROOT / name)
    for path in (ROOT / "notebooks").glob("0[26]*.ipynb"):
        shutil.copy(path, root / "notebooks")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    prefix = str(tmp_path / "prefix")
    return root, os.environ | {"NB_PYTHON_PREFIX": prefix, "PATH": path, "PYTHONPATH": str(ROOT / "src")}


def test_the_hook_makes_the_start_page_in_the_home_wherever_kubernetes_runs_it(image, tmp_path):
    root, environment = image
    command = [part.replace(COURSE, str(root)).replace("/home/jovyan", str(tmp_path / "home")) for part in HOOK]
    subprocess.run(command, cwd="/", env=environment, check=True)
    nbformat.validate(nbformat.read(tmp_path / "home" / "study" / START, as_version=4))


def test_post_build_makes_the_start_page_and_jupyterlabs_settings(image):
    """What repo2docker runs in the image, run here in a copy."""
    root, environment = image
    subprocess.run(["./postBuild"], cwd=root, env=environment, check=True)
    nbformat.validate(nbformat.read(root / "study" / START, as_version=4))
    prefix = Path(environment["NB_PYTHON_PREFIX"])
    settings = json.loads((prefix / "etc" / "jupyter" / "labconfig" / "default_setting_overrides.json").read_text())
    assert settings["@jupyterlab/docmanager-extension:plugin"]["defaultViewers"]["markdown"] == "Jupytext Notebook"


def test_no_folder_hides_the_roots_environment_from_repo2docker():
    assert not [name for name in ("binder", ".binder") if (ROOT / name).exists()]
    assert os.access(ROOT / "postBuild", os.X_OK)


def test_binders_addresses_are_those_of_the_buttons_and_of_the_start_page():
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["repository"]
    page, owner = hub_trial.PAGE.read_text("utf-8"), config["url"].removeprefix("https://github.com/")
    published = BINDER.format(owner=owner, branch=BRANCH, path=f"lab/tree/pymc/{hub_trial.CHAPTER}")
    source = BINDER.format(owner=owner, branch=config["branch"], path=f"lab/tree/study/{START}")
    assert f"{published}\n{source}\n" in page
