"""Are the libraries' densities one function? ``python -m benchmark.density '{...}'`` asks one library, data set by set.

This runs before anything is timed. It uses the chapters' cells and data as the timed runs do.
"""

import json
import sys
from pathlib import Path

import numpy as np

from benchmark import cells, problems
from benchmark.ways import WAYS, Task
from sidebyside.density import TOLERANCE, DensityDisagreementError, check_densities


def main() -> None:
    """Write a line of JSON per data set: the largest difference, and what is wrong (or "")."""
    spec = json.loads(sys.argv[1])
    with Path(spec["out"]).open("a") as out:
        for path in spec["problems"]:
            about, data = cells.read(path)
            reference = problems.make(about["name"]).reference
            task = Task(about, data, 4, 1, 1, 0.8, [tuple(pair) for pair in spec["changes"]], Path(spec["notebooks"]))
            way = WAYS[spec["way"]](task)
            way.load()
            way.build()
            found = way.density(reference.points)
            off = found - found[0] - (reference.log_density - reference.log_density[0])
            # of a sum of a million terms, the last digits are rounding
            tolerance = max(TOLERANCE, 1e-11 * float(np.abs(reference.log_density).max()))
            fault = ""
            try:
                check_densities({way.library: found}, reference, tolerance)
            except DensityDisagreementError as error:
                fault = str(error)
            answer = {"data": about["name"], "density_off": float(np.abs(off).max()), "density_fault": fault}
            out.write(json.dumps(answer) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
