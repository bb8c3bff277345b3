"""Detectors as folders on disk: transformers' own architectures, shrunk, at random initialisation,
with tokenizers made here.
"""

from pathlib import Path

import torch

VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    ".",
    "?",
    "a",
    "an",
    "red",
    "blue",
    "car",
    "dog",
    "star",
    "##s",
]


def owlv2(folder: Path, seed: int = 0) -> Path:
    """64 px, 16 patches of 16 px."""
    from transformers import (
        CLIPTokenizer,
        Owlv2Config,
        Owlv2ForObjectDetection,
        Owlv2ImageProcessor,
        Owlv2Processor,
    )

    from trawl.models.clip import bare

    reference = bare.tokenizer().SimpleTokenizer()
    merges = [tuple(pair) for pair in reference.bpe_ranks]
    # as transformers says it
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {names.get(word, word): token for word, token in reference.encoder.items()}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=16)
    small = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    text = {
        **small,
        "vocab_size": 49408,
        "max_position_embeddings": 16,
        "eos_token_id": 49407,
        "bos_token_id": 49406,
    }
    config = Owlv2Config(
        text_config=text,
        vision_config={**small, "image_size": 64, "patch_size": 16},
        projection_dim=32,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        Owlv2ForObjectDetection(config).save_pretrained(folder)
    Owlv2Processor(
        Owlv2ImageProcessor(size={"height": 64, "width": 64}), tokenizer
    ).save_pretrained(folder)
    return folder


def grounding_dino(folder: Path, seed: int = 0, max_text_len: int = 64) -> Path:
    """Swin of one block a stage, a BERT of two layers, 20 queries."""
    from transformers import (
        BertTokenizer,
        GroundingDinoConfig,
        GroundingDinoForObjectDetection,
        GroundingDinoImageProcessor,
        GroundingDinoProcessor,
        SwinConfig,
    )

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = BertTokenizer(
        vocab={word: i for i, word in enumerate(VOCABULARY)}, model_max_length=max_text_len
    )
    backbone = SwinConfig(
        image_size=64,
        embed_dim=16,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 2, 2],
        window_size=4,
        out_features=["stage2", "stage3", "stage4"],
    )
    text = {
        "model_type": "bert",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "vocab_size": len(VOCABULARY),
        "max_position_embeddings": 128,
    }
    config = GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=20,
        max_text_len=max_text_len,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        GroundingDinoForObjectDetection(config).save_pretrained(folder)
    images = GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    GroundingDinoProcessor(images, tokenizer).save_pretrained(folder)
    return folder
