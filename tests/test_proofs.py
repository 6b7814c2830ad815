"""The proof in one call: its line and tables where all is right, an error with library and parameter where not."""

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from toy_posteriors import REFERENCE, right_draws, tree_of

import sidebyside as sbs
from sidebyside import agreement, density, proofs

# Tags that GitHub's and JupyterLab's sanitizers let through; attributes but these are dropped or ignored there.
HARMLESS_TAGS = {"p", "details", "summary", "table", "thead", "tbody", "tr", "th", "td"}
HARMLESS_ATTRIBUTES = {"border", "class", "style", "rowspan", "valign"}


@pytest.fixture
def evaluated(monkeypatch):
    """Give every library a log density of its own: the program's "model" is what it differs by at each point.

    Returns what each library's density function was called with.
    """
    calls = {}

    def fake(library):
        def evaluate(model, points, *args, **data):
            assert points is REFERENCE.points
            calls[library] = (args, data)
            return REFERENCE.log_density + 7 + np.asarray(model)

        return evaluate

    for name, library in sbs.LIBRARIES.items():
        monkeypatch.setattr(density, library.tag, fake(name))
    return calls


def programs_of(*libraries):
    return {library: sbs.program(np.zeros(3)) for library in libraries}


def posteriors_of(*libraries):
    return {library: tree_of(**right_draws(np.random.default_rng(number))) for number, library in enumerate(libraries)}


@pytest.mark.parametrize(
    ("libraries", "beginning"),
    [
        (("PyMC",), "PyMC and the reference: one function, one posterior"),
        (("PyMC", "Stan"), "Two libraries, one function, one posterior"),
        (("TFP", "Pyro", "Stan"), "Three libraries, one function, one posterior"),
        (("PyMC", "Stan", "Pyro", "TFP"), "Four libraries, one function, one posterior"),
        (tuple(sbs.LIBRARIES), "Five libraries, one function, one posterior"),
    ],
)
def test_the_line_says_who_and_how_near(evaluated, libraries, beginning):
    found = sbs.proof(programs_of(*libraries), posteriors_of(*libraries), REFERENCE)
    z = found.agreement[["z of mean", "z of sd"]].abs().to_numpy().max()
    allowed = found.agreement.attrs["threshold"]
    assert found.line == f"{beginning} (largest |z| {z:.1f}; {allowed:.1f} allowed)." == repr(found) == str(found)
    assert 0 < z < allowed and list(evaluated) == list(libraries)
    assert list(found.densities.columns) == ["reference", *libraries]
    assert list(found.sampling.index) == list(libraries)
    assert list(found.agreement.loc["sigma"].index) == list(libraries)


def test_a_program_reaches_its_librarys_density(evaluated):
    programs = {
        "PyMC": sbs.program(np.zeros(3)),
        "Stan": sbs.program(np.zeros(3)),
        "NumPyro": sbs.program(np.zeros(3), 1, 2, y=3),
        "Pyro": sbs.program(np.zeros(3), 4, y=5),
        "TFP": sbs.program(np.zeros(3), y=6),
    }
    sbs.proof(programs, posteriors_of(*programs), REFERENCE)
    assert evaluated == {
        "PyMC": ((), {}),
        "Stan": ((), {}),
        "NumPyro": ((1, 2), {"y": 3}),
        "Pyro": ((4,), {"y": 5}),
        "TFP": ((), {"y": 6}),
    }


def test_a_program_that_is_another_function_is_named_before_its_draws(evaluated):
    programs = programs_of("PyMC", "Pyro") | {"Stan": sbs.program([0, 0, 0.3])}
    draws = right_draws()
    draws["mu"][2] += 5  # a failure of the draws, too
    posteriors = posteriors_of("PyMC", "Pyro") | {"Stan": tree_of(**draws)}
    with pytest.raises(density.DensityDisagreementError, match=r"^Stan's model is not .* \(changing sigma: off by"):
        sbs.proof(programs, posteriors, REFERENCE)


def test_a_wider_tolerance_is_one_library_s_and_is_said(evaluated):
    programs = programs_of("PyMC", "Stan")
    off = replace(programs["PyMC"], model=np.array([0, 2e-6, 0]))
    posteriors = posteriors_of("PyMC", "Stan")
    wider = {"PyMC": 1e-5, "TFP": 1}  # a library that did not run is left out
    found = sbs.proof(programs | {"PyMC": off}, posteriors, REFERENCE, tolerance=wider)
    assert "within 1e-06. For PyMC 1e-05 passes.<" in found._repr_html_() and "TFP" not in found._repr_html_()
    assert "For PyMC" not in sbs.proof(programs, posteriors, REFERENCE)._repr_html_()
    for wrong, tolerance in (("PyMC", None), ("PyMC", {"PyMC": 1e-6}), ("Stan", wider)):
        with pytest.raises(density.DensityDisagreementError, match=wrong):
            sbs.proof(programs | {wrong: off}, posteriors, REFERENCE, tolerance=tolerance)


def test_chains_that_disagree_are_named_before_the_moments(evaluated):
    draws = right_draws()
    draws["sigma"][2] += 0.4
    posteriors = posteriors_of("PyMC", "Stan") | {"Pyro": tree_of(**draws)}
    with pytest.raises(agreement.SamplingError, match=r"^Pyro: the chains disagree on sigma \(R-hat"):
        sbs.proof(programs_of(*posteriors), posteriors, REFERENCE)


