"""Density mutants of chapter 8, each with its own library's cells only, up to the density check that must raise."""
import os, sys, time
os.environ["SIDEBYSIDE_STORING"] = "1"
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
sys.path.insert(0, "tests")
from mutants import Mutant, BROKEN
from sidebyside.libraries import LIBRARIES, TAGS
M = [
        Mutant("PyMC", "prior scale of gamma_1 doubled", "intercepts-model-pymc", '"gamma_1", 0, 1', '"gamma_1", 0, 2'),
        Mutant("PyMC", "steps not correlated with levels", "slopes-model-pymc",
               "pair = rho * z_alpha + pm.math.sqrt(1 - rho**2) * z_beta", "pair = z_beta + 0 * rho"),
        Mutant("Stan", "uranium dropped", "intercepts-model-stan", "gamma_0 + gamma_1 * u +", "gamma_0 +"),
        Mutant("NumPyro", "non-centring without the scale", "intercepts-model-numpyro", "+ sigma_alpha * z", "+ z"),
        Mutant("NumPyro", "LKJ prior with another eta", "slopes-model-numpyro", "dist.Beta(2, 2)", "dist.Beta(1, 1)"),
        Mutant("Pyro", "counties' effects dropped", "intercepts-model-pyro", " + sigma_alpha * z", ""),
        Mutant("Pyro", "counties off by one", "slopes-model-pyro", "alpha[..., county] +", "alpha[..., county - 1] +"),
        Mutant("TFP", "prior scale of sigma_y halved", "intercepts-model-tfp", '"sigma_y": tfd.HalfNormal(double(1))',
               '"sigma_y": tfd.HalfNormal(double(0.5))'),
        Mutant("TFP", "steps with the levels' scale", "slopes-model-tfp", "sigma_beta * pair", "sigma_alpha * pair"),
]
only = set(sys.argv[1:])
for m in M:
    if only and m.library not in only: continue
    nb = nbformat.read("notebooks/08_hierarchical_regression.ipynb", 4)
    cells = [c for c in nb.cells if c.metadata.get("name") == m.cell]
    assert len(cells) == 1 and cells[0].source.count(m.old) == 1, (m, cells and cells[0].source.count(m.old))
    cells[0].source = cells[0].source.replace(m.old, m.new)
    others = set(TAGS) - {LIBRARIES[m.library].tag}
    nb.cells = [c for c in nb.cells if c.cell_type == "code" and not others & set(c.metadata.get("tags", []))]
    kind = m.cell.split("-")[0]
    if kind == "slopes":
        first = next(i for i, c in enumerate(nb.cells) if c.metadata.get("name", "").startswith("intercepts-draw"))
        last = next(i for i, c in enumerate(nb.cells) if "dims_slopes =" in c.source)
        del nb.cells[first:last]
    stop = next(i for i, c in enumerate(nb.cells) if c.source == "sbs.check_densities(densities, reference)" and (kind == "intercepts" or any("radon_slopes" in d.source for d in nb.cells[:i])))
    nb.cells = [c for c in nb.cells[:stop + 1] if not c.metadata.get("name", "").startswith("fig-")]
    t = time.time()
    try:
        NotebookClient(nb, timeout=900, resources={"metadata": {"path": "notebooks"}}).execute()
        print("LIVED", m.library, m.what)
    except CellExecutionError as e:
        ok = e.ename in m.caught_by and m.library in e.evalue
        print("caught" if ok else "WRONG", m.library, m.what, f"{time.time()-t:.0f}s", e.ename, e.evalue[:230], flush=True)
