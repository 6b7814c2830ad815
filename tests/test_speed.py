"""No page claims that something is quick or slow without a number from a stored benchmark behind it.

A claim is a sentence that names a library (or what computes: a compiler, threads, chains, a GPU) and says how fast it
is. Each stands in a table below: with what the stored run must say for it to be true, or with why it claims nothing.
"""

import re
from pathlib import Path

import nbformat
import pytest

import sidebyside as sbs
from benchmark import problems

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("notebooks/*.md")), *sorted(ROOT.glob("book/*.md")), *sorted(ROOT.glob("slides/*.md"))]
PAGES = {str(path.relative_to(ROOT).with_suffix("")): path for path in [*PAGES, ROOT / "README.md"]}
COMPUTES = re.compile(
    r"\b(PyMC|nutpie|BlackJAX|PyTensor|numba|(Py)?Stan(’s|'s)?|(Num)?Pyro|TFP|TensorFlow|JAX|XLA|PyTorch|Fortran|"
    r"jit\w*|compil\w+|GPUs?|threads?|chains?|samplers?|librar(y|ies)|the five|the other four|NUTS|"
    r"max_tree_depth|each step)\b"
)
SPEED = re.compile(
    r"\b(fast|faster|fastest|quick|quicker|quickest|quickly|slow|slower|slowest|slowly|speed\w*|cheap|cheaper|sooner|"
    r"in no time|takes? (much |far |a little )?(longer|less time)|(second|minute|hour)s? a \w+|"
    r"(\d+|two|three|four|five|ten|twenty|thirty|few|some) (milliseconds?|seconds?|minutes?|hours?)|"
    r"(\d+|twice|three times|ten times|hundred times) as (fast|long|slow)|minutes (to|for))\b",
    re.IGNORECASE,
)


