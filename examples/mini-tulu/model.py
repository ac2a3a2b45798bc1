"""LLaMA in plain torch: what transformers' LlamaForCausalLM computes, under the same tensor names."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class RMSNorm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotary_tables(config):
    """cos and sin, one row a position, for the rotation of a head's first half against its second."""
    size = config["hidden_size"] // config["num_attention_heads"]
    frequencies = config["rope_theta"] ** -(torch.arange(0, size, 2).float() / size)
    angles = torch.arange(config["max_position_embeddings"]).float()[:, None] * frequencies
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat([-x[..., half:], x[..., :half]], dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        size = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(size, size, bias=False) for _ in range(4))

    def forward(self, x, cos, sin, mask):
        rows, length, size = x.shape
        q, k, v = (project(x).view(rows, length, self.heads, -1).transpose(1, 2)
                   for project in (self.q_proj, self.k_proj, self.v_proj))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        weights = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(size // self.heads) + mask, dim=-1)
        return self.o_proj((weights @ v).transpose(1, 2).reshape(rows, length, size))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        size, inner = config["hidden_size"], config["intermediate_size"]
        self.gate_proj, self.up_proj = nn.Linear(size, inner, bias=False), nn.Linear(size, inner, bias=False)
        self.down_proj = nn.Linear(inner, size, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        size, eps = config["hidden_size"], config["rms_norm_eps"]
        self.self_attn, self.mlp = Attention(config), MLP(config)
        self.input_layernorm, self.post_attention_layernorm = RMSNorm(size, eps), RMSNorm(size, eps)

    def forward(self, x, cos, sin, mask):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.norm = RMSNorm(config["hidden_size"], config["rms_norm_eps"])


class Llama(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.model = Body(config)
        self.lm_head = nn.Linear(config["hidden_size"], config["vocab_size"], bias=False)
        self.cos, self.sin = rotary_tables(config)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                scale = 0.3 if "embed" in name else 0.02 if "lm_head" in name else weight.shape[1] ** -0.5
                nn.init.normal_(weight, std=scale / (2.0 if "o_proj" in name or "down_proj" in name else 1.0))

    def states(self, ids):
        """The normalised last hidden states of rows of ids, padded on the right if at all."""
        length = ids.shape[1]
        mask = torch.full((length, length), -1e9).triu(1)
        x = self.model.embed_tokens(ids)
        for layer in self.model.layers:
            x = layer(x, self.cos[:length], self.sin[:length], mask)
        return self.model.norm(x)

    def forward(self, ids):
        return self.lm_head(self.states(ids))

    @torch.no_grad()
    def answer(self, prompts, end, limit):
        """Greedy continuations of prompts of one length, up to the id `end` (not included) or `limit` ids."""
        ids = torch.tensor(prompts)
        start, done = ids.shape[1], torch.zeros(len(prompts), dtype=torch.bool)
        for _ in range(limit):
            following = self.lm_head(self.states(ids)[:, -1]).argmax(-1)
            ids = torch.cat([ids, following[:, None]], dim=1)
            done |= following == end
            if done.all():
                break
        rows = ids[:, start:].tolist()
        return [row[:row.index(end)] if end in row else None for row in rows]
