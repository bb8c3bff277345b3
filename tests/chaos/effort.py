"""How much of each kind of trouble a run makes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """kills: of all kinds together; kinds: of which. nights: under a faulty S3. away_s: seconds
    that S3 is gone. bad: bad videos.
    commits: of each of four writers. poisoned: videos around the poison one. cost_s: seconds that a
    video of fixed cost takes. corpus, planned: videos of the first full run, and of the plan.
    nodes: of the simulated clusters. per_node: videos.
    enough: for ratios of seconds to mean something."""

    kills: int = 100
    kinds: tuple[str, ...] = ("driver", "actor", "decoder", "node")
    videos: int = 60
    nights: int = 20
    away_s: float = 120.0
    bad: int = 200
    commits: int = 25
    poisoned: int = 1000
    cost_s: float = 1.0
    corpus: int = 2000
    planned: int = 1_000_000
    nodes: tuple[int, ...] = (1, 2, 4, 8)
    per_node: int = 60
    seed: int = 0
    enough: bool = True


SMALL = Effort(
    enough=False,
    kills=5,
    videos=16,
    nights=2,
    away_s=4.0,
    bad=20,
    commits=4,
    poisoned=40,
    cost_s=0.3,
    corpus=100,
    planned=10_000,
    nodes=(1, 2),
    per_node=20,
)
