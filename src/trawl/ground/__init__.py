"""Finds named things on frames: from a model's view of a frame to scored masks.

    grounder = ground.grounder(models.grounders.build(...), config, sentences)
    found = grounder.detect(session, frames, positions, phrases)          # everything that has a
                                                                          score
    found = ground.Kept(grounder, config).detect(...)                     # what reaches min_score

With CLIP and SAM 2 only, `clip.py`; with a detector, `detector.py`. Nothing in them drops a
detection for its score. Knows nothing of videos or torch.
"""

from trawl.config.models import GrounderConfig
from trawl.ground.choice import Kept
from trawl.ground.clip import ClipGrounder
from trawl.ground.detector import DetectorGrounder
from trawl.ground.views import Sentences
from trawl.models.protocols import DenseEmbedder, Detector, Grounder

__all__ = ["ClipGrounder", "DetectorGrounder", "Kept", "Sentences", "grounder"]


def grounder(
    model: DenseEmbedder | Detector, config: GrounderConfig, sentences: Sentences
) -> Grounder:
    """The grounder around a model.

    Args:
        model: from `models.grounders.build`.
        config: thresholds of candidates; `min_score` and `max_objects` are for `Kept`.
        sentences: for a model that embeds texts, such as `templates.fill` with the search's
            templates.
    """
    if isinstance(model, DenseEmbedder):
        return ClipGrounder(model, config, sentences)
    return DetectorGrounder(model, config)
