"""A model that says what the test wants: after each token comes the one that a table gives, whatever else was said."""

import json
import shutil

from support import checkpoints
from support.programs import SOURCE
from support.tokenizer_files import pieces_of

TOKENIZER = SOURCE / "tests" / "data" / "tokenizer" / "slow" / "llama.model"
EOS = "</s>"
HIDDEN = 448  # a dimension of the hidden state for each of the 420 tokens


def ids():
    return {text: number for number, (text, _) in enumerate(pieces_of(TOKENIZER))}


def spelled(text):
    """The pieces of one character each that spell `text`, those of bytes where the vocabulary has none."""
    known = ids()
    pieces = []
    for character in text:
        piece = "▁" if character == " " else character
        pieces += [piece] if piece in known else [f"<0x{byte:02X}>" for byte in character.encode()]
    return pieces


def answers(text, start="\n"):
    """The table of a model that says `text`, whose pieces all differ, and ends, after a prompt that ends with `start`."""
    chain = [*spelled(start)[-1:], *spelled(text), EOS]
    assert len(set(chain)) == len(chain), "a token can be followed by one other only"
    return dict(zip(chain, chain[1:]))


def endless(text, start="\n"):
    """The table of a model that says `text` again and again."""
    chain = spelled(text)
    return dict(zip([*spelled(start)[-1:], *chain], [*chain, chain[0]]))


def write(folder, table, context=4096, norm=1.0, **config):
    """The model folder of a table. Attention and MLP add nothing: the logits are those of the last token alone, 21 for
    the token that follows it and 0 for the others (all 0 where the table has none)."""
    known = ids()
    rows, size = len(known), 16
    following = {known[token]: known[then] for token, then in table.items()}
    embedding = [0.0] * (rows * HIDDEN)
    head = [0.0] * (rows * HIDDEN)
    for token in range(rows):
        embedding[token * HIDDEN + token] = 1.0
    for token, then in following.items():
        head[then * HIDDEN + token] = 1.0

    def zeros(*shape):
        return checkpoints.Tensor("F32", shape, bytes(4 * shape[0] * shape[1]))

    def norms():
        return checkpoints.tensor("F32", (HIDDEN,), [norm] * HIDDEN)

    at = "model.layers.0."
    tensors = {
        "model.embed_tokens.weight": checkpoints.tensor("F32", (rows, HIDDEN), embedding),
        f"{at}self_attn.q_proj.weight": zeros(size, HIDDEN), f"{at}self_attn.k_proj.weight": zeros(size, HIDDEN),
        f"{at}self_attn.v_proj.weight": zeros(size, HIDDEN), f"{at}self_attn.o_proj.weight": zeros(HIDDEN, size),
        f"{at}mlp.gate_proj.weight": zeros(size, HIDDEN), f"{at}mlp.up_proj.weight": zeros(size, HIDDEN),
        f"{at}mlp.down_proj.weight": zeros(HIDDEN, size),
        f"{at}input_layernorm.weight": norms(), f"{at}post_attention_layernorm.weight": norms(),
        "model.norm.weight": norms(), "lm_head.weight": checkpoints.tensor("F32", (rows, HIDDEN), head),
    }  # fmt: skip
    more = {"head_dim": size // 2, "max_position_embeddings": context} | config
    checkpoints.write_folder(folder, tensors, checkpoints.config(tensors, **more))
    shutil.copyfile(TOKENIZER, folder / "tokenizer.model")
    special = {"bos_token": "<s>", "eos_token": EOS, "unk_token": "<unk>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    (folder / "tokenizer_config.json").write_text(json.dumps(special | {"tokenizer_class": "LlamaTokenizer"}))
    return folder