def prose(text: str) -> str:
    """Return a page's text without code, and without what only says how a page is made."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    text = re.sub(r"^(`{3,}|~{3,}).*?^\1\s*$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->|^\+\+\+[^\n]*$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"\]\([^)]*\)|\{[a-z:]+\}`[^`]*`", "]", text)


def claims(text: str) -> list[str]:
    """Return the sentences of a page that name what computes and say how fast it is."""
    paragraphs = re.split(r"\n\s*\n|\n(?=[-*|#] ?)|\n(?=\d+\. )", prose(text))
    sentences = [
        sentence
        for paragraph in paragraphs
        for sentence in re.split(r"(?<=[.!?])[*_)”\"]*\s+", " ".join(paragraph.split()))
    ]
    found = [sentence for sentence in sentences if COMPUTES.search(sentence) and SPEED.search(sentence)]
    return [sentence for sentence in found if not sentence.rstrip('*_"” ').endswith("?")]  # a question claims nothing


def takes(bench, way: str, data: str, column: str = "sampling_s") -> float:
    """Return a median of the stored run."""
    here = bench.of_data(data).set_index("way")
    assert way in here.index, f"The stored benchmark has no right result of {way} on {data}."
    return here.loc[way, column]


def slowest(bench, way: str, data: str) -> bool:
    """Tell whether each other library, in whatever way, gives more effective draws a second."""
    here = bench.of_data(data)
    others = here[here["library"] != bench.ways.loc[way, "library"]]
    return (
        others["library"].nunique() == 4
        and here.set_index("way").loc[way, "ess_bulk_per_s"] < others["ess_bulk_per_s"].min()
    )


def quicker(bench, way: str, other: str, data: str, column: str = "sampling_s") -> float:
    """Return how many times as long ``other`` takes."""
    return takes(bench, other, data, column) / takes(bench, way, data, column)


def chapter_of(data: str) -> Path:
    """Return the chapter that fits a model to these data."""
    return ROOT / "notebooks" / f"{problems.MODELS[problems.describe(data)['model']].chapter}.md"


def packing(bench) -> bool:
    """Tell whether TFP comes to its first draws sooner if its unknowns are one vector."""
    return quicker(bench, "tfp-packed", "tfp", "radon", "first_draw_s") > 1.5


# (page, words of the sentence): what the stored run must say
TRUE = {
    ("notebooks/04_five_libraries", "XLA, the compiler that JAX uses as well, makes them fast"): lambda b: (
        takes(b, "tfp", "hogg", "limit_per_s") > takes(b, "pyro-jit", "hogg", "limit_per_s")
    ),
    ("notebooks/04_five_libraries", "still the slowest of the five here"): lambda b: slowest(b, "pyro-jit", "hogg"),
    ("notebooks/06_robust_regression", "compiles it, which takes longer than sampling does"): lambda b: (
        takes(b, "stan", "hogg", "compile_s") > takes(b, "stan", "hogg")
    ),
    ("notebooks/08_hierarchical_regression", "with ninety unknowns that makes minutes"): lambda b: (
        takes(b, "pyro-jit", "radon") / (b.settings["warmup"] + b.settings["draws"]) * 2000 > 2 * 60
    ),
    ("notebooks/08_hierarchical_regression", "fuses the recorded operations into a few loops"): lambda b: (
        2 < takes(b, "pyro-fused", "radon", "compile_s") - takes(b, "pyro-replayed", "radon", "compile_s") < 60
        and quicker(b, "pyro-fused", "pyro-replayed", "radon") > 1
    ),
    ("notebooks/11_large_data", "A library's compiled code can be a few times faster than this NumPy"): lambda b: (
        # two chains at a time; the page has 10 to 25 looks a second at a million readings, which are ten times as many
        2 < takes(b, "pymc-nutpie-numba", "student-t-100000", "limit_per_s") / 2 / 10 / 25 < 10
    ),
    ("notebooks/08_hierarchical_regression", "makes the unknowns one vector, which compiles faster"): packing,
    ("notebooks/11b_many_machines", "makes the unknowns one vector, which compiles faster"): packing,
    ("notebooks/13_choosing_a_library", "makes the unknowns one vector, which XLA compiles faster"): packing,
    ("book/instructors", "it is small, needs no compiler, and starts quickly"): lambda b: (
        takes(b, "numpyro-vectorized", "hogg", "first_draw_s") < 10
    ),
    ("book/jupyterhub", "for some 20 seconds of a whole core"): lambda b: (
        14 < takes(b, "stan", "hogg", "compile_s") < 30
    ),
    ("notebooks/13_choosing_a_library", "The measurements below found this faster on a processor"): lambda b: (
        quicker(b, "numpyro-parallel", "numpyro-vectorized", "matches", "first_draw_s") > 1
        and quicker(b, "numpyro-parallel", "numpyro-vectorized", "matches") > 1
    ),
    ("notebooks/13_choosing_a_library", "twenty numbers are drawn from in no time"): lambda b: (
        takes(b, "stan", "hogg") < 2
    ),
    ("slides/workshop", "Stan compiles for some 15 seconds or more"): lambda b: (
        takes(b, "stan", "hogg", "compile_s") > 13
    ),
    ("README", "Stan's compiler is the slowest"): lambda b: (
        b.of_data("hogg").query("course").sort_values("compile_s").iloc[-1]["library"] == "Stan"
    ),
}

# (page, words of the sentence): why no library is called fast or slow there
NO_CLAIM = {
    ("notebooks/03_sampling", "A longer run helps, but slowly"): "the square root of the number of draws, shown there",
    ("notebooks/03b_hamiltonian", "the chain explores the tails slowly"): "of the posterior's shape, by the E-BFMI",
    (
        "notebooks/13_choosing_a_library",
        "Take the JAX one, it is ten times faster",
    ): "what a colleague says; the chapter tests it",
    (
        "notebooks/13_choosing_a_library",
        "A sampler with too few steps of adaptation is fast, and wrong",
    ): "what to ask of a benchmark",
    (
        "notebooks/13_choosing_a_library",
        "Each of the five can be made slow with one careless line",
    ): "what to ask of a benchmark",
    ("notebooks/13_choosing_a_library", "is Martin Ingram's, of December 2021"): "his comparison, with its source",
    (
        "notebooks/13_choosing_a_library",
        "Here is each library in its fastest way",
    ): "the figures follow, from the stored run",
    (
        "notebooks/13_choosing_a_library",
        "A sampler can't be faster than the slopes it asks for",
    ): "so it is by definition",
    ("notebooks/13_choosing_a_library", "they paid from about 50,000 matches on"): "his figures, with their source",
    (
        "notebooks/11_large_data",
        "It is slow, since each step is a small conversation",
    ): "its seconds stand in the page's table",
    ("notebooks/11_large_data", "quicker than shuffling a million numbers at each step"): "of a thousand and a million",
    ("notebooks/11_large_data", "256 chains take little longer than four"): "the page's table, held below",
    ("notebooks/11_large_data", "all chains wait for the slowest"): "of paths of several lengths",
    ("notebooks/11b_many_machines", "what is slow to compile is compiled once"): "how to write a fit",
    ("notebooks/11b_many_machines", "To have something quick in hand"): "a grid, no library",
    ("notebooks/11b_many_machines", "two workers would hardly have been faster"): "a reckoning from the page's table",
    ("notebooks/11b_many_machines", "A fit takes 4 minutes"): "an exercise's figures",
    ("book/jupyterhub", "the slowest took 4.8 times as long as one alone"): "students, in the hub's own trial",
    ("book/libraries", "compares the five: measured speeds"): "where the numbers are",
    ("book/instructors", "is quicker than mending it in the room"): "advice",
    ("slides/lightning", "Five minutes on Bayesian statistics"): "the talk's own length",
    ("notebooks/13_choosing_a_library", "0.35 instead of 0.71 milliseconds"): "measured when it changed, one core",
    ("notebooks/09b_time_order", "each is a new run: two minutes with TFP, five with Pyro"): "measured: 105 and 272 s",
}
STEPS = re.compile(r"chains, warmup, draws = 4, (?P<warmup>\d+), (?P<draws>\d+)")

# measured with each chapter's stored run (tests/test_prose.py)
MEASURED = re.compile(r"It takes about \d+ minutes? to run with all five")


@pytest.mark.parametrize("page", PAGES)
def test_each_claim_about_speed_has_a_number_behind_it(page):
    text = PAGES[page].read_text()
    known = [words for where, words in [*TRUE, *NO_CLAIM] if where == page]
    found = [one for one in claims(text) if not MEASURED.search(one)]
    bare = [one for one in found if not any(words in one for words in known)]
    assert not bare, (
        f"{page} says how fast something is, and no stored benchmark stands behind it: {bare}. Show a number from "
        "sbs.load_benchmark(), or put what the stored run must say into the table of tests/test_speed.py."
    )
    said = " ".join(prose(text).split())
    gone = [words for words in known if words not in said]
    assert not gone, f"{page} does not say this any more; take it out of tests/test_speed.py: {gone}"


@pytest.mark.parametrize(("page", "words"), TRUE)
def test_the_stored_benchmark_says_so_too(page, words):
    assert TRUE[page, words](sbs.load_benchmark()), f"{page}: {words!r} is not what the stored benchmark says."


@pytest.mark.parametrize("library", sbs.LIBRARIES)
@pytest.mark.parametrize("data", problems.COURSE)
def test_a_chapter_runs_each_library_nearly_as_fast_as_it_can(data, library):
    """By the seconds that a reader waits who runs the chapter: compile, and draw as many as it draws.

    Without the import, of which the chapter's first cell has done most: behind that, nutpie takes 0.2 s, not 1.2. And
    a reader of one library has no other, so PyMC may not borrow JAX.
    """
    bench = sbs.load_benchmark()
    steps = STEPS.search(chapter_of(data).read_text())
    more = (int(steps["warmup"]) + int(steps["draws"])) / (bench.settings["warmup"] + bench.settings["draws"])
    here = bench.of_data(data)
    borrowed = (here["library"] == "PyMC") & here["label"].str.contains("JAX|NumPyro")
    own = here[(here["library"] == library) & ~borrowed].set_index("label")
    waits = own["first_draw_s"] - own["import_s"] + (more - 1) * own["sampling_s"]
    [chapter] = waits[own["course"]]
    assert chapter <= 1.5 * waits.min(), waits


def test_256_chains_take_little_longer_than_four():
    notebook = nbformat.read(ROOT / "notebooks" / "11_large_data.ipynb", as_version=4)
    shown = [str(output.get("data", "")) for cell in notebook.cells for output in cell.get("outputs", [])]
    table = next(text for text in shown if "draws per second" in text)
    four, many = (float(re.search(rf"\\n{chains} +([\d.]+)", table)[1]) for chains in (4, 256))
    assert many < 2 * four


@pytest.mark.parametrize(
    "sentence",
    [
        "NumPyro is faster than Stan.",
        "With a GPU that takes ten seconds.",
        "Here Pyro draws twice as fast.",
        "Its compiler makes short work of it: the sampler takes much longer.",
        "> *Stan* compiles slowly",
    ],
)
def test_a_new_claim_is_seen(sentence):
    assert claims(f"# Title\n\nSome words first. {sentence} And more.\n\n```python\nStan is slow\n```\n")


@pytest.mark.parametrize(
    "sentence", ["The second library is PyMC.", "The quick brown fox.", "Look at the first chain."]
)
def test_what_is_no_claim_is_left_alone(sentence):
    assert not claims(f"{sentence}\n\n```{{code-cell}} ipython3\nprint('Stan is fast')\n```\n")
