"""How good is a run, by the dataset's ground truth: `python -m jobs.evaluate +dataset=demo
[run=latest]`.
"""

from trawl import cli
from trawl.config.jobs import EvaluateConfig
from trawl.exits import Outcome


def evaluate(config: EvaluateConfig) -> Outcome:
    """The objective is what a sweep compares.

    Exit code: of the tracking that was done for it; 0 where a run was named.
    """
    from trawl.evaluate.job import run

    found = run(config)
    return Outcome(found.exit_code, found.objective, found.evaluation.run_id)


if __name__ == "__main__":
    cli.main("evaluate", EvaluateConfig, evaluate)
