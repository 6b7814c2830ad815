"""Make every reference posterior anew: ``make references``."""

import json
from pathlib import Path

from sidebyside.references import (
    approximations,
    bayesian_network,
    bradley_terry,
    hierarchical_regression,
    linear_regression,
    measurement_noise,
    robust_regression,
    two_proportions,
)


def main() -> None:
    """Write each model's JSON beside this file."""
    chapters = (
        two_proportions,
        linear_regression,
        robust_regression,
        measurement_noise,
        hierarchical_regression,
        approximations,
        bayesian_network,
        bradley_terry,
    )
    for chapter in chapters:
        for name in chapter.MODELS:
            reference = chapter.make(name)
            Path(__file__).with_name(f"{name}.json").write_text(json.dumps(reference, indent=2) + "\n")
            print(name, reference["how"])  # noqa: T201


if __name__ == "__main__":
    main()