def test_another_posterior_is_named(evaluated):
    draws = right_draws(np.random.default_rng(3))
    posteriors = posteriors_of("PyMC", "Stan") | {"TFP": tree_of(**draws | {"mu": draws["mu"] + 0.2})}
    with pytest.raises(agreement.DisagreementError, match=r"^TFP: the posterior mean of mu is 0\.2"):
        sbs.proof(programs_of(*posteriors), posteriors, REFERENCE)


@pytest.mark.parametrize(
    ("programs", "posteriors", "said"),
    [
        (("PyMC", "Stan"), ("PyMC",), "Stan: there is a program, and no posterior"),
        (("PyMC",), ("PyMC", "Pyro", "TFP"), "Pyro, TFP: there is a posterior, and no program"),
        (("PyMC", "JAGS"), ("PyMC", "JAGS"), "No library is called JAGS; there are: PyMC, Stan, NumPyro, Pyro, TFP"),
        (("PyMC",), ("pymc",), "No library is called pymc"),
        ((), (), "nothing to prove"),
    ],
)
def test_libraries_must_be_known_and_in_both(evaluated, programs, posteriors, said):
    with pytest.raises(ValueError, match=said):
        sbs.proof(programs_of(*programs), posteriors_of(*posteriors), REFERENCE)
    assert evaluated == {}


@pytest.mark.parametrize(
    ("library", "program", "said"),
    [
        ("PyMC", sbs.program(np.zeros(3), 1.0), "PyMC: a program is the model alone"),
        ("Stan", sbs.program(np.zeros(3), y=1.0), "Stan: a program is the model alone"),
        ("TFP", sbs.program(np.zeros(3), 1.0), "TFP: give the observed parts by name"),
        ("NumPyro", np.zeros(3), r"NumPyro: programs\['NumPyro'\] must be made by sbs.program"),
    ],
)
def test_what_is_no_program_of_its_library_is_refused(evaluated, library, program, said):
    with pytest.raises(proofs.ProgramError, match=said):
        sbs.proof({library: program}, posteriors_of(library), REFERENCE)


class Page(HTMLParser):
    """Reads HTML, and notes what stands in it and what is folded."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, "details" in self.open, dict(attrs)))
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.words.append((data.strip(), self.open[-1], "details" in self.open))


def test_the_line_is_seen_and_three_tables_with_captions_are_folded_under_it(evaluated):
    found = sbs.proof(programs_of("PyMC", "Stan"), posteriors_of("PyMC", "Stan"), REFERENCE)
    page = Page(found._repr_html_())
    assert page.open == [] and page.words[0] == (found.line, "p", False)
    assert [word for word in page.words if not word[2]] == page.words[:1]  # the rest is folded
    assert page.words[1] == ("The tables behind this line", "summary", True)
    assert [attrs for tag, folded, attrs in page.tags if tag == "table" and folded] == [
        {"border": "1", "class": "dataframe"}
    ] * 3
    captions = [text for text, tag, folded in page.words if folded and tag == "p"]
    assert [caption.split(":")[0] for caption in captions] == [
        "One function",
        "The samplers did their work",
        "One posterior",
    ]
    assert f"|z| up to {found.agreement.attrs['threshold']:.1f} passes" in captions[2]
    cells = {text for text, tag, _ in page.words if tag in ("th", "td")}
    assert {"PyMC", "Stan", "mu", "sigma", "largest R-hat", "z of mean", "reference"} <= cells


def test_the_html_is_of_tags_that_sanitizers_let_through(evaluated):
    page = Page(sbs.proof(programs_of("PyMC"), posteriors_of("PyMC"), REFERENCE)._repr_html_())
    assert {tag for tag, _, _ in page.tags} <= HARMLESS_TAGS and page.attributes <= HARMLESS_ATTRIBUTES


def test_real_programs_of_two_libraries_are_proved_and_a_broken_one_is_named():
    numpyro = pytest.importorskip("numpyro")
    pyro = pytest.importorskip("pyro")
    import torch
    from numpyro import distributions as dist

    numpyro.enable_x64()
    y = np.array([0.3, -1.2, 2.1])

    def numpyro_model(y, scale=2.0):
        mu, sigma = numpyro.sample("mu", dist.Normal(1, scale)), numpyro.sample("sigma", dist.HalfNormal(3))
        numpyro.sample("y", dist.Normal(mu, sigma), obs=y)

    def pyro_model(y):
        mu = pyro.sample("mu", pyro.distributions.Normal(torch.tensor(1.0).double(), 2))
        sigma = pyro.sample("sigma", pyro.distributions.HalfNormal(torch.tensor(3.0).double()))
        with pyro.plate("rows", len(y)):
            pyro.sample("y", pyro.distributions.Normal(mu, sigma), obs=y)

    reference = replace(REFERENCE, log_density=density.pyro(pyro_model, REFERENCE.points, torch.tensor(y)))
    programs = {"NumPyro": sbs.program(numpyro_model, y), "Pyro": sbs.program(pyro_model, torch.tensor(y))}
    posteriors = posteriors_of(*programs)
    assert sbs.proof(programs, posteriors, reference).line.startswith("Two libraries, one function")
    programs["NumPyro"] = sbs.program(numpyro_model, y, scale=3.0)
    with pytest.raises(density.DensityDisagreementError, match=r"NumPyro's model .*changing mu: off by"):
        sbs.proof(programs, posteriors, reference)
