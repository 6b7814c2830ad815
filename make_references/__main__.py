"""Make every reference posterior anew, then the exercises' answers and the chapters' values: ``make references``.

They go into the package, where ``sidebyside.load_reference``, ``sidebyside.check`` and ``sidebyside.check_values`` find
them. The answers alone: ``python -m make_references.answers``; the values: ``python -m make_references.page_values``.
"""

import json
from pathlib import Path

from make_references import (
    answers,
    approximations,
    bayesian_network,
    bradley_terry,
    hierarchical_regression,
    linear_regression,
    measurement_noise,
    page_values,
    robust_regression,
    several_predictors,
    time_order,
    two_proportions,
    varying_effects,
)

STORE = Path(__file__).parents[1] / "src" / "sidebyside" / "references"


def main() -> None:
    """Write each model's JSON and the answers into the package."""
    chapters = (
        two_proportions,
        linear_regression,
        several_predictors,
        robust_regression,
        measurement_noise,
        hierarchical_regression,
        varying_effects,
        time_order,
        approximations,
        bayesian_network,
        bradley_terry,
    )
    for chapter in chapters:
        for name in chapter.MODELS:
            reference = chapter.make(name)
            (STORE / f"{name}.json").write_text(json.dumps(reference, indent=2) + "\n")
            print(name, reference["how"])  # noqa: T201
    answers.main()
    page_values.main()


if __name__ == "__main__":
    main()
